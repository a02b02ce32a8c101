"""The random states of a process, as plain data for a checkpoint, and the seeds of its workers."""

import os
import random
from typing import Any

import numpy as np
import torch
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS

from dmmix.registry import FUNCTIONS


def capture() -> dict:
    """Copy the states of Python, NumPy (its global generator), torch, and torch's current GPU, as
    tensors and plain numbers only, so that it loads with ``weights_only=True``.

    Only the GPU that this process works on: asking for the others would start a context on each.
    """
    version, words, gauss = random.getstate()
    numpy_: Any = np.random.get_state()
    _, keys, position, has_gauss, cached = numpy_
    states = {
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
        "numpy": {
            "keys": torch.from_numpy(keys.astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached_gaussian": float(cached),
        },
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore(states: dict) -> None:
    """Put back what :func:`capture` copied; its tensors may lie on any device (loading a checkpoint
    moves them). The state of a GPU is left out where there is none."""
    python, numpy_ = states["python"], states["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    keys = numpy_["keys"].cpu().numpy().astype(np.uint32)
    np.random.set_state(
        ("MT19937", keys, numpy_["position"], numpy_["has_gauss"], numpy_["cached_gaussian"])
    )
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"].cpu())


def seed_afresh(*entropy: int) -> None:
    """Seed everything from whole numbers of 0 or more, e.g. (seed, iteration, rank): same numbers,
    same states."""
    python, torch_, *numpy_ = np.random.SeedSequence(entropy).generate_state(6, np.uint64)
    random.seed(int(python))
    torch.manual_seed(int(torch_ >> np.uint64(1)))  # 63 bits: torch seeds are signed
    np.random.seed([int(word) & 0xFFFFFFFF for word in numpy_])


# mmengine looks `worker_init_fn` up in its root registry, whatever the default scope is. There the
# plain name makes dict(type='seed_worker') work; ours makes 'dmmix.seed_worker' work.
@MMENGINE_FUNCTIONS.register_module()
@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seed Python, NumPy and torch in a data-loading worker.

    The seed is ``torch.initial_seed()`` (of the worker: drawn by the main process each time it
    starts workers, plus the worker's number) together with the rank. So every epoch augments
    differently, every rank too, even where all ranks share one seed; and since
    :class:`~dmmix.engine.RandomStateHook` restores the main process, a resumed run draws what
    the uninterrupted one would have. Workers that outlive an epoch (``persistent_workers=True``)
    are seeded only once, and so cannot be put back where they were.

    Config: ``train_dataloader = dict(worker_init_fn=dict(type='seed_worker'), ...)``.
    """
    # The launchers set RANK; a worker that was spawned and not forked has no process group to ask.
    rank = int(os.environ.get("RANK", 0))
    seed_afresh(torch.initial_seed(), rank)
