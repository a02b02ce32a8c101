"""Small images for the tests of the batch transforms."""

import torch

from tests.laws.data import LAYOUTS, batch, generator, images_in

__all__ = ["DTYPES", "LAYOUTS", "generator", "pictures", "same_format"]

DTYPES = (torch.uint8, torch.float32, torch.float64, torch.bfloat16)


def pictures(n=6, ch=3, size=(9, 12), dtype=torch.uint8, layout="channels_last", seed=0):
    """Noise; floats are in [0, 1]."""
    noise, _ = batch(n, ch, size, torch.uint8, seed=seed)
    return images_in(layout, (noise / 255 if dtype.is_floating_point else noise).to(dtype))


def same_format(out, images):
    """Channels-last images stay it, all others come out contiguous; the dtype stays."""
    assert out.dtype == images.dtype
    last = images.is_contiguous(memory_format=torch.channels_last)
    wanted = torch.channels_last if last else torch.contiguous_format
    assert out.is_contiguous(memory_format=wanted)
