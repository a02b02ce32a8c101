"""Attentive CutMix: the cells of another image that a network looks at, pasted into each image."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_counts
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype
from dmmix.functional.tensors.grids import sized_cells
from dmmix.functional.tensors.maps import check_maps, rank, resize_maps


def attentivemix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    attention: Tensor,
    *,
    grid: int = 7,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with the most attentive cells of its partner pasted in, at the places where they
    were.

    A grid of :math:`g \times g` cells is laid over the images, and the attention of the partner
    resized to it. The :math:`k_i = \operatorname{round}((1 - \lambda_i) g^2)` cells of largest
    attention are pasted; of equal ones those that come first, row by row. With the mask of what is
    left of the first image, images and labels are mixed as in :func:`cutmix`.

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image, of the cells. The paper pastes 6
            of 7 x 7 cells: ``1 - 6 / 49``.
        attention: (N, h, w) floats of any size, what is looked at in each of the ``images`` (in
            their order, not in that of the partners): the mean of the last feature map over its
            channels.
        grid: how many cells a side. A side with fewer pixels has one cell a pixel. Where the
            pixels do not divide evenly, cells differ by one pixel.

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts.

    Raises:
        TypeError, ValueError: see :func:`mixup`; a ``grid`` below 1; with ``check``, attention that
            is not finite.

    Source: Attentive CutMix (arXiv 2003.13048).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    check_maps("attention", attention, images, check)
    check_counts(grid=grid)
    lam = lam.expand(images.shape[0])
    height, width = images.shape[-2:]
    # Never more cells than pixels: one without pixels could not be pasted.
    cells = resize_maps(attention, (min(grid, height), min(grid, width)), antialias=True)
    number = (at_least_float32(1 - lam) * cells.shape[1:].numel()).round()
    pasted = (rank(cells.flatten(1)[index]) < number[:, None]).view_as(cells)
    rows, row_sizes = sized_cells(height, cells.shape[1], images.device)
    columns, column_sizes = sized_cells(width, cells.shape[2], images.device)
    count = (pasted * (row_sizes[:, None] * column_sizes)).sum((1, 2))
    share = (height * width - count).to(share_dtype(images)) / (height * width)
    kept = ~pasted.index_select(1, rows).index_select(2, columns)
    return by_mask(images, labels, kept[:, None], index, share=share, out=out)
