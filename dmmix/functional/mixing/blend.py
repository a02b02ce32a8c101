"""Labels of a pair, in whichever form labels come."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels, MixedLabels
from dmmix.functional.tensors.dtypes import share_dtype


def prepare_labels(labels: Labels, images: Tensor, check: bool | None = None) -> Labels:
    """Labels that :func:`blend_labels` takes, with shares in the precision of the mix.

    Args:
        labels: (N,) integer classes (become :class:`MixedLabels`), :class:`MixedLabels`, or
            (N, C) floating-point soft labels (stay dense).
        images: the (N, ch, H, W) images that they belong to.
        check: whether plain classes are looked at (see :class:`MixedLabels`).

    Raises:
        TypeError: labels in another form.
        ValueError: a wrong shape, or not as many labels as images.
    """
    dtype = share_dtype(images)
    if isinstance(labels, MixedLabels):
        _check_number(len(labels), images)
        return labels.to(torch.promote_types(labels.shares.dtype, dtype))
    if not isinstance(labels, Tensor):
        raise TypeError(f"labels must be MixedLabels or a Tensor, got {type(labels).__name__}")
    if labels.is_floating_point():
        if labels.ndim != 2:
            raise ValueError(f"soft labels must be (N, C), got {tuple(labels.shape)}")
        _check_number(labels.shape[0], images)
        return labels.to(torch.promote_types(labels.dtype, dtype))
    if labels.ndim != 1 or labels.dtype == torch.bool or labels.is_complex():
        raise TypeError(
            "labels must be MixedLabels, (N,) integers or (N, C) floating-point soft labels, got "
            f"{labels.dtype} of shape {tuple(labels.shape)}"
        )
    _check_number(labels.shape[0], images)
    shares = torch.ones(labels.shape[0], 1, dtype=dtype, device=labels.device)
    return MixedLabels(labels[:, None], shares, check=check)


def blend_labels(first: Labels, second: Labels, share: Tensor) -> Labels:
    """``share`` (N,) of ``first`` and the rest of ``second``; both prepared, in the same form."""
    if isinstance(first, MixedLabels) and isinstance(second, MixedLabels):
        return first.blend(second, share)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.lerp(second, first, share.to(first.dtype)[:, None])
    raise TypeError("labels of a pair must be in the same form")


def join_labels(first: Labels, second: Labels) -> Labels:
    """One after the other; in the same form."""
    if isinstance(first, MixedLabels) and isinstance(second, MixedLabels):
        return MixedLabels.cat([first, second])
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second.to(first.dtype)])
    raise TypeError(
        "labels must be in the same form, got "
        f"{type(first).__name__} for the first and {type(second).__name__} for the second"
    )


def share_labels(labels: Labels, sources: Tensor, shares: Tensor) -> Labels:
    """Labels of samples that are made of several; ``labels`` are prepared.

    Args:
        sources: (N, K) rows of the labels.
        shares: (N, K), of each; rows sum to 1.
    """
    told, reached = labels[sources[:, 0]], shares[:, 0]
    for k in range(1, sources.shape[1]):
        # Of a pair the share itself: what sums to 1 need not do so to the last digit.
        before, reached = reached, reached + shares[:, k]
        part = before if shares.shape[1] == 2 else before / reached.clamp_min(1e-30)
        told = blend_labels(told, labels[sources[:, k]], part)
    return told


def where_labels(condition: Tensor, first: Labels, second: Labels) -> Labels:
    """Row by row, ``first`` where the (N,) ``condition`` holds, else ``second``; as above."""
    if isinstance(first, MixedLabels) and isinstance(second, MixedLabels):
        return MixedLabels.where(condition, first, second)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.where(condition[:, None], first, second)
    raise TypeError("labels of a pair must be in the same form")


def _check_number(number: int, images: Tensor) -> None:
    if number != images.shape[0]:
        raise ValueError(f"labels must be as many as the {images.shape[0]} images, got {number}")
