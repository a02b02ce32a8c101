"""Batches from a labelled and an unlabelled stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from dmmix.arguments import Checked
from dmmix.datasets.interface import TwoStreams
from dmmix.functional.ranges import Count
from dmmix.registry import DATA_SAMPLERS


class EndlessOrder:
    """The numbers ``0 ... size - 1`` in one random order after the other, without an end.

    Order ``p`` is drawn from a hash of (``seed``, ``name``, ``p``): position ``g`` is number
    ``g % size`` of order ``g // size``, whoever asks and whatever was asked before.
    """

    def __init__(self, size: int, seed: int, name: str) -> None:
        self.size = size
        self.seed = seed
        self.name = name
        self._orders: dict[int, np.ndarray] = {}

    def take(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """``count`` numbers from position ``start`` on, and of which order each is."""
        rounds, places = np.divmod(np.arange(start, start + count), self.size)
        first, last = int(rounds[0]), int(rounds[-1])
        # What comes next is in the last of these orders or after it.
        self._orders = {p: self._order(p) for p in range(first, last + 1)}
        found = [self._orders[p][places[rounds == p]] for p in range(first, last + 1)]
        return np.concatenate(found), rounds

    def _order(self, number: int) -> np.ndarray:
        if number in self._orders:
            return self._orders[number]
        key = repr(("stream", self.seed, self.name, number)).encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
        return torch.randperm(self.size, generator=generator).numpy()


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Two endless streams of indices, shared out to the processes; for
    :class:`MultiSourceBatchSampler`.

    Of a batch that all processes together take ``n`` of, process ``r`` of ``w`` takes the ``r``-th
    ``n / w``: what is seen in a step does not depend on the number of processes.

    Args:
        dataset: with ``stream_sizes``, those of the two streams (:class:`SemiDataset`).
        seed: the same in all processes; by default one of them draws it.

    Raises:
        TypeError: a dataset without two streams; (when it is iterated) no batch sampler.
    """

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        if not isinstance(dataset, TwoStreams):
            raise TypeError(
                "MultiSourceSampler needs a dataset with a labelled and an unlabelled stream "
                f"(SemiDataset), got {type(dataset).__name__}; wrappers go inside that"
            )
        self.dataset: Any = dataset
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        names = ("labelled", "unlabelled")
        self.orders = [
            EndlessOrder(size, self.seed, name)
            for size, name in zip(dataset.stream_sizes, names, strict=True)
        ]
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Where the next iteration starts; ``DistSamplerSeedHook`` calls it."""
        self.epoch = epoch

    def batch(self, number: int, sizes: tuple[int, int]) -> list[int]:
        """Indices of this process in batch ``number``, from 0: ``sizes`` of each stream."""
        found, first = [], 0
        for order, size in zip(self.orders, sizes, strict=True):
            start = (number * self.world_size + self.rank) * size
            members, draws = order.take(start, size)
            # A member of the k-th order is its k-th draw, see SemiDataset.
            found.append(first + members + draws * len(self.dataset))
            first += order.size
        return np.concatenate(found).tolist()

    def __iter__(self) -> NoReturn:
        self._refuse()

    def __len__(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(
            "MultiSourceSampler has streams without an end: add "
            "batch_sampler=dict(type='MultiSourceBatchSampler', mu=7) to train_dataloader"
        )


@DATA_SAMPLERS.register_module()
class MultiSourceBatchSampler(Checked, Sampler):
    r"""Batches of ``batch_size`` labelled and ``mu`` times as many unlabelled samples.

    An "epoch" is a number of batches, and the next one goes on where it ended: nothing begins or
    ends with it but validation, checkpoints and schedules. Resumed at the end of an epoch, a run
    sees what it would have seen.

    Config::

        train_dataloader = dict(
            batch_size=64,
            dataset=dict(type='SemiDataset', ...),
            sampler=dict(type='MultiSourceSampler'),
            batch_sampler=dict(type='MultiSourceBatchSampler', mu=7, batches=1024),
            collate_fn=dict(type='whole_batch'))

    Args:
        sampler: the streams.
        batch_size: labelled samples of a process, at least 1.
        mu: unlabelled samples for each labelled one, a whole number, at least 1.
        batches: of an epoch, at least 1.

    Raises:
        TypeError: another sampler.
        ValueError: a number out of range.
    """

    def __init__(
        self, sampler: Sampler, batch_size: Count, mu: Count = 7, batches: Count = 1024
    ) -> None:
        if not isinstance(sampler, MultiSourceSampler):
            raise TypeError(
                "MultiSourceBatchSampler needs sampler=dict(type='MultiSourceSampler'), got "
                f"{type(sampler).__name__}"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.mu = mu
        self.batches = batches
        self.sizes = (batch_size, batch_size * mu)

    def __iter__(self) -> Iterator[list[int]]:
        first = self.sampler.epoch * self.batches
        for number in range(first, first + self.batches):
            yield self.sampler.batch(number, self.sizes)

    def __len__(self) -> int:
        return self.batches
