"""Shear, translation and rotation of whole batches, another one for each image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.grids import pixel_centers
from dmmix.functional.tensors.layout import like, to_bytes
from dmmix.functional.transforms.checks import (
    channel_values,
    check_bytes,
    check_per_sample,
    check_value,
)

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")

#: The operations that are one affine map with one value.
MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")

_INF = float("inf")


def affine(
    images: Tensor,
    matrices: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
) -> Tensor:
    r"""Images under affine maps, another one for each image.

    With :math:`A_i = (L_i | t_i)` and places :math:`p = (x, y)` in pixels from the centre of the
    image, what the result shows at :math:`p` is what image :math:`i` has at
    :math:`L_i p + t_i`. Outside of the image it has the colour ``fill``; near its edge,
    ``bilinear`` and ``bicubic`` interpolate between the two.

    ``nearest`` takes the pixel that the place lies in. On the line between two pixels it is the
    one right of or below it, up to the rounding of float32; torchvision rounds such ties
    otherwise. torchvision weights the pixels at the edge twice when it interpolates with a
    ``fill`` (a dark rim); elsewhere, and without a ``fill``, the results agree.

    Args:
        images: (N, ch, H, W) uint8, any device and memory format; not written to.
        matrices: (N, 2, 3) floats, from the places of the result to those of the image.
        interpolation: ``'nearest'``, ``'bilinear'`` or ``'bicubic'``.
        fill: a colour in [0, 255]: a number, or one for each channel (a sequence or a tensor on
            the device of the images).

    Returns:
        (N, ch, H, W) uint8; channels-last if the images are.

    Raises:
        TypeError: images that are not uint8, or another wrong type.
        ValueError: a wrong shape, an unknown ``interpolation``, a ``fill`` out of range.
    """
    check_bytes(images)
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
    n, _, height, width = images.shape
    if matrices.shape != (n, 2, 3):
        raise ValueError(f"matrices must be {(n, 2, 3)}, got {tuple(matrices.shape)}")
    color = _as_color(fill, images)
    if images.numel() == 0:
        return images.clone()
    x, y = _places(matrices.float(), height, width)
    if interpolation == "nearest":
        out = _nearest(images, x, y, color)
    else:
        out = _interpolated(images, x, y, color, interpolation)
    return like(images, out)


def shear_x(
    images: Tensor,
    shear: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
    *,
    check: bool | None = None,
) -> Tensor:
    """Rows moved to the left, ``shear`` pixels a row, the more the lower; the top edge stays.

    Equals ``affine(image, angle=0, translate=[0, 0], scale=1, center=[0, 0],
    shear=[degrees(atan(shear)), 0])`` of torchvision, for each image.

    Args:
        images: see :func:`affine`.
        shear: (N,) finite numbers; 0 changes nothing.
        interpolation: see :func:`affine`.
        fill: see :func:`affine`.
        check: whether to look at the values of ``shear``, which waits for the device; ``None``
            does so on the CPU outside ``torch.compile``.
    """
    return _moved("shear_x", "shear", images, shear, interpolation, fill, check)


def shear_y(
    images: Tensor,
    shear: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
    *,
    check: bool | None = None,
) -> Tensor:
    """Columns moved up, ``shear`` pixels a column, the more the further right; see
    :func:`shear_x`. The left edge stays."""
    return _moved("shear_y", "shear", images, shear, interpolation, fill, check)


def translate_x(
    images: Tensor,
    offset: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
    *,
    check: bool | None = None,
) -> Tensor:
    """Images moved to the right by ``offset`` pixels, (N,) numbers, which need not be whole.

    Equals ``affine(image, angle=0, translate=[offset, 0], scale=1, shear=[0, 0])`` of
    torchvision, for each image. The others are as for :func:`shear_x`.
    """
    return _moved("translate_x", "offset", images, offset, interpolation, fill, check)


def translate_y(
    images: Tensor,
    offset: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
    *,
    check: bool | None = None,
) -> Tensor:
    """Images moved down by ``offset`` pixels; see :func:`translate_x`."""
    return _moved("translate_y", "offset", images, offset, interpolation, fill, check)


def rotate(
    images: Tensor,
    angle: Tensor,
    interpolation: str = "nearest",
    fill: float | Sequence[float] | Tensor = 0,
    *,
    check: bool | None = None,
) -> Tensor:
    """Images turned about their centres, counter-clockwise by ``angle`` degrees, (N,) numbers.

    Equals ``rotate(image, angle)`` of torchvision, for each image. The others are as for
    :func:`shear_x`.
    """
    return _moved("rotate", "angle", images, angle, interpolation, fill, check)


def _moved(
    op: str,
    name: str,
    images: Tensor,
    values: Tensor,
    interpolation: str,
    fill: float | Sequence[float] | Tensor,
    check: bool | None,
) -> Tensor:
    check_bytes(images)
    check_per_sample(name, values, images, -_INF, _INF, check)
    dtype = share_dtype(values)
    moves = torch.zeros((len(values), len(MOVES)), dtype=dtype, device=values.device)
    moves[:, MOVES.index(op)] = values
    matrices = move_matrices(moves, *images.shape[-2:])
    return affine(images, matrices, interpolation, fill)


def move_matrices(moves: Tensor, height: int, width: int) -> Tensor:
    """The matrices of :func:`affine` for one operation on each image.

    Args:
        moves: (N, 5) floats, columns ``shear_x``, ``shear_y``, ``translate_x``, ``translate_y`` and
            ``rotate``, with the values that these functions take; in each row at most one that is
            not 0.
        height, width: of the images.

    Returns:
        (N, 2, 3) of the dtype of ``moves``.
    """
    shear_x, shear_y, offset_x, offset_y, angle = moves.unbind(1)
    angle = angle.deg2rad()
    sine, cosine = angle.sin(), angle.cos()
    # A shear leaves the top or left edge in place, not the centre.
    x = torch.stack([cosine, shear_x - sine, shear_x * (height / 2) - offset_x], dim=1)
    y = torch.stack([shear_y + sine, cosine, shear_y * (width / 2) - offset_y], dim=1)
    return torch.stack([x, y], dim=1)


def _places(matrices: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y, (N, H, W) each, of what each pixel shows: pixel i lies between i and i + 1."""
    device = matrices.device
    x = pixel_centers(width, device, torch.float32).sub_(width / 2).view(1, 1, -1)
    y = pixel_centers(height, device, torch.float32).sub_(height / 2).view(1, -1, 1)
    (xx, xy, x0), (yx, yy, y0) = (row.view(-1, 3, 1, 1).unbind(1) for row in matrices.unbind(1))
    return (xy * y + (x0 + width / 2)) + xx * x, (yy * y + (y0 + height / 2)) + yx * x


