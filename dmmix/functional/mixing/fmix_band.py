"""FMix from its low frequencies alone: which to keep, the field they make, and its level.

The spectrum of FMix falls so fast that a few waves make nearly all of the field. To draw only these
costs a fraction of the random numbers, and a field of few waves is the product of two thin
matrices. It is smooth, so most of the search for its level can be done on a coarse grid.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

#: Of the power of a field, mean removed, what the band that is chosen leaves out at most.
LEFT_OUT = 1e-4

_WORTH = 2 / 3  # of the longer side; a wider band costs about what the full transform does
_COARSE = 2**12  # points on which a level is searched, at most
_PIECE = 2**18  # pixels


def check_band(band: int | Literal["auto", "full"]) -> None:
    """Raises unless ``band`` is ``'auto'``, ``'full'`` or an int from 1."""
    if isinstance(band, bool) or not isinstance(band, (int, str)):
        raise TypeError(f"band must be 'auto', 'full' or an int, 1 or more, got {band!r}")
    if band not in ("auto", "full") if isinstance(band, str) else band < 1:
        raise ValueError(f"band must be 'auto', 'full' or an int, 1 or more, got {band!r}")


def choose_band(size: tuple[int, int], decay_power: float) -> int | None:
    r"""Waves along the longer side that are kept, or ``None``: all frequencies.

    With :math:`k` waves along the longer side and the decay power :math:`\delta > 1`, the power
    beyond :math:`K` waves, beside that of the four lowest waves (1 each), is about

    .. math::
        \frac{1}{4} \int_R^\infty 2 \pi k \, k^{-2 \delta} \, dk
        = \frac{\pi R^{2 - 2 \delta}}{2 \, (2 \delta - 2)}, \qquad \pi R^2 = (2 K + 1)^2

    (:math:`R` is the radius of a disc of as many frequencies as the band, on a square image).
    :math:`K` is the smallest at which this is at most :data:`LEFT_OUT`: 7 at a decay power of 3.
    ``None`` where that is most of the image: on small images, and at a small decay power, so that
    white noise stays white.
    """
    power = 2 * decay_power - 2
    if power <= 0:
        return None
    # As a logarithm: just above a decay power of 1 the number has no end.
    radius = math.log(math.pi / 2 / power / LEFT_OUT) / power
    if radius > math.log(max(size)):
        return None
    waves = max(1, math.ceil((math.exp(radius) * math.sqrt(math.pi) - 1) / 2))
    return None if 2 * waves + 1 > _WORTH * max(size) else waves


def band_shape(
    size: tuple[int, int], band: int | Literal["auto", "full"], decay_power: float
) -> tuple[int, int]:
    """(rows, columns) of the noise: the full (H, W // 2 + 1), or fewer frequencies.

    Along the shorter side as many waves a pixel are kept as along the longer one, rounded up.
    """
    height, width = size
    waves = choose_band(size, decay_power) if band == "auto" else band
    if waves is None or waves == "full" or 2 * waves + 1 >= max(size):
        return height, width // 2 + 1
    ky, kx = (min(-(-waves * side // max(size)), (side - 1) // 2) for side in size)
    return 2 * ky + 1, kx + 1


def is_band(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether noise of this (rows, columns) is a band of an image of this size.

    The frequencies from -ky to ky, so an odd number of rows, and from 0 to kx, below the highest
    one of an even side, which stands for two. More than the mean, of which no mask can be cut.
    """
    (rows, columns), (height, width) = shape, size
    whole = (rows, columns) == (height, width // 2 + 1)
    fits = rows % 2 == 1 and rows <= height and 1 <= columns <= (width + 1) // 2
    return fits and not whole and (rows, columns) != (1, 1)


def band_field(noise: Tensor, size: tuple[int, int], decay_power: float) -> Tensor:
    """(N, H, W): what the full transform gives with 0 at the other frequencies, times H W / 2."""
    return _field(*_waves(noise, size, decay_power))


def band_mask(
    noise: Tensor, size: tuple[int, int], decay_power: float, number: Tensor
) -> tuple[Tensor, Tensor]:
    """(N, H, W) bool, 1 where the field is high, and how many pixels those are.

    Args:
        noise: (N or 1, 2 ky + 1, kx + 1), complex.
        size: (H, W).
        decay_power: see :func:`dmmix.functional.fmix`.
        number: (N,) floats, how many pixels are wanted. Up to 64 x 64 pixels the level is searched
            on all of them, and most masks have that number; on larger images on a coarse grid, from
            where one step of Newton's method leads to the level of all pixels, up to about 1e-4 of
            them.
    """
    pixels = size[0] * size[1]
    spectrum, rows, columns = _waves(noise, size, decay_power)
    number = number.detach()[:, None].to(columns.dtype)
    stride = math.ceil(math.sqrt(pixels / _COARSE))
    if stride == 1:
        field = _field(spectrum, rows, columns).flatten(1)
        above = _room(field, number)
        level, _ = _level(field, number, above)
        count = _count(field, _ends(level, number, pixels), above)
        # On a CPU a comparison is several times faster with floats as its result than with bools.
        return above.to(torch.bool).view(-1, *size), count[:, 0]
    start = stride // 2
    coarse = _field(spectrum, rows[start::stride], columns[:, start::stride]).flatten(1)
    level, width = _level(coarse, number * (coarse.shape[1] / pixels), _room(coarse, number))
    gain, reach = _gain(coarse, level, width, pixels)
    level = _ends(level, number, pixels)
    return _corrected(spectrum, rows, columns, number, level, gain, reach)


def _corrected(
    spectrum: Tensor,
    rows: Tensor,
    columns: Tensor,
    number: Tensor,
    level: Tensor,
    gain: Tensor,
    reach: Tensor,
) -> tuple[Tensor, Tensor]:
    """The mask and its pixels, after a step of Newton's method from the level of the coarse grid.

    In pieces of several images and in memory that is used again, so that a field is still in the
    cache when it is compared.
    """
    n, height, width = len(number), len(rows), columns.shape[1]
    pixels = height * width
    whole = torch.compiler.is_compiling() or columns.device.type != "cpu"
    piece = max(1, n if whole else min(n, _PIECE // pixels))
    mask = torch.empty(n, pixels, dtype=torch.bool, device=columns.device)
    count = torch.empty(n, 1, dtype=torch.float32, device=columns.device)
    shared = len(spectrum) == 1
    fields = columns.new_empty(1 if shared else piece, height, width)
    room = torch.empty(piece, pixels, dtype=torch.float32, device=columns.device)
    for at in range(0, n, piece):
        some = slice(at, min(at + piece, n))
        here = slice(0, some.stop - at)
        waves = spectrum if shared else spectrum[some]
        field = _field(waves, rows, columns, fields[: len(waves)]).flatten(1)
        above, found, bound = room[here], level[some], reach[some]
        # By how many pixels the coarse grid was wrong.
        surplus = _count(field, found, above) - number[some]
        found = found + torch.clamp(surplus * gain[some], -bound, bound)
        count[some] = _count(field, found, above)
        mask[some] = above
    return mask.view(n, height, width), count[:, 0]


def _waves(
    noise: Tensor, size: tuple[int, int], decay_power: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The spectrum (N, h, c), and the waves along y (H, h), complex, and x (2 c, W), real."""
    (height, width), (h, c) = size, noise.shape[1:]
    dtype, device = noise.real.dtype, noise.device
    ky = torch.fft.fftfreq(h, 1 / h, dtype=dtype, device=device)
    kx = torch.arange(c, dtype=dtype, device=device)
    longer = max(size)
    # |f| / f_0, as in the full form.
    length = torch.hypot(ky[:, None] * (longer / height), kx * (longer / width)).clamp_min_(1)
    fade = length.pow_(-decay_power)
    # Those with f_x = 0 stand in the band with both signs; see low_frequency_field.
    fade[:, 0] *= math.sqrt(0.5)
    y = torch.arange(height, dtype=dtype, device=device)[:, None] * (ky * (2 * math.pi / height))
    x = (kx * (-2 * math.pi / width))[:, None] * torch.arange(width, dtype=dtype, device=device)
    rows = torch.complex(y.cos(), y.sin())
    # The real part of a product: beside real parts cosines, beside imaginary ones minus the sines.
    columns = torch.stack((x.cos(), x.sin()), 1).flatten(0, 1)
    return noise * fade, rows, columns


def _field(spectrum: Tensor, rows: Tensor, columns: Tensor, out: Tensor | None = None) -> Tensor:
    along_y = torch.view_as_real(torch.matmul(rows, spectrum)).flatten(2)
    # Under autocast the field would be rounded to so few values that no level gives the share.
    with torch.autocast(columns.device.type, enabled=False):
        return torch.matmul(along_y, columns, out=out)


def _level(field: Tensor, number: Tensor, above: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 1) each: the level that ``number`` points are above, found by halving the range of the
    field, and the width of that."""
    low, high = field.amin(1, keepdim=True), field.amax(1, keepdim=True)
    width = high - low
    level = low.expand(len(above), 1)
    # Until there is a quarter of a point or less between two levels, on average.
    steps = max(12, field.shape[1].bit_length() + 1)
    for step in range(1, steps + 1):
        trial = torch.add(level, width, alpha=2**-step)
        level = torch.where(_count(field, trial, above) >= number, trial, level)
    return level, width


def _gain(field: Tensor, level: Tensor, width: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """(N, 1) each: by how much the level rises a pixel, and how far from here that holds."""
    reach = (width / 64).expand_as(level)
    above = _room(field, level)
    between = _count(field, level - reach, above) - _count(field, level + reach, above)
    share = between / field.shape[1]
    # Where there are hardly any points, as many as if a few of them were spread over the range.
    return 2 * reach / share.clamp_min(1e-3) / pixels, reach


def _count(field: Tensor, level: Tensor, above: Tensor) -> Tensor:
    """(N, 1): how many points are above the level (exact up to 2^24); ``above`` says which."""
    return torch.ge(field, level, out=above).sum(1, keepdim=True)


def _room(field: Tensor, level: Tensor) -> Tensor:
    n = len(level) if len(field) == 1 else len(field)
    return torch.empty(n, field.shape[1], dtype=torch.float32, device=field.device)


def _ends(level: Tensor, number: Tensor, pixels: int) -> Tensor:
    """No pixel where none is wanted, and all where all are."""
    level = level.masked_fill(number <= 0, math.inf)
    return level.masked_fill_(number >= pixels, -math.inf)
