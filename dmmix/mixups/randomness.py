"""Where the random numbers of a training step come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import torch
import torch.distributed as dist


class RandomStream(IntEnum):
    """The independent random streams of a step. A number stays as it is: it is part of the seed."""

    MIX = 0
    AUGMENTATION = 1  # of the images, by the data preprocessor
    STREAM_MIX = 2  # of labelled with unlabelled images
    OWN_MIX = 3  # of MixMatch and ReMixMatch


class TrainingState(NamedTuple):
    """This process among those that train together, and where they stand; ``None``: not known."""

    rank: int = 0
    seed: int | None = None
    iteration: int | None = None
    max_iterations: int | None = None
    epoch: int | None = None


def _torch() -> TrainingState:
    """PyTorch alone knows the process."""
    grouped = dist.is_available() and dist.is_initialized()
    return TrainingState(dist.get_rank() if grouped else 0)


Source = Callable[[], TrainingState]
_source: Source = _torch


def set_source(source: Source | None) -> Source:
    """Who says where a training stands, from here on; ``None`` for PyTorch alone.

    ``import dmmix.registry`` sets mmengine, whose runner knows seed, iteration and epoch.

    Returns:
        The source before.
    """
    global _source
    before, _source = _source, source or _torch
    return before


def step_generator(stream: int = RandomStream.MIX) -> torch.Generator:
    """A CPU generator for this training step.

    In a training whose source knows them, its seed is a hash of (the seed of the training, rank,
    iteration, ``stream``): the same config and seed give the same numbers, also after an
    interruption, and whatever else draws in between. Asking twice in a step gives the same numbers
    twice; a second, independent use in a step takes another ``stream``.

    Otherwise there is no iteration: the seed is a hash of (a number from torch's default CPU
    generator, rank, ``stream``), so each call gives other numbers, and the same ones again after
    the same :func:`torch.manual_seed`.

    Args:
        stream: which of the independent sequences of the step, a :class:`RandomStream` or another
            integer.
    """
    state = _source()
    stream = int(stream)  # no member of the enum: the text of the key is what is hashed
    if state.seed is None or state.iteration is None:
        key: tuple[str | int, ...] = ("call", _drawn(), state.rank, stream)
    else:
        key = ("step", state.seed, state.rank, state.iteration, stream)
    # A hash, not a sum: seed 1 at step 2 must not be seed 2 at step 1, and torch's CPU generator
    # takes only the low 32 bits of a seed.
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def _drawn() -> int:
    """From the default generator of the CPU, which no device is waited for."""
    return int(torch.randint(2**63 - 1, (), device="cpu"))


def current_epoch() -> int | None:
    """The epoch of the training in this process, from 0; ``None`` if there is none.

    In an iteration-based loop it is what that loop calls the epoch (mmengine's stays at 0).
    """
    return _source().epoch


def training_progress() -> float | None:
    """The part of the training that is done, from 0 to 1; ``None`` outside of a training."""
    state = _source()
    if state.iteration is None or state.max_iterations is None:
        return None
    return min(1.0, state.iteration / max(1, state.max_iterations))