def _nearest(images: Tensor, x: Tensor, y: Tensor, color: float | Tensor) -> Tensor:
    # Around the image goes a frame of the colour, one pixel wide, and what lies outside is moved
    # onto it: no masks, and the images stay bytes.
    n, ch, height, width = images.shape
    framed = images.new_empty((n, ch, height + 2, width + 2))
    if isinstance(color, Tensor):
        framed.copy_(color.round())
    else:
        framed.fill_(round(color))
    framed[..., 1:-1, 1:-1] = images
    column = x.floor_().clamp_(-1, width).to(torch.int32)
    row = y.floor_().clamp_(-1, height).to(torch.int32)
    index = row.add_(1).mul_(width + 2).add_(column).add_(1).long().view(n, 1, -1)
    return framed.flatten(2).gather(2, index.expand(-1, ch, -1)).view(n, ch, height, width)


def _interpolated(images: Tensor, x: Tensor, y: Tensor, color: float | Tensor, mode: str) -> Tensor:
    height, width = images.shape[-2:]
    grid = torch.stack([x.mul_(2 / width).sub_(1), y.mul_(2 / height).sub_(1)], dim=-1)
    # Zeros outside, once the colour is the zero.
    shifted = images.float().sub_(color)
    out = grid_sample(shifted, grid, mode=mode, padding_mode="zeros", align_corners=False)
    return to_bytes(out.add_(color).round_().clamp_(0, 255))


def _as_color(fill: float | Sequence[float] | Tensor, images: Tensor) -> float | Tensor:
    """One number, or (1, ch, 1, 1) floats on the device of the images."""
    if not isinstance(fill, Tensor):
        check_value("fill", fill, images)
        if not isinstance(fill, Sequence):
            return float(fill)
        fill = torch.tensor(fill, dtype=torch.float32)
    return channel_values("fill", fill, images).float().view(1, -1, 1, 1)
