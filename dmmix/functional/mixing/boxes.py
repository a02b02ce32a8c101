"""A box of each sample, given by its edges."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.layout import as_bytes
from dmmix.functional.tensors.spans import Span, box_area, box_mask, centered, side_ratio


def box_edges(
    lam: Tensor, centers: Tensor, size: tuple[int, int], inside: bool = False
) -> tuple[Tensor, Tensor]:
    """First pixel of the box and the one after its last, (N, 2) each, along height and width.

    Whole numbers, as floats. Both axes at once: on small images what costs is the number of
    operations.

    Args:
        lam: (N,) or (1,), what the box leaves of the image before it is clipped and rounded.
        centers: (N, 2) or (1, 2), fractions (y, x) of height and width.
        size: (H, W).
        inside: shift the box to lie wholly inside the image instead of clipping it.
    """
    ratio = side_ratio(lam)[:, None]
    # A tensor made of Python numbers would have to be copied to the device.
    length = torch.linspace(*size, 2, dtype=ratio.dtype, device=ratio.device)
    return centered(ratio, centers.to(ratio.dtype), length, inside=inside)


def outside_box(start: Tensor, stop: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, 1, H, W) bool, true outside the box."""
    pixel = torch.arange(max(size), dtype=start.dtype, device=start.device)
    outside = (pixel < start[:, :, None]).logical_or_(pixel >= stop[:, :, None])
    rows, columns = as_bytes(outside).unbind(1)
    outside = rows[:, None, : size[0], None] | columns[:, None, None, : size[1]]
    return outside.view(torch.bool)


def paste_box(
    images: Tensor,
    labels: Labels,
    index: Tensor,
    rows: Span,
    columns: Span,
    *,
    second: Tensor | None = None,
    out: Tensor | None = None,
) -> Mixed:
    """Each image with its partner inside the box; ``labels`` are prepared.

    Args:
        rows: of the box, integers in [0, H].
        columns: the same along the width.
        second: see :func:`by_mask`.
        out: see :func:`dmmix.functional.mixup`.
    """
    height, width = images.shape[-2:]
    kept = ~box_mask(rows, columns, (height, width))[:, None]
    number = height * width - box_area(rows, columns)
    share = number.to(share_dtype(images)) / (height * width)
    return by_mask(images, labels, kept, index, second=second, share=share, out=out)
