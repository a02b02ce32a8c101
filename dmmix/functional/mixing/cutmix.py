"""CutMix: a box of another image pasted into each image."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.mixing.blend import prepare_labels
from dmmix.functional.mixing.checks import (
    check_centers,
    check_images,
    check_index,
    check_lam,
    check_out,
    share_dtype,
)
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.mixed import Mixed

__all__ = ["cutmix"]


def cutmix(
    images: Tensor,
    labels: MixedLabels | Tensor,
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
        images: (N, ch, H, W), any float dtype, device and memory format; not written to.
        labels: (N,) integer classes; :class:`MixedLabels` of any K (several mixes in a row); or
            (N, C) soft labels, which stay dense.
        lam: (N,) floats in [0, 1], the share of the first image before clipping and rounding.
        index: (N,) integers, the pairing :math:`j`: the second image is ``images[index]``.
        centers: (N, 2) floats in [0, 1), the centre of the box as fractions (y, x) of height and
            width.
        inside: shift the box to lie wholly inside the image instead of clipping it, so that
            ``lam`` is met up to the rounding of the sides.
        out: see :func:`mixup`.
        check: see :func:`mixup`.

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts, float32 (float64 for float64 images).

    Raises:
        TypeError: images that are not floating point (uint8), or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a value out of range.

    Source: CutMix (arXiv 1905.04899).
    """
    check_images(images)
    check_lam(lam, images, check)
    check_index(index, images, check)
    check_centers(centers, images, check)
    labels = prepare_labels(labels, images, check)
    check_out(out, images)
    height, width = images.shape[-2:]
    ratio = (1 - lam.to(torch.promote_types(lam.dtype, torch.float32))).sqrt()
    centers = centers.to(ratio.dtype)
    top, bottom = _span(ratio, centers[:, 0], height, inside)
    left, right = _span(ratio, centers[:, 1], width, inside)
    pasted = _within(top, bottom, height)[:, :, None] & _within(left, right, width)[:, None, :]
    kept = height * width - (bottom - top) * (right - left)
    share = kept.to(share_dtype(images)) / (height * width)
    return by_mask(images, labels, ~pasted[:, None], index, share=share, out=out)


def _span(ratio: Tensor, center: Tensor, length: int, inside: bool) -> tuple[Tensor, Tensor]:
    """First pixel and the one after the last, along one side of the image."""
    side = (ratio * length).round()
    # Rounding the edge, not the centre: the box is as likely to lean to either side.
    start = (center * length - side / 2).round()
    if inside:
        start = torch.minimum(start.clamp_min(0), length - side)
    stop = (start + side).clamp_max(length)
    return start.clamp_min(0).long(), stop.long()


def _within(start: Tensor, stop: Tensor, length: int) -> Tensor:
    """(N, length) bool, true from ``start`` up to before ``stop``."""
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start[:, None]) & (pixel < stop[:, None])
