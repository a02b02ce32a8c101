"""Rescaling of shares: what part of a mixture counts as how much of a class."""

from __future__ import annotations

import torch
from torch import Tensor


def rescale_share(share: Tensor, t: float = 1.0, xi: float = 0.8) -> Tensor:
    r"""Rescaled share of DM(BCE).

    .. math:: r(\lambda; t, \xi) = \min\bigl(1, (\lambda / \xi)^t\bigr), \qquad r(0) = 0

    Args:
        share: shares in [0, 1], any shape.
        t: how fast a class fades with its share; 0 or more. ``t=0`` calls every class that is
            mixed in whole (two-hot), ``t=1`` with ``xi=1`` leaves the share as it is.
        xi: the share from which on a class counts as whole, in (0, 1].

    Returns:
        Tensor of the same shape, in [0, 1]. A share of 0 stays 0 for every ``t``.

    Raises:
        ValueError: ``t`` or ``xi`` out of range.

    Source: Decoupled Mixup (arXiv 2203.10761).
    """
    check_rescaling(t, xi)
    present = share > 0
    # The power of a positive stand-in: 0 ** t has no finite derivative for t < 1.
    scaled = (torch.where(present, share, torch.ones_like(share)) / xi).pow(t).clamp_max(1)
    return torch.where(present, scaled, torch.zeros_like(share))


def check_rescaling(t: float, xi: float) -> None:
    """Raises ValueError unless ``t >= 0`` and ``0 < xi <= 1``."""
    if not t >= 0:
        raise ValueError(f"t must be 0 or more, got {t}")
    if not 0 < xi <= 1:
        raise ValueError(f"xi must be in (0, 1], got {xi}")
