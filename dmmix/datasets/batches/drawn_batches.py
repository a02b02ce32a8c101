"""What is random in a sample follows from its place in training, not from what came before."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler


class DrawnBatch(list):
    """Indices of a batch; who goes through them finds Python, NumPy and torch seeded for each one.

    A data set that makes samples one by one draws from these generators, in this process or in a
    worker: it draws the same for a sample, whatever was drawn before and whoever makes it. After
    the last sample the generators are where they were. ``place`` are whole numbers that no other
    batch of a training has.
    """

    def __init__(self, indices: Sequence[int], place: Sequence[int]) -> None:
        super().__init__(indices)
        self.place = tuple(place)

    def __iter__(self) -> Iterator[int]:
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        try:
            words = np.random.SeedSequence(self.place).generate_state(4 * len(self)).tolist()
            for k, index in enumerate(super().__iter__()):
                python, numpy_, high, low = words[4 * k : 4 * k + 4]
                random.seed(python)
                np.random.seed(numpy_)
                # Not torch.manual_seed, which seeds the GPUs of this process too.
                torch.default_generator.manual_seed(high << 31 ^ low)
                yield index
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            torch.set_rng_state(before[2])

    def __reduce__(self) -> tuple:  # on its way to a worker nobody goes through it
        return DrawnBatch, (list(super().__iter__()), self.place)


class DrawnBatches(Sampler):
    """A batch sampler whose batches are numbered through training, and that can start anywhere.

    Args:
        batches: the batch sampler.
        place: of all its batches, such as (seed, rank); ``None`` gives plain lists, for a data set
            that makes whole batches and draws from (seed, epoch, index) by itself.

    Attributes:
        number: that of the first batch of the next iteration, from the start of training on.
        skip: how many batches the next iteration leaves out; it has their numbers pass by.
    """

    def __init__(self, batches: Any, place: Sequence[int] | None) -> None:
        self.batches = batches
        self.place = place
        self.number = 0
        self.skip = 0

    def __iter__(self) -> Iterator[list[int]]:
        skip, self.skip = self.skip, 0
        for number, batch in enumerate(islice(self.batches, skip, None), self.number + skip):
            yield batch if self.place is None else DrawnBatch(batch, (*self.place, number))

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == "batches":  # unpickling
            raise AttributeError(name)
        return getattr(self.batches, name)
