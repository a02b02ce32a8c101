"""How the tests of the losses compare with :mod:`reference`."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.testing import assert_close

from dmmix.functional import MixedLabels

from . import reference

#: (N, C, K)
SHAPES = [(6, 2, 2), (8, 3, 2), (9, 10, 1), (12, 10, 2), (8, 10, 3), (8, 12, 4), (5, 1000, 2)]

#: Equal up to the rounding of float64.
exactly = partial(assert_close, atol=1e-12, rtol=1e-12)


def each_sample(function: str, logits: Tensor, labels: MixedLabels, **per_batch) -> Tensor:
    """A function of :mod:`reference`, called with one sample at a time."""
    values = [
        getattr(reference, function)(z, c, s, **per_batch)
        for z, c, s in zip(
            logits.tolist(), labels.classes.tolist(), labels.shares.tolist(), strict=True
        )
    ]
    return torch.tensor(values, dtype=torch.float64)
