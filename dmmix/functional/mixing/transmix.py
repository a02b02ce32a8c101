"""TransMix: labels of a pasted image by where a vision transformer looks."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dmmix.functional.tensors.checks import check_unit
from dmmix.functional.tensors.dtypes import share_dtype


def attention_share(attention: Tensor, mask: Tensor, area: float = 0.0) -> Tensor:
    r"""The share of the first image in what the class token looks at.

    With the attention :math:`A` over the patches of the mixed image, scaled to the sum 1, and the
    mask :math:`M` of the first image averaged over each patch, :math:`{\downarrow} M`:

    .. math::
        \lambda_i = (1 - \rho) \sum_t A_{it} \, ({\downarrow} M)_{it} + \rho \bar M_i

    Args:
        attention: (N, T) floats, 0 or more: attention of the class token to each patch, row by row
            over the grid of patches (:func:`token_grid`). A sample without any attention gets the
            share of the area.
        mask: (N, 1, H, W) bools or floats, true (or 1) where the first image is.
        area: weight :math:`\rho` of the share of the area :math:`\bar M`, in [0, 1].

    Returns:
        (N,) shares in [0, 1], float32 (float64 for float64 attention).

    Raises:
        TypeError: attention that is not floating point.
        ValueError: a wrong shape; tokens that are no grid of square patches over the image;
            ``area`` outside [0, 1].

    Source: TransMix (arXiv 2111.09833). The paper has :math:`\rho = 0`, its code 0.5 and the mask
    at the nearest pixel instead of the mean over a patch.
    """
    if not isinstance(attention, Tensor) or not attention.is_floating_point():
        kind = attention.dtype if isinstance(attention, Tensor) else type(attention).__name__
        raise TypeError(f"attention must be a floating-point Tensor, got {kind}")
    if mask.ndim != 4 or attention.ndim != 2 or attention.shape[0] != mask.shape[0]:
        raise ValueError(
            "attention must be (N, T) and mask (N, 1, H, W), got "
            f"{tuple(attention.shape)} and {tuple(mask.shape)}"
        )
    check_unit("area", area)
    dtype = share_dtype(attention)
    attention, mask = attention.to(dtype), mask.to(dtype)
    grid = token_grid(attention.shape[1], (mask.shape[2], mask.shape[3]))
    kept = F.adaptive_avg_pool2d(mask, grid).flatten(1)
    whole = mask.mean((1, 2, 3))
    total = attention.sum(1)
    some = total > 0
    share = (attention * kept).sum(1) / torch.where(some, total, 1)
    share = torch.where(some, share, whole)
    return torch.lerp(share, whole, area).clamp(0, 1)


def token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the grid of ``tokens`` square patches over an image of this size.

    The image need not be square, nor a whole number of patches: what is left at the border may be
    dropped or padded.

    Raises:
        ValueError: no such grid has so many patches. This is also what tokens that stand for no
            patch (of a class, of distillation) lead to where they are counted in.
    """
    height, width = size
    grids = [(h, tokens // h) for h in range(1, tokens + 1) if tokens % h == 0]
    fitting = [grid for grid in grids if _is_covered(grid, size)]
    if not fitting:
        raise ValueError(
            f"{tokens} tokens are no grid of square patches over an image of {height} x {width}: "
            "are there tokens among them that stand for no patch?"
        )
    # torch 2.6 compiles no min(key=...).
    return sorted(fitting, key=lambda grid: abs(math.log(grid[0] * width / (grid[1] * height))))[0]


def _is_covered(grid: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether patches of one side make this grid: the border dropped, or padded."""
    (h, w), (height, width) = grid, size
    dropped = max(height / (h + 1), width / (w + 1)) < min(height / h, width / w)
    above = [length / (count - 1) for length, count in zip(size, grid, strict=True) if count > 1]
    padded = max(height / h, width / w) < min(above, default=math.inf)
    return dropped or padded
