"""Small images for the tests of the batch transforms."""

import torch

from tests.laws.data import LAYOUTS, images_in

__all__ = ["DTYPES", "LAYOUTS", "generator", "pictures", "same_format"]

DTYPES = (torch.uint8, torch.float32, torch.float64, torch.bfloat16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(n=6, ch=3, size=(9, 12), dtype=torch.uint8, layout="channels_last", seed=0):
    """Noise; floats are in [0, 1]."""
    noise = torch.randint(256, (n, ch, *size), generator=generator(seed))
    if dtype.is_floating_point:
        noise = noise / 255
    if layout == "strided":  # every other row and column of something larger
        whole = torch.full((n, ch, 2 * size[0], 2 * size[1]), 7, dtype=dtype)
        part = whole[:, :, ::2, ::2]
        return part.copy_(noise)
    return images_in(layout, noise.to(dtype))


def same_format(out, images):
    """Channels-last images stay it, all others come out contiguous; the dtype stays."""
    assert out.dtype == images.dtype
    last = images.is_contiguous(memory_format=torch.channels_last)
    wanted = torch.channels_last if last else torch.contiguous_format
    assert out.is_contiguous(memory_format=wanted)
