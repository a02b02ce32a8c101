"""The pixels of a mix: partners gathered, two images put together, into a tensor that is given."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.mixing.blend import blend_labels
from dmmix.functional.mixing.checks import share_dtype
from dmmix.functional.mixing.mixed import Mixed

__all__ = ["by_mask", "by_share", "gather"]

# lerp and where vectorise over the last axis; with a share a sample that axis would have stride 0.
_RUN = 1024


def gather(images: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """``images[index]``, in the memory format of the images; into ``out`` where it is given."""
    if out is None:
        return images[index]
    if _channels_last(images) and _channels_last(out):
        torch.index_select(images.permute(0, 2, 3, 1), 0, index, out=out.permute(0, 2, 3, 1))
    elif out.is_contiguous():
        torch.index_select(images, 0, index, out=out)
    else:
        out.copy_(images[index])
    return out


def by_share(
    images: Tensor,
    labels: MixedLabels | Tensor,
    share: Tensor,
    index: Tensor,
    out: Tensor | None = None,
) -> Mixed:
    """Weighted mean of each image and its partner; ``labels`` are prepared.

    Args:
        share: (N,), of the first image. It is rounded to the dtype of the images, and the labels
            carry it so.
        out: see :func:`dmmix.functional.mixup`.
    """
    weight = share.to(images.dtype)
    second = gather(images, index, out)
    if out is None or not (images.is_contiguous() and out.is_contiguous()):
        # lerp takes 1 - weight in float32 inside; in bfloat16 the two weights would not sum to 1.
        mixed = torch.lerp(second, images, weight[:, None, None, None], out=out)
    else:
        mixed = _lerp_runs(second, images, weight)
    share = weight.to(share_dtype(images))
    return Mixed(mixed, blend_labels(labels, labels[index], share), share[:, None, None, None])


def by_mask(
    images: Tensor,
    labels: MixedLabels | Tensor,
    mask: Tensor,
    index: Tensor,
    *,
    second: Tensor | None = None,
    share: Tensor | None = None,
    out: Tensor | None = None,
) -> Mixed:
    """Each image where the mask is true, or with the mask as its weight, and its partner elsewhere.

    Args:
        labels: prepared (:func:`prepare_labels`).
        mask: (N, 1, H, W) of the first image: bools, or floats in [0, 1] (rounded to the dtype of
            the images).
        second: (N, ch, H, W), what is put in where the first image is not; ``images[index]``.
        share: (N,) of the first image where it is known already; else the mean of the mask.
        out: see :func:`dmmix.functional.mixup`.
    """
    if second is None:
        second = gather(images, index, out)
    if mask.dtype == torch.bool:
        mixed = torch.where(mask, images, second, out=out)
    else:
        mask = mask.to(images.dtype)
        mixed = torch.lerp(second, images, mask, out=out)
        mask = mask.to(share_dtype(images))
    if share is None:
        share = mask.to(share_dtype(images)).mean((1, 2, 3))
    return Mixed(mixed, blend_labels(labels, labels[index], share), mask)


def _lerp_runs(second: Tensor, images: Tensor, weight: Tensor) -> Tensor:
    """``lerp`` into ``second``, over runs of pixels that have the weight side by side."""
    n = images.shape[0]
    size = images[0].numel() if n else 0
    run = next((r for r in range(min(_RUN, size), 0, -1) if size % r == 0), 1)
    weights = weight[:, None, None].expand(n, 1, run).contiguous()
    flat = second.view(n, -1, run)
    torch.lerp(flat, images.view(n, -1, run), weights, out=flat)
    return second


def _channels_last(images: Tensor) -> bool:
    return images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
