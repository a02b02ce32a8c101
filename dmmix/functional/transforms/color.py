"""Brightness, contrast, saturation and sharpness, every sample with factors of its own.

The numbers are those of ``torchvision.transforms.v2.functional``, whose bytes are cut off (not
rounded) after each operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_tensor
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.layout import as_column, like, to_bytes
from dmmix.functional.transforms.checks import check_bytes, check_images, check_per_sample

#: The operations of :func:`color_jitter`, by their numbers in ``order``.
JITTERS = ("brightness", "contrast", "saturation")


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    r"""Images :math:`f x`, cut off at the range of their values.

    Args:
        images: (N, ch, H, W), ch 1 or 3, uint8 or floats in [0, 1], any device and memory format;
            not written to.
        factor: (N,) floats, at least 0; on the CPU or on the device of the images.

    Returns:
        (N, ch, H, W), the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: images or factors of a wrong type or shape.
    """
    return _adjust(images, "brightness", factor)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    r"""Images :math:`f x + (1 - f) m` with the mean grey :math:`m` of each.

    See :func:`adjust_brightness`.
    """
    return _adjust(images, "contrast", factor)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    r"""Images :math:`f x + (1 - f) g` with the grey :math:`g` of each pixel.

    Grey images stay as they are. See :func:`adjust_brightness`.
    """
    return _adjust(images, "saturation", factor)


def adjust_sharpness(images: Tensor, factor: Tensor, *, check: bool | None = None) -> Tensor:
    r"""Images :math:`f x + (1 - f) b` with the blur :math:`b` of each.

    The blur is the mean over 3 x 3 pixels in which the middle one counts five times, rounded. The
    pixels at the edge stay as they are, and so do images of less than 3 x 3. Equals
    ``adjust_sharpness(image, factor)`` of torchvision, for each image, if ``factor`` is float64;
    otherwise a value may be off by 1.

    Args:
        images: (N, ch, H, W) uint8, any device and memory format; not written to.
        factor: (N,) floats, at least 0, on the device of the images.
        check: whether to look at the values of ``factor``, which waits for the device; ``None``
            does so on the CPU outside ``torch.compile``.

    Returns:
        (N, ch, H, W) uint8, cut off to integers; channels-last if the images are.

    Raises:
        TypeError: images that are not uint8, or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a factor out of range.
    """
    check_bytes(images)
    check_per_sample("factor", factor, images, 0, float("inf"), check)
    if min(images.shape[-2:]) < 3:
        return images.clone()
    values = images.float()
    rows = values[..., :-2, :] + values[..., 1:-1, :]
    rows += values[..., 2:, :]
    blur = rows[..., :-2] + rows[..., 1:-1]
    blur += rows[..., 2:]
    inside = values[..., 1:-1, 1:-1]
    # Sums of integers, exact in float32; a thirteenth never lies half-way between two integers.
    blur.add_(inside, alpha=4).mul_(1 / 13).round_()
    # 1 - f in the precision that the factor came in.
    inside.addcmul_(blur.sub_(inside), as_column(1 - factor).float())
    return to_bytes(values.clamp_(0, 255))


def color_jitter(
    images: Tensor,
    order: Tensor,
    *,
    brightness: Tensor | None = None,
    contrast: Tensor | None = None,
    saturation: Tensor | None = None,
) -> Tensor:
    """The three operations one after the other, in each sample in an order of its own.

    Args:
        images: see :func:`adjust_brightness`.
        order: (N, 3) integers **on the CPU**, each row a permutation of 0 (brightness),
            1 (contrast), 2 (saturation); which samples take which turn is worked out there,
            without waiting for a device. See :func:`draw_orders`.
        brightness, contrast, saturation: (N,) factors on the CPU, at least 0; ``None`` leaves it
            out.

    Returns:
        (N, ch, H, W), the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: an argument of a wrong type, shape or device.
    """
    _check(images)
    n = images.shape[0]
    if order.shape != (n, len(JITTERS)) or order.device.type != "cpu":
        raise ValueError(
            f"order must be ({n}, {len(JITTERS)}) on the CPU for {n} images, "
            f"got {tuple(order.shape)} on {order.device}"
        )
    given = (brightness, contrast, saturation)
    for name, factor in zip(JITTERS, given, strict=True):
        if factor is not None:
            check_tensor(name, factor, (n,), order)
    if images.shape[1] == 1:
        given = (brightness, contrast, None)
    values = _values(images)
    turns = _turns(order, given)
    (weights,) = to_device([_weights(turns, given).to(values.dtype)], values.device)
    for own, mean, grey in weights:
        values = _blend(
            values,
            own,
            images.dtype,
            mean=None if given[1] is None else mean,
            grey=None if given[2] is None else grey,
        )
    return like(images, values)


def _turns(order: Tensor, given: Sequence[Tensor | None]) -> Tensor:
    """(turns, N): the columns of ``order``, without the operations that are left out."""
    left_out = torch.tensor([factor is None for factor in given], dtype=torch.uint8)
    taken = left_out[order].argsort(dim=1, stable=True)
    return order.gather(1, taken).T[: sum(factor is not None for factor in given)]


def _weights(turns: Tensor, given: Sequence[Tensor | None]) -> Tensor:
    """(turns, 3, N): what a turn takes of the image, of its mean grey and of its grey pixels.

    Brightness, contrast and saturation all are such sums, so they run together. A sample whose turn
    is another gets (1, 0, 0), which leaves it exactly as it is.
    """
    weights = torch.zeros(len(turns), 3, turns.shape[1], dtype=torch.float64)
    weights[:, 0] = 1
    for number, factor in enumerate(given):
        if factor is not None:
            mine, factor = turns == number, factor.double()
            weights[:, 0] = torch.where(mine, factor, weights[:, 0])
            if number:
                weights[:, number] = torch.where(mine, 1 - factor, 0)
    return weights


def _adjust(images: Tensor, name: str, factor: Tensor) -> Tensor:
    """One operation on all samples."""
    _check(images)
    if not isinstance(factor, Tensor) or factor.shape != images.shape[:1]:
        got = tuple(factor.shape) if isinstance(factor, Tensor) else repr(factor)
        raise ValueError(f"{name} must be a tensor ({images.shape[0]},), got {got}")
    if images.shape[1] == 1 and name == "saturation":
        return images
    if factor.device != images.device:
        (factor,) = to_device([factor], images.device)
    values = _values(images)
    rest = {"contrast": "mean", "saturation": "grey"}.get(name)
    return like(
        images, _blend(values, factor, images.dtype, **({rest: 1 - factor} if rest else {}))
    )


def _check(images: Tensor) -> None:
    check_images(images)
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got {images.shape[1]}")


def _values(images: Tensor) -> Tensor:
    """Floats with each channel in one piece: the operations go through the channels."""
    return images.to(share_dtype(images), memory_format=torch.contiguous_format)


def _blend(
    values: Tensor,
    factor: Tensor,
    dtype: torch.dtype,
    *,
    mean: Tensor | None = None,
    grey: Tensor | None = None,
) -> Tensor:
    """The image, its mean grey and its grey pixels, summed with these weights (N,)."""
    blended = values * as_column(factor).to(values.dtype)
    if mean is not None or grey is not None:
        greys = values if values.shape[1] == 1 else _grey(values, dtype)
        if grey is not None:
            blended.addcmul_(as_column(grey).to(values.dtype), greys)
        if mean is not None:
            blended.addcmul_(as_column(mean).to(values.dtype), greys.mean((1, 2, 3), keepdim=True))
    if dtype == torch.uint8:
        return blended.clamp_(0, 255).floor_()
    return blended.clamp_(0, 1)


def _grey(values: Tensor, dtype: torch.dtype) -> Tensor:
    red, green, blue = values.split(1, 1)
    grey = (red * 0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114)
    return grey.floor_() if dtype == torch.uint8 else grey
