"""Changes of the values of single pixels of whole batches: posterise, solarise, equalise, ..."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.layout import as_column, like, to_bytes
from dmmix.functional.transforms.checks import check_bytes, check_per_sample


def posterize(images: Tensor, bits: Tensor, *, check: bool | None = None) -> Tensor:
    """Images of which the first ``bits`` of the 8 bits of every value are kept.

    Equals ``posterize(image, bits)`` of torchvision, for each image.

    Args:
        images: (N, ch, H, W) uint8, any device and memory format; not written to.
        bits: (N,) integers, 0 (all black) to 8 (nothing changes).
        check: whether to look at the values of ``bits``, which waits for the device; ``None``
            does so on the CPU outside ``torch.compile``.

    Returns:
        (N, ch, H, W) uint8; channels-last if the images are. The same holds for the others below.

    Raises:
        TypeError: images that are not uint8, or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a value out of range.
    """
    check_bytes(images)
    check_per_sample("bits", bits, images, 0, 8, check, integers=True)
    dropped = torch.bitwise_left_shift(torch.ones_like(bits, dtype=torch.int32), 8 - bits)
    return images & as_column((256 - dropped).to(torch.uint8))


def solarize(images: Tensor, threshold: Tensor, *, check: bool | None = None) -> Tensor:
    """Images of which the values from ``threshold`` on are inverted, v to 255 - v.

    Equals ``solarize(image, threshold)`` of torchvision, for each image.

    Args:
        images: see :func:`posterize`.
        threshold: (N,) numbers in [0, 256]; above 255 nothing changes.
        check: see :func:`posterize`.
    """
    check_bytes(images)
    check_per_sample("threshold", threshold, images, 0, 256, check)
    # Inverted are those whose mask of "below" is 0: v ^ 255 = 255 - v.
    return _below(images, as_column(threshold)).bitwise_xor_(images).bitwise_not_()


def solarize_add(
    images: Tensor, addition: Tensor, threshold: float = 128, *, check: bool | None = None
) -> Tensor:
    """Images of which the values below ``threshold`` are raised by ``addition``, to 255 at most.

    Equals mmpretrain's ``SolarizeAdd`` (torchvision has none), for each image.

    Args:
        images: see :func:`posterize`.
        addition: (N,) numbers in [0, 255], cut off to integers.
        threshold: one number for all images.
        check: see :func:`posterize`.
    """
    check_bytes(images)
    check_per_sample("addition", addition, images, 0, 255, check)
    room = torch.minimum(images.bitwise_not(), as_column(addition).to(torch.uint8))
    below = _below(images, torch.full((), float(threshold), device=images.device))
    return room.bitwise_and_(below).add_(images)


def autocontrast(images: Tensor) -> Tensor:
    """Images stretched, channel by channel, so that the values reach from 0 to 255.

    A channel of a single value stays as it is. Equals ``autocontrast(image)`` of torchvision, for
    each image.

    Args:
        images: see :func:`posterize`.
    """
    check_bytes(images)
    if images.numel() == 0:
        return images.clone()
    low = images.amin((2, 3), keepdim=True).float()
    high = images.amax((2, 3), keepdim=True).float()
    flat = low == high
    scale = (high - low).mul_(1 / 255).masked_fill_(flat, 1)
    values = images.float().sub_(low.masked_fill_(flat, 0))
    return to_bytes(values.div_(scale).clamp_(0, 255))


def equalize(images: Tensor) -> Tensor:
    r"""Images with a flat histogram, channel by channel.

    With :math:`c(v)` for how many pixels have a value of at most :math:`v`, :math:`m` for the
    largest value and :math:`s = \lfloor c(m - 1) / 255 \rfloor`, value :math:`v` becomes
    :math:`\min(255, \lfloor (c(v - 1) + \lfloor s / 2 \rfloor) / s \rfloor)`. A channel with
    :math:`s = 0` stays as it is. Equals ``equalize(image)`` of torchvision, for each image.

    Args:
        images: see :func:`posterize`.
    """
    check_bytes(images)
    if images.numel() == 0:
        return images.clone()
    pixels = images.flatten(2).long()
    n, ch, _ = pixels.shape
    # Sums of integers, so the order in which a GPU adds them does not matter.
    counts = torch.zeros((n, ch, 256), dtype=torch.int32, device=images.device)
    counts.scatter_add_(2, pixels, torch.ones_like(pixels, dtype=torch.int32))
    below = counts.cumsum(2, dtype=torch.int32).sub_(counts)
    largest = images.amax((2, 3)).long().unsqueeze(2)
    step = below.gather(2, largest).div_(255, rounding_mode="floor")
    table = (below + step // 2).div_(step.clamp(min=1), rounding_mode="floor").clamp_(max=255)
    table = torch.where(step > 0, table, torch.arange(256, device=images.device))
    return like(images, table.to(torch.uint8).gather(2, pixels).view(images.shape))


def invert(images: Tensor) -> Tensor:
    """Images with value v as 255 - v."""
    check_bytes(images)
    return images.bitwise_not()


def _below(images: Tensor, threshold: Tensor) -> Tensor:
    """255 where a value is below the threshold, 0 elsewhere.

    The sign bit of the difference, which a CPU finds several times faster than it compares bytes.
    """
    threshold = threshold.to(torch.float32).ceil().to(torch.int16)
    signs = images.to(torch.int16).sub_(threshold).bitwise_right_shift_(15)  # -1 or 0
    return signs.to(torch.uint8)
