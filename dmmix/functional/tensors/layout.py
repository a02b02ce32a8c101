"""Images as rows of numbers that lie side by side in memory.

With three channels last, an operation that broadcasts over the channels works in runs of three
numbers: several times slower on a CPU than over whole rows of pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def is_channels_last(images: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side in memory, and rows do not as usual."""
    return images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()


def as_column(values: Tensor) -> Tensor:
    """(N,) as (N, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)


def as_planes(images: Tensor) -> Tensor:
    """(planes, H, W, k), contiguous: (N, H, W, ch) of channels-last images, otherwise
    (N * ch, H, W, 1)."""
    n, ch, height, width = images.shape
    if is_channels_last(images):
        return images.permute(0, 2, 3, 1)
    return images.contiguous().view(n * ch, height, width, 1)


def from_planes(planes: Tensor, images: Tensor) -> Tensor:
    """(N, ch, H', W') with the memory format of ``images``, whose planes became ``planes``."""
    if is_channels_last(images):
        return planes.permute(0, 3, 1, 2)
    return planes.view(*images.shape[:2], *planes.shape[1:3])


def like(images: Tensor, values: Tensor) -> Tensor:
    """(N, ch, H', W') values with the dtype and memory format of the images."""
    last = is_channels_last(images)
    memory_format = torch.channels_last if last else torch.contiguous_format
    if images.dtype == torch.uint8 and values.is_floating_point():
        values = to_bytes(values)
    return values.to(images.dtype).contiguous(memory_format=memory_format)


def to_bytes(values: Tensor) -> Tensor:
    """Floats in [0, 255] as uint8, cut off to integers.

    The detour over int16 is several times faster on a CPU than the direct conversion.
    """
    return values.to(torch.int16).to(torch.uint8)


def as_bytes(mask: Tensor) -> Tensor:
    """Bools as bytes, for which torch has vector instructions on a CPU; anything else as it is."""
    if mask.dtype != torch.bool or torch.compiler.is_compiling():
        return mask
    return mask.view(torch.uint8)


def take(images: Tensor, index: Tensor) -> Tensor:
    """``images[index]``, in their memory format and in whole runs of memory."""
    if is_channels_last(images):
        return images.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
    return images.index_select(0, index)


def replace(images: Tensor, index: Tensor, some: Tensor) -> Tensor:
    """The images with some of them replaced by others; their memory format stays."""
    if is_channels_last(images):
        last = images.permute(0, 2, 3, 1).index_copy(0, index, some.permute(0, 2, 3, 1))
        return last.permute(0, 3, 1, 2)
    return images.index_copy(0, index, some)
