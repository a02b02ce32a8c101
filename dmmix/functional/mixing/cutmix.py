"""CutMix: a box of another image pasted into each image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.boxes import box_edges, outside_box
from dmmix.functional.mixing.compose import by_box, by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import share_dtype


def cutmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    centers: Tensor,
    *,
    inside: bool = False,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with a box of its partner pasted in, at the place where it was.

    The box has the sides :math:`\sqrt{1 - \lambda}\,(H, W)`, rounded to whole pixels, and is
    clipped at the border of the image. With the mask :math:`M` of what is left of the first
    image, and its mean over the pixels :math:`\bar M`:

    .. math::
        \tilde x_i = M_i \odot x_i + (1 - M_i) \odot x_{j(i)}, \qquad
        \tilde y_i = \bar M_i y_i + (1 - \bar M_i) y_{j(i)}

    Args:
        images, labels, index, out, check, errors: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image before clipping and rounding.
        centers: (N, 2) floats in [0, 1), the centre of the box as fractions (y, x) of height and
            width.
        inside: shift the box to lie wholly inside the image instead of clipping it, so that
            ``lam`` is met up to the rounding of the sides.

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts.

    Source: CutMix (arXiv 1905.04899).
    """
    labels = prepare_pair(images, labels, lam, index, out, check, centers=centers)
    height, width = images.shape[-2:]
    if _known_box(lam, centers):
        rows, columns = _one_box(lam, centers, height, width, inside)
        return by_box(images, labels, rows, columns, index, out=out)
    start, stop = box_edges(lam, centers, (height, width), inside)
    mask = outside_box(start, stop, (height, width))
    kept = torch.rsub((stop - start).prod(1), height * width)
    share = kept.div_(height * width).to(share_dtype(images))
    return by_mask(images, labels, mask, index, share=share, out=out)


def _known_box(lam: Tensor, centers: Tensor) -> bool:
    """Whether all samples have the same box, and looking at it does not wait for a device."""
    return (
        type(lam) is type(centers) is Tensor
        and lam.device.type == "cpu"
        and lam.shape[0] == centers.shape[0] == 1
        and lam.dtype == centers.dtype == torch.float64
        and not torch.compiler.is_compiling()
    )


def _one_box(lam: Tensor, centers: Tensor, height: int, width: int, inside: bool) -> list[slice]:
    """Rows and columns of a box for the whole batch: :func:`box_edges` in Python's numbers, which
    take less time than forty operations on tensors of one element."""
    ratio = math.sqrt(1 - lam[:1].tolist()[0])
    box = []
    for center, length in zip(centers[0].tolist(), (height, width), strict=True):
        side = round(ratio * length)
        start = round(center * length - side / 2)
        if inside:
            start = min(max(start, 0), length - side)
        box.append(slice(max(start, 0), max(0, min(start + side, length))))
    return box
