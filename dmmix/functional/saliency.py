"""Where an image catches the eye, told from the image alone; batched, one map a sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_images
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.maps import resize_maps

# Half the side of the surroundings that a pixel is compared with, in pixels.
_SURROUNDS = (12, 24, 48, 28, 56, 112)
_SMOOTH = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # (1, 2, 1) / 4, twice
_SIDE = 64  # the spectrum is taken of images of 64 x 64
_BELL = tuple(math.exp(-(k**2) / (2 * 8**2)) for k in range(-2, 3))


@torch.no_grad()
def fine_grained_saliency(images: Tensor) -> Tensor:
    r"""How much each pixel differs from its surroundings, at several scales.

    With the intensity :math:`g`, smoothed twice by (1, 2, 1) / 4 in both directions, and its mean
    :math:`m_r` over the :math:`2r \times 2r` pixels around, the pixel itself left out and clipped
    at the border,

    .. math::
        on = \sum_r \max(g - m_r, 0), \quad off = \sum_r \max(m_r - g, 0), \quad
        s \propto \frac{on}{\max on} + \frac{off}{\max off}

    over the six :math:`r` = 12, 24, 48, 28, 56 and 112, and :math:`s` divided by its largest value.
    This is what OpenCV's ``StaticSaliencyFineGrained`` computes, which rounds down to whole
    numbers of 255 in between. The sums come from an integral image.

    Args:
        images: (N, ch, H, W), any float dtype and range: only differences count, relative to the
            largest of the image. Intensity is the luma of 3 channels (red, green, blue), or the
            mean of any other number.

    Returns:
        (N, H, W) in [0, 1], float32 (float64 for float64 images), without a graph. All 0 for an
        image of one colour.

    Raises:
        TypeError, ValueError: images that are no (N, ch, H, W) floats.

    Source: Montabone and Soto, Human detection using a mobile platform and novel features derived
    from a visual saliency mechanism, Image and Vision Computing 2010.
    """
    gray = _intensity(images)
    # The map is the same for any scale and offset. Exactly 0 where all is of one colour.
    gray = _filter(gray - gray.amin((1, 2), keepdim=True), _SMOOTH)
    # Around zero, sums over many pixels lose fewer digits.
    gray = gray.sub_(gray.mean((1, 2), keepdim=True))
    integral = gray.cumsum(1).cumsum(2)
    on, balance = torch.zeros_like(gray), torch.zeros_like(gray)
    # From the size of the image on, all surroundings are the whole image.
    radii = [min(r, max(gray.shape[1:])) for r in _SURROUNDS]
    for r in sorted(set(radii)):
        difference = _difference(gray, integral, r)
        times = sum(radius == r for radius in radii)  # torch 2.6 compiles no list.count
        balance.add_(difference, alpha=times)
        on.add_(difference.clamp_min_(0), alpha=times)
    off = balance.neg_().add_(on).clamp_min_(0)
    return _relative(_relative(on).add_(_relative(off)))


@torch.no_grad()
def spectral_residual_saliency(images: Tensor) -> Tensor:
    r"""What is unexpected in the spectrum of an image.

    With the spectrum :math:`F` of the intensity at 64 x 64 pixels, and the 3 x 3 mean :math:`h_3`,

    .. math::
        R = \log |F| - h_3 * \log |F|, \qquad
        s \propto \bigl(G * |\mathcal F^{-1}(e^{R} F / |F|)|\bigr)^2

    where :math:`G` smooths (5 x 5 pixels, standard deviation 8), as in OpenCV's
    ``StaticSaliencySpectralResidual``. The map is resized to the size of the images and divided by
    its largest value.

    Args:
        images: see :func:`fine_grained_saliency`. The intensity of each image is scaled to [0, 1]
            first, so the map does not depend on how images are normalised.

    Returns:
        (N, H, W) in [0, 1], float32 (float64 for float64 images), without a graph. All 0 for an
        image of one colour.

    Raises:
        TypeError, ValueError: see :func:`fine_grained_saliency`.

    Source: Hou and Zhang, Saliency Detection: A Spectral Residual Approach, CVPR 2007.
    """
    gray = _intensity(images)
    if gray.numel() == 0:  # which the transform does not take
        return gray
    low, high = images.detach().to(gray.dtype).flatten(1).aminmax(dim=1)
    contrast = (high - low).masked_fill(high == low, 1)
    gray = (gray - low[:, None, None]) / contrast[:, None, None]
    flat = gray.amax((1, 2), keepdim=True) == gray.amin((1, 2), keepdim=True)
    spectrum = torch.fft.fft2(resize_maps(gray, (_SIDE, _SIDE)))
    amplitude = spectrum.abs()
    # What is below the rounding of the transform is nothing, and must not be made to count.
    info = torch.finfo(gray.dtype)
    amplitude = amplitude.maximum(info.tiny + info.eps * amplitude.amax((1, 2), keepdim=True))
    log = amplitude.log()
    residual = log - _filter(log, (1 / 3, 1 / 3, 1 / 3))
    whitened = torch.fft.ifft2(spectrum * (residual.exp() / amplitude)).abs()
    # A factor of the map makes no difference.
    saliency = resize_maps(_filter(whitened, _BELL).square(), (images.shape[2], images.shape[3]))
    return _relative(saliency).masked_fill(flat, 0)


def _intensity(images: Tensor) -> Tensor:
    """(N, H, W) brightness: the luma of 3 channels, else their mean."""
    check_images(images)
    images = images.detach().to(share_dtype(images))
    if images.shape[1] != 3:
        return images.mean(1)
    red, green, blue = images.unbind(1)
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def _relative(maps: Tensor) -> Tensor:
    """Each map divided by its largest value; one of zeros stays as it is."""
    largest = maps.amax((1, 2), keepdim=True)
    return maps / largest.masked_fill(largest == 0, 1)


def _filter(maps: Tensor, kernel: tuple[float, ...]) -> Tensor:
    """Neighbours along both sides, weighted; images go on mirrored at the border pixel."""
    reach = len(kernel) // 2
    for dim in (1, 2):
        length = maps.shape[dim]
        before = [_mirrored(maps, dim, k) for k in range(-reach, 0)]
        after = [_mirrored(maps, dim, k) for k in range(length, length + reach)]
        wide = torch.cat([*before, maps, *after], dim)
        maps = kernel[0] * wide.narrow(dim, 0, length)
        for k in range(1, len(kernel)):
            maps.add_(wide.narrow(dim, k, length), alpha=kernel[k])
    return maps


def _mirrored(maps: Tensor, dim: int, k: int) -> Tensor:
    """Line ``k`` of the maps, counted on ... 2 1 0 1 2 ... beyond the border."""
    period = max(2 * maps.shape[dim] - 2, 1)
    return maps.narrow(dim, min(k % period, -k % period), 1)


def _difference(gray: Tensor, integral: Tensor, r: int) -> Tensor:
    """(N, H, W), each pixel minus the mean of those around it."""
    around = _around(_around(integral, 1, r), 2, r)
    rows, columns = (
        _around(torch.arange(1, side + 1, device=gray.device, dtype=gray.dtype), 0, r)
        for side in gray.shape[1:]
    )
    area = rows[:, None] * columns
    others = (area - 1).clamp_min(1)
    # g - (sum - g) / (area - 1)
    return torch.addcdiv(gray * (area / others), around, others, value=-1)


def _around(sums: Tensor, dim: int, r: int) -> Tensor:
    """From sums up to each pixel to sums from ``r - 1`` before it to ``r`` after it."""
    length = sums.shape[dim]
    whole = sums.narrow(dim, length - 1, 1)
    if r >= length:
        return whole
    shape = list(sums.shape)
    shape[dim] = r
    around = torch.cat([sums.narrow(dim, r, length - r), whole.expand(shape)], dim)
    around.narrow(dim, r, length - r).sub_(sums.narrow(dim, 0, length - r))
    return around
