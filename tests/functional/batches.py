"""Batches of logits and mixed labels that the tests of the losses share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.testing import assert_close

from dmmix.functional import MixedLabels

from . import reference

#: (N, C, K)
SHAPES = [(6, 2, 2), (8, 3, 2), (9, 10, 1), (12, 10, 2), (8, 10, 3), (8, 12, 4), (5, 1000, 2)]


def random_batch(
    n: int,
    num_classes: int,
    k: int,
    *,
    seed: int = 0,
    scale: float = 3.0,
    repeats: bool = True,
    zeros: bool = True,
) -> tuple[Tensor, MixedLabels]:
    """float64 logits and mixtures of ``k`` classes, with everything that can happen to them.

    ``repeats`` lets a class stand in several slots, ``zeros`` lets shares be 0.
    """
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, num_classes, generator=g, dtype=torch.float64)
    if repeats:
        classes = torch.randint(num_classes, (n, k), generator=g)
        classes[0] = classes[0, 0]
    else:
        classes = torch.rand(n, num_classes, generator=g).argsort(dim=1)[:, :k]
    shares = torch.rand(n, k, generator=g, dtype=torch.float64) + 0.05
    if zeros and k > 1:
        shares[1::4, torch.randint(k, (1,), generator=g)] = 0
        shares[2::4, 1:] = 0
    return logits, MixedLabels(classes, shares / shares.sum(dim=1, keepdim=True))


def each_sample(function, logits: Tensor, labels: MixedLabels, **per_batch) -> Tensor:
    """A function of :mod:`reference`, called with one sample at a time."""
    values = [
        getattr(reference, function)(z, c, s, **per_batch)
        for z, c, s in zip(
            logits.tolist(), labels.classes.tolist(), labels.shares.tolist(), strict=True
        )
    ]
    return torch.tensor(values, dtype=torch.float64)


def pairs(a: list[int], b: list[int], lam: list[float], dtype=torch.float64) -> MixedLabels:
    """Labels of pairs: a share ``lam`` of ``a``, the rest of ``b``."""
    lam = torch.as_tensor(lam, dtype=dtype)
    return MixedLabels(torch.tensor([a, b]).T, torch.stack([lam, 1 - lam], dim=1))


def exactly(actual: Tensor, expected: Tensor) -> None:
    """Equal up to the rounding of float64."""
    assert_close(actual, expected, atol=1e-12, rtol=1e-12)
