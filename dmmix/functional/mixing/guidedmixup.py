"""GuidedMixup: each pixel from the image in which it is the more salient, smoothly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype
from dmmix.functional.tensors.maps import check_maps, normalised, resize_maps


def guidedmixup(
    images: Tensor,
    labels: Labels,
    lam: Tensor | None,
    index: Tensor,
    saliency: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Weighted mean of each image and its partner, pixel by pixel as salient as they are there.

    With the saliency maps scaled to a sum of 1, :math:`S`, and the mask

    .. math::
        M_i = \frac{\lambda_i S_i}{\lambda_i S_i + (1 - \lambda_i) S_{j(i)}}

    images and labels are mixed as in :func:`cutmix`. The paper has no :math:`\lambda`, which is one
    of a half.

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W); the
            pairing of the paper is :func:`greedy_pairing`.
        lam: (N,) floats in [0, 1], how much the saliency of the first image counts; ``None`` for
            as much as that of the second.
        saliency: (N, h, w) floats of any size, 0 or more (less counts as 0), of each of the
            ``images`` (in their order, not in that of the partners). The paper smooths it
            (:func:`smooth_saliency`). A map of zeros counts every pixel alike.

    Returns:
        :class:`Mixed`; the mask (N, 1, H, W) is the share of the first image at each pixel, rounded
        to the dtype of the images. Where neither image is salient it is ``lam``.

    Raises:
        TypeError, ValueError: see :func:`mixup`; with ``check``, saliency that is not finite.

    Source: GuidedMixup (arXiv 2306.16612).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    check_maps("saliency", saliency, images, check)
    height, width = images.shape[-2:]
    maps = resize_maps(saliency.detach(), (height, width)).to(share_dtype(images))
    first = normalised(maps.clamp_min(0))
    second = first[index]
    neutral: Tensor | float = 0.5
    if lam is not None:
        neutral = lam.to(first.dtype)[:, None, None]
        first, second = first * neutral, second * (1 - neutral)
    total = first + second
    mask = torch.where(total > 0, first / torch.where(total > 0, total, 1), neutral)
    return by_mask(images, labels, mask[:, None], index, out=out)


@torch.no_grad()
def greedy_pairing(saliency: Tensor) -> Tensor:
    r"""The pairing of GuidedMixup: partners whose saliency lies in other places.

    All samples form one circle, so none is paired with itself. It starts at one of the two whose
    maps are the furthest apart (Euclidean distance of all pixels), and the partner of each is the
    furthest of those that are not in the circle yet; the last one's is the first.

    Args:
        saliency: (N, h, w), smoothed; each map is scaled to a sum of 1 here. N steps of a few
            operations on N numbers each, none of which waits for the device.

    Returns:
        (N,) int64, each of ``0 ... N - 1`` once. The same maps always give the same pairing.

    Source: GuidedMixup (arXiv 2306.16612).
    """
    n, device = saliency.shape[0], saliency.device
    if n < 2:
        return torch.arange(n, device=device)
    maps = normalised(at_least_float32(saliency).clamp_min(0)).flatten(1)
    distance = torch.cdist(maps, maps).fill_diagonal_(-1)
    first = distance.amax(1).argmax(0, keepdim=True)
    index = torch.zeros(n, dtype=torch.int64, device=device)
    taken = torch.zeros(n, dtype=distance.dtype, device=device)
    row = first
    for _ in range(n - 1):
        taken.scatter_(0, row, -torch.inf)
        partner = (distance.index_select(0, row)[0] + taken).argmax(0, keepdim=True)
        index.scatter_(0, row, partner)
        row = partner
    return index.scatter_(0, row, first)


def smooth_saliency(saliency: Tensor, kernel_size: int = 7, sigma: float = 3.0) -> Tensor:
    """Saliency maps after a Gaussian filter; beyond the border they go on with the last pixel.

    Args:
        saliency: (N, h, w) floats.
        kernel_size: side of the filter in pixels, odd; 1 changes nothing.
        sigma: its standard deviation in pixels, above 0.

    Returns:
        (N, h, w), float32 (float64 for float64 maps).

    Raises:
        ValueError: an even ``kernel_size`` or one below 1, ``sigma`` not above 0.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and 1 or more, got {kernel_size}")
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0, got {sigma}")
    maps = at_least_float32(saliency)
    reach = kernel_size // 2
    bell = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-reach, reach + 1)]
    for dim in (1, 2):
        length = maps.shape[dim]
        lines = torch.arange(-reach, length + reach, device=maps.device).clamp(0, length - 1)
        wide = maps.index_select(dim, lines)
        weighted = (b / sum(bell) * wide.narrow(dim, k, length) for k, b in enumerate(bell))
        maps = sum(weighted)  # type: ignore[assignment]  # 0 where there is nothing to sum
    return maps
