"""Normalised floats out of the images of a dataset."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.dtypes import at_least_float32
from dmmix.functional.tensors.layout import is_channels_last
from dmmix.functional.transforms.checks import channel_values, check_images


def normalize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    r"""Each channel with its mean taken off, in units of its standard deviation.

    .. math:: \tilde x_c = (x_c - \mu_c) / \sigma_c

    The same numbers as this formula in float32 gives, to the last bit, and several times as fast
    as it for channels-last images on a CPU.

    Args:
        images: (N, ch, H, W), integers or any float dtype, any device and memory format; not
            written to.
        mean, std: one number, or one for each channel, of any shape that has as many ((ch,) or
            (ch, 1, 1)), floats on the device of the images. ``std`` above 0, in the units of the
            images (0 to 255 for uint8); not checked, that would wait for the device.

    Returns:
        (N, ch, H, W) float32 (float64 for float64 images), in the memory format of the images.

    Raises:
        TypeError: images that are neither integers nor floating point.
        ValueError: a wrong number of means or of standard deviations.
    """
    check_images(images, any_integers=True)
    n, ch, height, width = images.shape
    mean, std = (
        at_least_float32(channel_values(name, values, images))
        for name, values in (("mean", mean), ("std", std))
    )
    if images.dtype not in (torch.uint8, torch.float32, torch.float64):
        images = images.float()
    if not is_channels_last(images):
        return torch.sub(images, mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
    # Whole rows at once: broadcast over the channels alone, the runs in memory are ch long.
    lines = images.permute(0, 2, 3, 1).view(n * height, width * ch)
    mean, std = (values.expand(ch).repeat(width) for values in (mean, std))
    lines = torch.sub(lines, mean).div_(std)
    return lines.view(n, height, width, ch).permute(0, 3, 1, 2)
