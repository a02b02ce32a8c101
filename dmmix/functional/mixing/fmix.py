"""FMix: a mask cut from low-frequency noise, so of any shape."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.fmix_band import band_field, band_mask, band_shape, check_band, is_band
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_not_negative, check_tensor
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype
from dmmix.functional.tensors.maps import rank


def fmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    noise: Tensor,
    *,
    decay_power: float = 3.0,
    max_soft: float = 0.0,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image where low-frequency noise is high, and its partner where it is low.

    With complex noise :math:`z` at the frequencies :math:`f = (f_y, f_x)`, in cycles a pixel along
    both sides whatever their lengths, and the decay power :math:`\delta`:

    .. math::
        g = \mathcal{F}^{-1}\!\left[\frac{z(f)}{\max(|f|, f_0)^\delta}\right], \quad
        f_0 = \frac{1}{\max(H, W)}, \qquad
        M = 1 \text{ at the } \operatorname{round}(\lambda H W) \text{ pixels of largest } g

    With this mask images and labels are mixed as in :func:`cutmix`. Of pixels that are equal in
    :math:`g` (to float32), those that come first, row by row, are taken first. From a band of the
    noise (see ``noise``) the same :math:`g` is made with :math:`z = 0` at all other frequencies,
    several times faster, and pixels that are equal are taken together.

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image, met up to half a pixel. From a
            band it is met up to a few pixels where there are no more than 64 x 64, and on larger
            images up to 0.0001 or so, in rare cases 0.005.
        noise: (N, H, W // 2 + 1) complex normals (:func:`draw_noise`), or (1, H, W // 2 + 1) for
            one field that the whole batch shares. Or a band of it, (N or 1, h, c): from
            -(h - 1) / 2 to (h - 1) / 2 waves along the height, in the order of ``fftfreq``, and
            from 0 to c - 1 along the width, with an odd h up to H and c up to (W + 1) // 2.
        decay_power: 0 or more, how fast high frequencies fade; 0 is white noise, large values
            give few and smooth regions.
        max_soft: half the width of the ramp from 1 to 0, as a share of all pixels, in [0, 0.5].
            It is narrowed to ``min(lam, 1 - lam)``, so that the mean of the mask stays. With 0
            the mask is binary.

    Returns:
        :class:`Mixed`; the mask is (N, 1, H, W), bool, or floats with ``max_soft``. The shares are
        the mean of the mask.

    Raises:
        TypeError, ValueError: see :func:`mixup`; ``decay_power`` or ``max_soft`` out of range.

    Source: FMix: Enhancing Mixed Sample Data Augmentation (arXiv 2002.12047).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    _check_noise(noise, images)
    _check_options(decay_power, max_soft)
    height, width = images.shape[-2:]
    lam = at_least_float32(lam)
    lam = lam.expand(len(noise)) if len(lam) == 1 else lam
    number = (lam * (height * width)).round()
    size = height, width
    band = is_band(noise.shape[1:], size)
    share = None
    if max_soft > 0:
        field = (band_field if band else low_frequency_field)(noise, size, decay_power).flatten(1)
        # A float mask is rounded to the dtype of the images, and the share is that of the pixels.
        mask = _soft_top(field, number, lam, max_soft).to(share_dtype(images))
    else:
        if band:
            mask, number = band_mask(noise, size, decay_power, number)
        else:
            field = low_frequency_field(noise, size, decay_power).flatten(1)
            mask = _top(field.float(), number.float())
        share = number.to(share_dtype(images)) / (height * width)
    mask = mask.view(-1, 1, height, width)
    return by_mask(images, labels, mask, index, share=share, out=out)


def draw_noise(
    n: int,
    size: tuple[int, int],
    generator: Generator | None = None,
    per_batch: bool = False,
    band: int | Literal["auto", "full"] = "full",
    decay_power: float = 3.0,
) -> Tensor:
    """Noise for :func:`fmix`: (n, H, W // 2 + 1) complex64 standard normals, or a band of them.

    Args:
        n: how many samples.
        size: (H, W) of the images.
        generator: a CPU generator.
        per_batch: draw one field, (1, H, W // 2 + 1), for the whole batch.
        band: the frequencies that are drawn. ``'full'``: all, the form of the paper. An int K, 1 or
            more: up to K waves along the longer side and as many a pixel along the other; all where
            that is no less. ``'auto'``: the smallest K that leaves out at most about 1e-4 of the
            power of the field, 7 at a ``decay_power`` of 3; all where that is most of them.
        decay_power: that of the mix, for ``'auto'``.

    Raises:
        TypeError: ``band`` is neither a name nor an int.
        ValueError: ``band`` below 1, another name, or ``decay_power`` out of range.
    """
    check_band(band)
    _check_options(decay_power)
    shape = (1 if per_batch else n, *band_shape(size, band, decay_power))
    return torch.randn(shape, dtype=torch.complex64, generator=generator)


def low_frequency_field(noise: Tensor, size: tuple[int, int], decay_power: float) -> Tensor:
    """(N, H, W) real noise with the spectrum of FMix, up to a factor (only the order matters)."""
    height, width = size
    dtype, device = noise.real.dtype, noise.device
    if noise.shape[0] == 0:  # which the transform does not take
        return torch.empty(0, height, width, dtype=dtype, device=device)
    y = torch.fft.fftfreq(height, dtype=dtype, device=device)
    x = torch.fft.rfftfreq(width, dtype=dtype, device=device)
    lowest = 1 / max(height, width)
    frequency = torch.hypot(y[:, None], x).clamp_min(lowest) / lowest
    # A real field has each frequency twice, conjugate to each other. For those with f_x = 0 (and
    # 1/2) both are in the half that is given, and the transform takes their mean, which has half
    # the power; without this factor fields would vary less along y than along x.
    twice = torch.ones(width // 2 + 1, dtype=dtype, device=device)
    twice[:1] = math.sqrt(2)
    twice[width // 2 + width % 2 :] = math.sqrt(2)
    return torch.fft.irfft2(noise * (twice * frequency**-decay_power), s=size)


def _top(field: Tensor, number: Tensor) -> Tensor:
    """(N, pixels) bool: the ``number`` (N,) largest of float32 ``field`` (N or 1, pixels).

    The smallest value taken is found bit by bit, by comparing with all pixels and counting, which
    is several times cheaper than to sort them.
    """
    number = number[:, None]
    # To [1, 2), where float32 has even steps, finer than the rounding of the transform. There the
    # order of floats is that of their bits, and 23 bits make the difference.
    low, high = field.amin(1, keepdim=True), field.amax(1, keepdim=True)
    height = (field - low).mul_((1 - 2**-20) / (high - low).clamp_min(1e-37)).add_(1)
    shape = torch.broadcast_shapes(height.shape, number.shape)
    above = torch.empty(shape, dtype=torch.float32, device=field.device)
    # The largest value that ``number`` pixels are not below; counts are exact up to 2^24 pixels.
    smallest = torch.ones(number.shape, dtype=torch.float32, device=field.device)
    for bit in range(22, -1, -1):
        trial = (smallest.view(torch.int32) + 2**bit).view(torch.float32)
        count = torch.ge(height, trial, out=above).sum(1, keepdim=True)
        smallest = torch.where(count >= number, trial, smallest)
    left = number - torch.gt(height, smallest, out=above).sum(1, keepdim=True)
    equal = height == smallest
    # Integers: sums of floats along a row are not deterministic on a GPU.
    first = equal.cumsum(1, dtype=torch.int32) <= left
    return (height > smallest) | (equal & first)


def _soft_top(field: Tensor, number: Tensor, lam: Tensor, max_soft: float) -> Tensor:
    """(N, pixels) in [0, 1]: as :func:`_top`, with a ramp around the smallest value taken."""
    pixels, place = field.shape[1], rank(field).to(number.dtype)
    half = (torch.minimum(lam, 1 - lam).clamp_max(max_soft) * pixels).floor()
    half = torch.minimum(half, torch.minimum(number, pixels - number))[:, None]
    # From 1 at the rank number - half to 0 at number + half - 1: so many lie above as below 1/2.
    ramp = (number[:, None] + half - 1 - place) / (2 * half - 1).clamp_min(1)
    return torch.where(half > 0, ramp.clamp(0, 1), (place < number[:, None]).to(ramp.dtype))


def _check_noise(noise: Tensor, images: Tensor) -> None:
    n, _, height, width = images.shape
    rows = 1 if isinstance(noise, Tensor) and noise.ndim == 3 and noise.shape[0] == 1 else n
    shape: tuple[int, ...] = (rows, height, width // 2 + 1)
    if isinstance(noise, Tensor) and noise.shape[:1] == (rows,) and noise.ndim == 3:
        if is_band(noise.shape[1:], (height, width)):
            shape = tuple(noise.shape)
        elif noise.shape != shape:
            raise ValueError(
                f"noise must be {shape} for {n} images, got {tuple(noise.shape)} (a band: ({rows}, "
                f"h, c) with an odd h up to {height} and c up to {(width + 1) // 2}, not both 1)"
            )
    check_tensor("noise", noise, shape, images)
    if noise.dtype not in (torch.complex64, torch.complex128):
        raise TypeError(f"noise must be complex64 or complex128, got {noise.dtype}")


def _check_options(decay_power: float, max_soft: float = 0.0) -> None:
    check_not_negative("decay_power", decay_power)
    if not 0 <= max_soft <= 0.5:
        raise ValueError(f"max_soft must be in [0, 0.5], got {max_soft}")
