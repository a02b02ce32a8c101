"""SnapMix: a box of another image pasted, and labelled by what it means to the network."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels, MixedLabels
from dmmix.functional.mixing.boxes import box_edges
from dmmix.functional.mixing.compose import by_mask, gather
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_lam
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.maps import check_maps, normalised, resize_maps
from dmmix.functional.tensors.resampling import resize_boxes
from dmmix.functional.tensors.spans import Span, box_area, box_mask


def snapmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    centers: Tensor,
    source_lam: Tensor,
    source_centers: Tensor,
    activation: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with a box of its partner, resized, pasted into a box of its own.

    Both boxes have the sides :math:`\sqrt{1 - \lambda}\,(H, W)`, each with a :math:`\lambda` and a
    centre of its own, rounded to whole pixels and clipped at the border of the image, as in
    :func:`cutmix`. The labels tell what the boxes mean, not how large they are. With the class
    activation map of each image resized to it, shifted to a minimum of 0 and scaled to a sum of 1,
    :math:`S`, the box :math:`B_i` of the first image and the box :math:`B'_i` of the partner:

    .. math::
        \rho_a = 1 - \sum_{p \in B_i} S_i(p), \qquad \rho_b = \sum_{p \in B'_i} S_{j(i)}(p)

    .. math::
        \tilde y_i = \frac{\rho_a y_i + \rho_b y_{j(i)}}{\rho_a + \rho_b}, \qquad
        w_i = \rho_a + \rho_b

    In the paper the shares do not sum to 1: both objects may be seen whole, or neither. That sum is
    the weight :math:`w_i` of the sample in the loss, and
    :math:`w_i \, \mathrm{CE}(\tilde y_i) = \rho_a \mathrm{CE}(y_i) + \rho_b \mathrm{CE}(y_{j(i)})`
    is the loss of the paper.

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], what is left of the first image before clipping and rounding.
        centers: (N, 2) floats in [0, 1), the centre of the box in the first image, as fractions
            (y, x) of height and width.
        source_lam: (N,) floats in [0, 1], what is not taken of the partner.
        source_centers: (N, 2), the centre of the box in the partner.
        activation: (N, h, w) floats of any size, the class activation map of each of the ``images``
            for its own class (in their order, not in that of the partners). A constant map says
            nothing and counts every pixel alike.

    Returns:
        :class:`Mixed` with ``weights`` (N,) in [0, 2]; the mask is bool, (N, 1, H, W), true where
        the first image is kept. Where one of the two boxes has no pixels, nothing is pasted. Where
        both shares are 0, the weight is 0 and the labels carry the shares of the pixels. Shares and
        weights are float32 (float64 for float64 images).

    Raises:
        TypeError, ValueError: see :func:`mixup`; with ``check``, an activation that is not finite.

    Source: SnapMix (arXiv 2012.04846). The box is resized bilinearly, with antialiasing.
    """
    labels = prepare_pair(
        images, labels, lam, index, out, check, centers=centers, source_centers=source_centers
    )
    check_lam(source_lam, images, check, name="source_lam")
    check_maps("activation", activation, images, check)
    n = images.shape[0]
    lam, source_lam = lam.expand(n), source_lam.expand(n)
    centers, source_centers = centers.expand(n, 2), source_centers.expand(n, 2)
    height, width = size = (images.shape[2], images.shape[3])
    target, source = _box(lam, centers, size), _box(source_lam, source_centers, size)
    some = (box_area(*target) > 0) & (box_area(*source) > 0)
    target = _only(some, target)
    pasted = box_mask(*target, size)

    dtype = share_dtype(images)
    meaning = _shares_of_pixels(activation, size).to(dtype)
    first = (1 - (meaning * pasted).sum((1, 2))).clamp(0, 1)
    taken = box_mask(*_only(some, source), size)
    second = (meaning[index] * taken).sum((1, 2)).clamp(0, 1)
    weights = first + second
    by_pixels = (height * width - box_area(*target)).to(dtype) / (height * width)
    share = torch.where(weights > 0, first / weights.clamp_min(1e-30), by_pixels)

    resized = resize_boxes(gather(images, index, out), source, target)
    mixed = by_mask(images, labels, ~pasted[:, None], index, second=resized, share=share, out=out)
    return mixed._replace(weights=weights)


def main_class(labels: Labels) -> Tensor:
    """(N,) the class of the largest share of each sample; integer labels as they are."""
    if isinstance(labels, MixedLabels):
        return labels.classes.gather(1, labels.shares.argmax(1, keepdim=True))[:, 0]
    return labels.argmax(1) if labels.is_floating_point() else labels


def _box(lam: Tensor, centers: Tensor, size: tuple[int, int]) -> tuple[Span, Span]:
    start, stop = box_edges(lam, centers, size)
    (top, left), (bottom, right) = start.long().unbind(1), stop.long().unbind(1)
    return (top, bottom), (left, right)


def _only(some: Tensor, box: tuple[Span, Span]) -> tuple[Span, Span]:
    """The box for some of the samples, none for the others."""
    (top, bottom), columns = box
    return (top, torch.where(some, bottom, top)), columns


def _shares_of_pixels(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, H, W), 0 or more, what each pixel has of its map; sums to 1."""
    # Shifted before it is resized as well: a constant map stays 0 to the last digit.
    maps = resize_maps(maps - maps.amin((1, 2), keepdim=True), size)
    return normalised(maps - maps.amin((1, 2), keepdim=True))
