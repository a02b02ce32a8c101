"""Endless random orders whose every position can be told without those before it."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

__all__ = ["EndlessOrder"]


class EndlessOrder:
    """The numbers ``0 ... size - 1`` in one random order after the other, without an end.

    Order ``p`` is drawn from a hash of (``seed``, ``name``, ``p``): position ``g`` is number
    ``g % size`` of order ``g // size``, whoever asks and whatever was asked before.

    Args:
        size: at least 1.
        seed: of the orders.
        name: tells those of one seed apart.
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
