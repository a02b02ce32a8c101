"""SmoothMix: a soft round spot of another image blended into each image."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_floats, check_range, looks_at_values
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.grids import pixel_centers

_STEPS = 32  # halvings that find sigma for a given share


def smoothmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor | None,
    index: Tensor,
    centers: Tensor,
    *,
    sigma: Tensor | None = None,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with its partner blended in around a point, ever less with the distance.

    With the centre :math:`(c_y, c_x)` and the width :math:`\sigma` as fractions of height and
    width, and pixels at the middle of their squares:

    .. math::
        G(y, x) = \exp\Bigl(-\frac{(y / H - c_y)^2 + (x / W - c_x)^2}{2 \sigma^2}\Bigr), \qquad
        M = 1 - G

    With this mask images and labels are mixed as in :func:`cutmix`. On an image that is not square
    the spot is an ellipse of its proportions.

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image; the width that gives it is found
            for each sample. ``None`` where ``sigma`` is given.
        centers: (N, 2) floats in [0, 1), the centre of the spot as fractions (y, x) of height and
            width.
        sigma: (N,) floats above 0, the width of the spot, as in the paper; instead of ``lam``.

    Returns:
        :class:`Mixed`; the mask is (N, 1, H, W) floats, and the shares are its mean.

    Raises:
        TypeError, ValueError: see :func:`mixup`; both or neither of ``lam`` and ``sigma``.

    Source: SmoothMix: a Simple Yet Effective Data Augmentation to Train Robust Classifiers (CVPR
    Workshops 2020).
    """
    if (lam is None) == (sigma is None):
        raise ValueError(
            "either lam or sigma must be given, and the other be None; got "
            f"{'neither' if lam is None else 'both'}"
        )
    labels = prepare_pair(images, labels, lam, index, out, check, centers=centers)
    if sigma is not None:
        check_floats("sigma", sigma, (images.shape[0],), images)
        if looks_at_values(check, sigma):
            check_range("sigma", sigma, (sigma > 0) & sigma.isfinite(), "(0, inf)")
    dtype = share_dtype(images)
    height, width = images.shape[-2:]
    squares = (
        _squared_distance(centers[:, 0], height, dtype),
        _squared_distance(centers[:, 1], width, dtype),
    )
    if lam is not None:
        along_y, along_x = _spot_of_share(squares, 1 - lam.to(dtype))
    elif sigma is not None:
        along_y, along_x = _spot(squares, sigma.to(dtype) ** -2)
    one = along_y.new_ones(())
    mask = torch.addcmul(one, along_y[:, None, :, None], along_x[:, None, None, :], value=-1)
    return by_mask(images, labels, mask, index, out=out)


def draw_sigma(
    n: int,
    low: float = 0.25,
    high: float = 0.5,
    generator: Generator | None = None,
    per_batch: bool = False,
) -> Tensor:
    """Widths for :func:`smoothmix`, uniform: (n,) float64 in [low, high]; (1,) with ``per_batch``.

    Args:
        n: how many samples.
        low: smallest, above 0.
        high: largest.
        generator: a CPU generator.
        per_batch: draw one width for all samples.

    Raises:
        ValueError: not ``0 < low <= high``, or not finite.
    """
    if not 0 < low <= high < float("inf"):
        raise ValueError(
            f"low and high must satisfy 0 < low <= high and be finite, got {low} and {high}"
        )
    uniform = torch.rand(1 if per_batch else n, dtype=torch.float64, generator=generator)
    return low + (high - low) * uniform


def _squared_distance(center: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """(N, length) from the centre to the middle of each pixel, squared, in lengths."""
    pixel = pixel_centers(length, center.device, dtype) / length
    return (pixel - center.to(dtype)[:, None]).square()


def _spot(squares: tuple[Tensor, Tensor], precision: Tensor) -> tuple[Tensor, Tensor]:
    """The Gaussian along y, (N, H), and along x, (N, W): the spot is their product."""
    half = -0.5 * precision[:, None]
    return (half * squares[0]).exp(), (half * squares[1]).exp()


def _spot_of_share(squares: tuple[Tensor, Tensor], share: Tensor) -> tuple[Tensor, Tensor]:
    """The spot whose mean is ``share`` (N,), by halving the interval that its width is in."""
    low, high = torch.zeros_like(share), torch.ones_like(share)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        along_y, along_x = _spot(squares, _precision(middle))
        wider = along_y.mean(1) * along_x.mean(1) <= share
        low, high = torch.where(wider, middle, low), torch.where(wider, high, middle)
    along_y, along_x = _spot(squares, _precision(high))
    # Without this a centre in the very middle of a pixel would leave that pixel to the partner.
    return along_y * (share > 0)[:, None], along_x


def _precision(place: Tensor) -> Tensor:
    """1 / sigma^2 with sigma from 0 to infinity as ``place`` goes from 0 to 1."""
    return ((1 - place) / place).square()
