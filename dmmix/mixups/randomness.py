"""Where the random numbers of a training step come from."""

from __future__ import annotations

import hashlib

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub

__all__ = ["current_epoch", "step_generator", "training_progress"]


def step_generator(stream: int = 0) -> torch.Generator:
    """A CPU generator for this training step.

    While an mmengine runner trains, its seed is a hash of (the runner's seed, rank, iteration,
    ``stream``): the same config and seed give the same numbers, also after an interruption, and
    whatever else draws in between. Asking twice in a step gives the same numbers twice; a second,
    independent use in a step takes another ``stream``.

    Outside of a runner's training there is no iteration: the seed is a hash of (a number from
    torch's default CPU generator, rank, ``stream``), so each call gives other numbers, and the same
    ones again after the same :func:`torch.manual_seed`.

    Args:
        stream: which of the independent sequences of the step, an integer.
    """
    runner = _training_info("seed", "iter")
    if runner is not None:
        key: tuple[str | int, ...] = ("step", runner[0], get_rank(), runner[1], stream)
    else:
        key = ("call", _drawn(), get_rank(), stream)
    # A hash, not a sum: seed 1 at step 2 must not be seed 2 at step 1, and torch's CPU generator
    # takes only the low 32 bits of a seed.
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def _drawn() -> int:
    """From the default generator of the CPU, which no device is waited for."""
    return int(torch.randint(2**63 - 1, (), device="cpu"))


def current_epoch() -> int | None:
    """The epoch of the runner that trains in this process, from 0; ``None`` if there is none.

    In an iteration-based loop it is what that loop calls the epoch (mmengine's stays at 0).
    """
    runner = _training_info("epoch")
    return None if runner is None else runner[0]


def training_progress() -> float | None:
    """The part of the training that is done, from 0 to 1; ``None`` outside of a runner's."""
    runner = _training_info("iter", "max_iters")
    return None if runner is None else min(1.0, runner[0] / max(1, runner[1]))


def _training_info(*keys: str) -> tuple[int, ...] | None:
    """What the runner in training said about itself; ``None`` without one."""
    info = MessageHub.get_current_instance().runtime_info
    # After training the other entries stay as they were, only the stage is taken back. During
    # validation the iteration stands still, and all batches would get the same numbers.
    if info.get("loop_stage") != "train":
        return None
    values = tuple(info.get(key) for key in keys)
    return None if None in values else values
