"""The pixels of a mix: partners gathered, two images put together, into a tensor that is given."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels, MixedLabels
from dmmix.functional.mixing.blend import blend_labels
from dmmix.functional.mixing.mixed import Mixed, per_sample
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.layout import as_bytes, is_channels_last

_PIECE = 2**18  # pixels


def gather(images: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """``images[index]``, in the memory format of the images; into ``out`` where it is given."""
    if out is None:
        return images[index]
    if is_channels_last(images) and is_channels_last(out):
        torch.index_select(images.permute(0, 2, 3, 1), 0, index, out=out.permute(0, 2, 3, 1))
    elif out.is_contiguous():
        torch.index_select(images, 0, index, out=out)
    else:
        out.copy_(images[index])
    return out


def by_share(
    images: Tensor,
    labels: Labels,
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
    weight = per_sample(share.to(images.dtype).expand(images.shape[0]), images)
    out = _fresh(images, share) if out is None else out
    # lerp takes 1 - weight in float32 inside; in bfloat16 the two weights would not sum to 1.
    mixed = torch.lerp(gather(images, index, out), images, weight, out=out)
    weight = weight.to(share_dtype(images))
    return Mixed(mixed, _pairs(labels, index, weight.flatten()), index, weight)


def by_mask(
    images: Tensor,
    labels: Labels,
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
        mask: (N, 1, H, W) of the first image, or (1, 1, H, W) of the whole batch: bools, or floats
            in [0, 1] (rounded to the dtype of the images).
        second: (N, ch, H, W), what is put in where the first image is not; ``images[index]``.
        share: (N,) or (1,) of the first image where it is known already; else the mean of the mask.
        out: see :func:`dmmix.functional.mixup`.
    """
    out = _fresh(images, mask, second) if out is None else out
    if mask.dtype == torch.bool:
        mixed = _choose(mask, images, index, second, out)
    else:
        mask = mask.to(images.dtype)
        second = gather(images, index, out) if second is None else second
        mixed = torch.lerp(second, images, mask, out=out)
        mask = mask.to(share_dtype(images))
    if share is None:
        share = as_bytes(mask).to(share_dtype(images)).mean((1, 2, 3))
    n = images.shape[0]
    mask = mask.expand(n, -1, -1, -1)
    return Mixed(mixed, _pairs(labels, index, share.expand(n)), index, mask)


def by_box(
    images: Tensor,
    labels: Labels,
    rows: slice,
    columns: slice,
    index: Tensor,
    *,
    out: Tensor | None = None,
) -> Mixed:
    """Each image with its partner inside one box, the same for the whole batch.

    Args:
        labels: prepared (:func:`prepare_labels`).
        rows, columns: of the box, both with a start and a stop within the image.
        out: see :func:`dmmix.functional.mixup`.
    """
    n, _, height, width = images.shape
    mask = torch.ones(1, 1, height, width, dtype=torch.bool, device=images.device)
    mask[:, :, rows, columns] = False
    kept = height * width - (rows.stop - rows.start) * (columns.stop - columns.start)
    share = torch.full(
        (n,), kept / (height * width), dtype=share_dtype(images), device=images.device
    )
    out = _fresh(images) if out is None else out
    if out is None:
        return by_mask(images, labels, mask, index, share=share)
    # Only the pixels of the box are read from the partners.
    out.copy_(images)
    torch.index_select(images[:, :, rows, columns], 0, index, out=out[:, :, rows, columns])
    return Mixed(out, _pairs(labels, index, share), index, mask.expand(n, -1, -1, -1))


def _choose(
    mask: Tensor, images: Tensor, index: Tensor, second: Tensor | None, out: Tensor | None
) -> Tensor:
    """``images`` where the mask is true, else ``second``, by default the partners."""
    if out is None or out.device.type != "cpu" or out.element_size() > 4:
        second = gather(images, index, out) if second is None else second
        return torch.where(mask, images, second, out=out)
    # Weights of 0 and 1 give the same (for finite pixels), and on a CPU lerp uses vector
    # instructions, where does not. In pieces of several images, so that partners and weights are
    # still in the cache when they are used.
    n = len(images)
    size = max(1, _PIECE // max(1, mask.shape[-2] * mask.shape[-1]))
    if n <= size or len(mask) == 1:
        second = gather(images, index, out) if second is None else second
        return torch.lerp(second, images, as_bytes(mask).to(images.dtype), out=out)
    for start in range(0, n, size):
        piece = slice(start, start + size)
        into = out[piece]
        other = gather(images, index[piece], into) if second is None else second[piece]
        torch.lerp(other, images[piece], as_bytes(mask[piece]).to(images.dtype), out=into)
    return out


def _fresh(images: Tensor, *others: Tensor | None) -> Tensor | None:
    """A new ``out``: the partners are gathered into it and mixed in place, one tensor for both.

    ``None`` where a gradient has to flow, and where a compiler arranges memory.
    """
    if torch.compiler.is_compiling() or type(images) is not Tensor:
        return None
    needed = any(t is not None and t.requires_grad for t in (images, *others))
    return None if needed and torch.is_grad_enabled() else torch.empty_like(images)


def _pairs(labels: Labels, index: Tensor, share: Tensor) -> Labels:
    second = (
        labels.take(index) if isinstance(labels, MixedLabels) else labels.index_select(0, index)
    )
    return blend_labels(labels, second, share)
