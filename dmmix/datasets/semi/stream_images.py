"""The images that a stream is made of."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmmix.datasets.interface import makes_batches, makes_repeats


class StreamImages:
    """The samples ``rows`` (n,) of a dataset, by their number among these.

    It makes whole batches (``batched``), or samples one by one, with ``inputs`` and ``labels``. If
    it crops anew for each repeat (``repeats``), each draw is one.
    """

    def __init__(self, dataset: Any, rows: np.ndarray) -> None:
        self.rows = rows
        self._batched = makes_batches(dataset)
        self._repeats = makes_repeats(dataset)
        if self._repeats:
            # The same lists, fewer rows: a file that cannot be decoded is replaced by one of these
            # (corrupt='skip'), not by one whose label is not to be known.
            dataset = dataset.get_subset(rows)
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self.rows)

    def in_the_middle(self) -> StreamImages:
        """The same images, as for evaluation: files are cropped in the middle."""
        if not self._repeats:
            return self
        same = copy.copy(self)
        same._dataset = self._dataset.in_the_middle()
        return same

    def take(self, members: np.ndarray, draws: np.ndarray) -> dict[str, Tensor]:
        """A batch of ``inputs`` and ``labels``: which ones (B,), and which draw of each (B,)."""
        if self._batched:
            return self._dataset.__getitems__(self.rows[members].tolist())
        index = members + draws * len(self) if self._repeats else self.rows[members]
        samples = [self._dataset[i] for i in index.tolist()]
        return {name: torch.stack([s[name] for s in samples]) for name in ("inputs", "labels")}
