"""Seeds for the data-loading workers that follow the random state of the main process."""

import os

import torch
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS

from dmmix.engine.random_states import seed_afresh
from dmmix.registry import FUNCTIONS

__all__ = ["seed_worker"]


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

    Args:
        worker_id: Number of the worker (part of ``torch.initial_seed()`` already).
    """
    # The launchers set RANK; a worker that was spawned and not forked has no process group to ask.
    rank = int(os.environ.get("RANK", 0))
    seed_afresh(torch.initial_seed(), rank)
