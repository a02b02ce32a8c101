"""What is really in a mixed image: the share of each source, read off the pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmmix.functional import MixedLabels


def recover_shares(
    mix: Callable[[Tensor, Tensor], Any],
    n: int = 7,
    size: tuple[int, int] = (9, 14),
    *,
    channels: int | None = None,
    content: int = 0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.contiguous_format,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """The share that each source image has of each mixed image, by pixels and by labels.

    The pixels carry the index of their image. With ``channels=None`` each source has a channel of
    its own, in which it is 1 and all others are 0: the mean of that channel of a mixed image is
    what it has of the source, and one call of ``mix`` tells all. With ``channels`` given, one
    source after the other is white and the rest black, which takes ``n`` calls.

    Args:
        mix: ``mix(images, labels)`` with (n, ch, H, W) images and (n,) labels ``0 ... n - 1``.
            Returns images and labels, first and second in a tuple or as attributes ``images`` and
            ``labels``; the labels are :class:`~dmmix.functional.MixedLabels` or (N, n) soft labels.
        n: how many images.
        size: height and width.
        channels: see above; for mixes that take only images of 1 or 3 channels. A mix with a
            generator of its own must seed it in each call, so that all ``n`` of them are alike.
        content: for mixes that look at the images: that many channels with a random picture go
            before the others (with ``channels=None`` only).
        seed: of the picture, and of the global random sources (torch, NumPy, Python) in each call
            of ``mix``; afterwards these are as they were.
        dtype, memory_format, device: of the images.

    Returns:
        (N, n) float64 shares by pixels, and (N, n) float64 shares by labels. They are equal, up to
        the rounding of the images' dtype, for a mix that labels what it makes.

    Raises:
        TypeError: ``mix`` returns no images and labels in one of these forms.
        ValueError: ``n``, ``size`` or ``channels`` below 1, ``content`` below 0 or together with
            ``channels``; images or labels of a wrong shape; with ``channels``, a mix that does
            not do the same in each call.
    """
    _check_arguments(n, size, channels, content)
    labels = torch.arange(n, device=device)

    def run(images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device, dtype).contiguous(memory_format=memory_format)
        with _seeded(seed, torch.device(device)):
            result = mix(images, labels.clone())
        return _images_and_dense(result, n, images.shape[1])

    if channels is None:
        generator = torch.Generator().manual_seed(seed)
        picture = torch.rand(n, content, *size, generator=generator)
        planes = torch.eye(n)[:, :, None, None].expand(n, n, *size)
        mixed, told = run(torch.cat([picture, planes], 1))
        return mixed[:, content:].mean((2, 3)), told
    found: list[Tensor] = []
    tellings: list[Tensor] = []
    for source in range(n):
        images = torch.zeros(n, channels, *size)
        images[source] = 1
        mixed, again = run(images)
        if tellings and not torch.equal(tellings[0], again):
            raise ValueError(
                "mix gave other labels in a second call, so shares cannot be put together from "
                "several: let it seed its generator in each call, or use channels=None"
            )
        tellings.append(again)
        found.append(mixed.mean((1, 2, 3)))
    return torch.stack(found, 1), tellings[0]


def assert_labels_match_pixels(
    mix: Callable[[Tensor, Tensor], Any], *args: Any, atol: float = 1e-5, **kwargs: Any
) -> None:
    """Raises AssertionError unless the labels of ``mix`` say what is in its images.

    Args:
        mix, \\*args, \\*\\*kwargs: as for :func:`recover_shares`.
        atol: how far a share may be from that of the pixels.

    Raises:
        AssertionError: the message names the sample and the source that are furthest off.
        TypeError, ValueError: as for :func:`recover_shares`; ``atol`` below 0.

    Example::

        from timm.data import Mixup
        mix = Mixup(cutmix_alpha=1.0, mode='elem', label_smoothing=0.0, num_classes=8)
        for seed in range(20):  # one draw may be right by luck
            assert_labels_match_pixels(mix, n=8, channels=3, seed=seed)
    """
    if not 0 <= atol < math.inf:
        raise ValueError(f"atol must be 0 or more and finite, got {atol}")
    found, told = recover_shares(mix, *args, **kwargs)
    if found.shape != told.shape:
        raise AssertionError(f"{found.shape[0]} mixed images, but labels for {told.shape[0]}")
    off = (found - told).abs()
    if bool((off <= atol).all()):
        return
    row, source = divmod(int(off.nan_to_num(torch.inf).argmax()), off.shape[1])
    raise AssertionError(
        f"sample {row}: {found[row, source]:.6g} of the pixels come from image {source}, its label "
        f"says {told[row, source]:.6g}{_hint(found[row], told[row], atol)} (in all, "
        f"{int((~(off <= atol)).any(1).sum())} of {off.shape[0]} samples are off by more than "
        f"{atol:g})"
    )


def _hint(found: Tensor, told: Tensor, atol: float) -> str:
    if bool(((found.sort().values - told.sort().values).abs() <= atol).all()):
        return "; the shares are right, but given to the wrong images"
    if bool((told > atol).all()) and bool((found <= atol).any()):
        return "; no share is 0: is there label smoothing, which has to be off here?"
    return ""


def _check_arguments(n: int, size: tuple[int, int], channels: int | None, content: int) -> None:
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be height and width, both 1 or more, got {tuple(size)}")
    if channels is not None and channels < 1:
        raise ValueError(f"channels must be None, or 1 or more, got {channels}")
    if content < 0:
        raise ValueError(f"content must be 0 or more, got {content}")
    if channels is not None and content:
        raise ValueError(f"content={content} goes with channels=None, got channels={channels}")


def _images_and_dense(result: Any, n: int, channels: int) -> tuple[Tensor, Tensor]:
    """Images and dense labels, in float64 on the CPU."""
    if hasattr(result, "images") and hasattr(result, "labels"):
        images, labels = result.images, result.labels
    elif isinstance(result, tuple | list) and len(result) >= 2:
        images, labels = result[0], result[1]
    else:
        raise TypeError(f"mix must return images and labels, got {type(result).__name__}")
    if isinstance(labels, MixedLabels):
        labels = labels.dense(n, torch.float64)
    for name, part in (("images", images), ("labels", labels)):
        if not isinstance(part, Tensor):
            raise TypeError(f"mix must return {name} as a Tensor, got {type(part).__name__}")
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(
            f"mix must return images with the {channels} channels it was given, got "
            f"{tuple(images.shape)}"
        )
    if labels.ndim != 2 or labels.shape[1] != n:
        raise ValueError(
            f"mix must return MixedLabels or soft labels over {n} classes, got a Tensor of "
            f"{tuple(labels.shape)}"
        )
    return images.detach().double().cpu(), labels.detach().double().cpu()


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The global random sources start from this seed, and are put back."""
    cuda = device.type == "cuda"
    state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count()) if cuda else []):
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.manual_seed_all(seed)
            yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
