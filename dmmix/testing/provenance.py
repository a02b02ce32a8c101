"""What is really in a mixed image: the share of each source, read off the pixels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmmix.functional import MixedLabels

__all__ = ["assert_labels_match_pixels", "recover_shares"]


def recover_shares(
    mix: Callable[[Tensor, Tensor], Any],
    n: int = 7,
    size: tuple[int, int] = (9, 14),
    *,
    channels: int | None = None,
    content: int = 0,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.contiguous_format,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """The share that each source image has of each mixed image, by pixels and by labels.

    The pixels carry the index of their image. With ``channels=None`` each source has a channel of
    its own, in which it is 1 and all others are 0: the mean of that channel of a mixed image is
    what it has of the source, and one call of ``mix`` tells all. With ``channels`` given, one
    source after the other is white and the rest black, which takes ``n`` calls from the same
    state of the random sources (torch, NumPy, Python).

    Args:
        mix: ``mix(images, labels)`` with (n, ch, H, W) images and (n,) labels ``0 ... n - 1``.
            Returns images and labels, first and second in a tuple or as attributes ``images`` and
            ``labels``; the labels are :class:`~dmmix.functional.MixedLabels` or (N, n) soft labels.
        n: how many images.
        size: height and width.
        channels: see above; for mixes that take only images of 1 or 3 channels.
        content: for mixes that look at the images: that many channels with a random picture go
            before the others (with ``channels=None`` only).
        dtype, memory_format, device: of the images.

    Returns:
        (N, n) float64 shares by pixels, and (N, n) float64 shares by labels. They are equal, up to
        the rounding of the images' dtype, for a mix that labels what it makes.

    Raises:
        ValueError: ``content`` together with ``channels``.
    """
    if channels is not None and content:
        raise ValueError(f"content={content} goes with channels=None, got channels={channels}")
    labels = torch.arange(n, device=device)

    def run(images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device, dtype).contiguous(memory_format=memory_format)
        return _images_and_dense(mix(images, labels), n)

    if channels is None:
        picture = torch.rand(n, content, *size, generator=torch.Generator().manual_seed(0))
        planes = torch.eye(n)[:, :, None, None].expand(n, n, *size)
        mixed, told = run(torch.cat([picture, planes], 1))
        return mixed[:, content:].double().mean((2, 3)).cpu(), told
    found = []
    for source in range(n):
        images = torch.zeros(n, channels, *size)
        images[source] = 1
        with _same_randomness():
            mixed, told = run(images)
        found.append(mixed.double().mean((1, 2, 3)).cpu())
    return torch.stack(found, 1), told


def assert_labels_match_pixels(
    mix: Callable[[Tensor, Tensor], Any], *args: Any, atol: float = 1e-5, **kwargs: Any
) -> None:
    """Raises AssertionError unless the labels of ``mix`` say what is in its images.

    Args:
        mix, \\*args, \\*\\*kwargs: as for :func:`recover_shares`.
        atol: how far a share may be from that of the pixels.

    Example::

        from timm.data import Mixup
        mix = Mixup(cutmix_alpha=1.0, mode='elem', label_smoothing=0.0, num_classes=8)
        assert_labels_match_pixels(mix, n=8, channels=3)
    """
    found, told = recover_shares(mix, *args, **kwargs)
    if found.shape != told.shape:
        raise AssertionError(f"{found.shape[0]} mixed images, but labels for {told.shape[0]}")
    off = (found - told).abs()
    if bool((off <= atol).all()):
        return
    row, source = divmod(int(off.nan_to_num(torch.inf).argmax()), off.shape[1])
    raise AssertionError(
        f"sample {row}: {found[row, source]:.6g} of the pixels come from image {source}, its label "
        f"says {told[row, source]:.6g} (in all, {int((off > atol).any(1).sum())} of "
        f"{off.shape[0]} samples are off by more than {atol:g})"
    )


def _images_and_dense(result: Any, n: int) -> tuple[Tensor, Tensor]:
    if hasattr(result, "images") and hasattr(result, "labels"):
        images, labels = result.images, result.labels
    else:
        images, labels = result[0], result[1]
    if isinstance(labels, MixedLabels):
        labels = labels.dense(n, torch.float64)
    return images.detach(), labels.detach().double().cpu()


@contextmanager
def _same_randomness() -> Iterator[None]:
    """What is drawn inside leaves the global random sources as they were."""
    state = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
