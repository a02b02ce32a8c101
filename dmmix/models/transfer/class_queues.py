"""The last keys of each class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count

__all__ = ["ClassQueues"]


class ClassQueues(Checked, nn.Module):
    """A ring of keys for each class; nothing waits for the device.

    Args:
        num_classes: C, at least 1.
        size: D, keys of a class, at least 1.
        dimension: E of a key.

    Attributes:
        keys: (C, D, E).
        pushed: (C,) how many keys each class got so far.
    """

    keys: Tensor
    pushed: Tensor

    def __init__(self, num_classes: Count, size: Count, dimension: Count) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(num_classes, size, dimension))
        self.register_buffer("pushed", torch.zeros(num_classes, dtype=torch.int64))

    @property
    def valid(self) -> Tensor:
        """(C, D) bools, which keys are there."""
        places = torch.arange(self.keys.shape[1], device=self.keys.device)
        return places < self.pushed[:, None]

    @torch.no_grad()
    def push(self, keys: Tensor, classes: Tensor) -> None:
        """Adds (N, E) keys of these (N,) classes, in order; the oldest of a class go."""
        num_classes, size, dimension = self.keys.shape
        is_of = classes[:, None] == torch.arange(num_classes, device=classes.device)
        order = (is_of.cumsum(dim=0) - 1).gather(1, classes[:, None])[:, 0]
        counts = is_of.sum(dim=0)
        place = (self.pushed.index_select(0, classes) + order) % size + classes * size
        # Of more than fit, those that the later ones would overwrite go beyond the end at once.
        kept = order >= counts.index_select(0, classes) - size
        place = torch.where(kept, place, num_classes * size)
        longer = torch.cat([self.keys.flatten(0, 1), self.keys.new_zeros(1, dimension)])
        longer = longer.index_copy(0, place, keys.to(longer.dtype))
        # Not in place: the loss of this step still has to go back through the keys as they were.
        self.keys = longer[:-1].unflatten(0, (num_classes, size))
        self.pushed = self.pushed + counts
