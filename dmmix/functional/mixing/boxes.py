"""A box of each sample, given by its edges."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.spans import within

__all__ = ["paste_box"]


def paste_box(
    images: Tensor,
    labels: MixedLabels | Tensor,
    index: Tensor,
    rows: tuple[Tensor, Tensor],
    columns: tuple[Tensor, Tensor],
    *,
    second: Tensor | None = None,
    out: Tensor | None = None,
) -> Mixed:
    """Each image with its partner inside the box; ``labels`` are prepared.

    Args:
        rows: the first row of the box and the one after the last, two (N,) integer tensors, both
            in [0, H].
        columns: the same along the width.
        second: see :func:`by_mask`.
        out: see :func:`dmmix.functional.mixup`.
    """
    height, width = images.shape[-2:]
    pasted = within(*rows, height)[:, :, None] & within(*columns, width)[:, None, :]
    kept = height * width - (rows[1] - rows[0]) * (columns[1] - columns[0])
    share = kept.to(share_dtype(images)) / (height * width)
    return by_mask(images, labels, ~pasted[:, None], index, second=second, share=share, out=out)
