"""RegMixup: clean samples and their mixes in one batch."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.blend import join_labels, prepare_labels
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_images, check_out
from dmmix.functional.tensors.dtypes import share_dtype


def regmixup(
    images: Tensor,
    labels: Labels,
    mixed: Mixed,
    eta: float = 1.0,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""The samples as they are, and after them what a mix has made of them.

    With the weights :math:`w = 1 + M / N` for each of the :math:`N` clean samples and
    :math:`\eta (1 + N / M)` for each of the :math:`M` mixed ones (2 and :math:`2 \eta` for
    :math:`M = N`), the mean of the weighted losses is

    .. math::
        \frac{1}{N + M} \sum_n w_n \ell_n
        = \frac1N \sum_{n \le N} \ell_n + \eta \, \frac1M \sum_{n > N} \ell_n

    Args:
        images: (N, ch, H, W), any float dtype, device and memory format; not written to.
        labels: see :func:`mixup`; in the form that went into the mix.
        mixed: what a mix returned for them. Its own weights, if any, stay in force.
        eta: weight of the mixed loss, 0 or more.
        out: (N + M, ch, H, W), written to instead of a new tensor, and returned; in the dtype and
            on the device of the images, in memory of its own. Not where a gradient is needed.
        check: see :func:`mixup`.

    Returns:
        :class:`Mixed` of N + M samples. Clean labels have as many slots as mixed ones, with shares
        of 0 in those that they do not need; the mask is true for their first one.

    Raises:
        TypeError, ValueError: images or labels that a mix would not take, or that are not of the
            kind of the mixed ones; a negative ``eta``; a wrong ``out``.

    Source: RegMixup (arXiv 2206.14502).
    """
    check_images(images)
    if not eta >= 0:
        raise ValueError(f"eta must be 0 or more, got {eta}")
    _check_alike(images, mixed.images)
    labels = prepare_labels(labels, images, check)
    n, m = images.shape[0], mixed.images.shape[0]
    check_out(out, images, mixed.images)
    both = torch.cat([images, mixed.images], out=out)
    dtype = share_dtype(images)
    weights = mixed.weights
    if weights is None:
        weights = torch.ones(m, dtype=dtype, device=images.device)
    total = n + m
    clean = torch.full((n,), total / max(n, 1), dtype=weights.dtype, device=images.device)
    sources = mixed.sources
    own = torch.arange(n, device=images.device)[:, None].expand(n, sources.shape[1])
    mask = mixed.mask.new_ones((n, *mixed.mask.shape[1:]))
    mask[:, 1:] = 0
    return Mixed(
        both,
        join_labels(labels, mixed.labels),
        torch.cat([own, sources]),
        torch.cat([mask, mixed.mask]),
        torch.cat([clean, weights * (eta * total / max(m, 1))]),
        tuple(part._replace(start=part.start + n) for part in mixed.inside),
        tuple(part._replace(start=part.start + n) for part in mixed.watched),
    )


def _check_alike(images: Tensor, mixed: Tensor) -> None:
    for name in ("dtype", "device"):
        if getattr(images, name) != getattr(mixed, name):
            raise ValueError(
                f"mixed must be {getattr(images, name)} like the images, got {getattr(mixed, name)}"
            )
    if images.shape[1:] != mixed.shape[1:]:
        raise ValueError(
            f"mixed must be images of {tuple(images.shape[1:])}, got {tuple(mixed.shape[1:])}"
        )
