"""AlignMix: features of two images laid over each other by optimal transport, then mixed."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.mixing.manifold import check_features
from dmmix.functional.tensors.checks import check_counts, check_index, check_lam, check_positive
from dmmix.functional.tensors.dtypes import no_autocast, share_dtype


def align_features(
    features: Tensor,
    lam: Tensor,
    index: Tensor,
    keep: Tensor,
    *,
    epsilon: float = 0.1,
    iterations: int = 100,
    check: bool | None = None,
) -> Tensor:
    r"""Feature maps of each sample and its partner, one aligned to the other, in a weighted mean.

    With the maps :math:`A` of a sample and :math:`A'` of its partner as (D, r) matrices of
    :math:`r = h w` positions, and the (r, r) assignment :math:`R` of positions
    (:func:`sinkhorn_assignment`) by their squared distances:

    .. math::
        \tilde f = \lambda A + (1 - \lambda) A' R^\top \quad \text{where } A \text{ is kept, or}
        \qquad \tilde f = \lambda A R + (1 - \lambda) A'

    So the places are those of one image, and what is there is of both. A sample paired with
    itself, and one whose whole share is that of the image whose places are kept, stay as they are.

    Args:
        features: (N, D, h, w). Gradients flow to both samples, none through :math:`R`.
        lam, index, check: see :func:`mix_features`.
        keep: (N,) bools, true where the places of the first image are kept.
        epsilon, iterations: see :func:`sinkhorn_assignment`.

    Returns:
        (N, D, h, w) in the dtype of the features.

    Raises:
        TypeError, ValueError: see :func:`mix_features`; features that are no map; ``epsilon`` or
            ``iterations`` out of range.

    Source: AlignMixup (arXiv 2103.15375).
    """
    check_features(features, lam)
    if features.ndim != 4:
        raise ValueError(
            "features must be a map, (N, D, h, w), got "
            f"{tuple(features.shape)}: align another stage, or use ManifoldMix"
        )
    check_lam(lam, features, check)
    check_index(index, features, check)
    if keep.shape != lam.shape or keep.dtype != torch.bool:
        raise ValueError(
            f"keep must be {tuple(lam.shape)} bools, got {keep.dtype} of {tuple(keep.shape)}"
        )
    n, width = features.shape[:2]
    own = torch.arange(n, device=features.device)
    keep = keep | (index == own)
    weight = torch.where(keep, lam, 1 - lam).masked_fill(index == own, 1).to(features.dtype)
    flat = features.flatten(2)
    # Rows: places of the map that is kept. Columns: those of the one that is laid over it.
    kept, moved = flat[torch.where(keep, own, index)], flat[torch.where(keep, index, own)]
    wide = share_dtype(features)
    with no_autocast(features.device.type):
        with torch.no_grad():
            cost = _distances(kept.to(wide), moved.to(wide))
            rows = sinkhorn_assignment(cost, epsilon, iterations)
        aligned = torch.bmm(moved.to(wide), rows.transpose(1, 2)).to(features.dtype)
    return torch.lerp(aligned, kept, weight[:, None, None]).view(n, width, *features.shape[2:])


def sinkhorn_assignment(cost: Tensor, epsilon: float = 0.1, iterations: int = 100) -> Tensor:
    r"""Which column belongs to which row, by entropic optimal transport.

    .. math::
        R = r \, \arg\min_P \; \langle P, C \rangle - \epsilon H(P), \qquad
        P \mathbf 1 = P^\top \mathbf 1 = \mathbf 1 / r

    by Sinkhorn's iteration on logarithms, so that large costs neither overflow nor vanish. The
    number of iterations is fixed: to stop at a tolerance would wait for the device each time.

    Args:
        cost: (N, r, r) floats.
        epsilon: weight of the entropy, above 0. Small values assign sharply and converge slowly.
        iterations: 1 or more.

    Returns:
        (N, r, r) floats in [0, 1]. Rows sum to 1, columns do as far as the iteration has converged.

    Raises:
        ValueError: ``epsilon`` not above 0, ``iterations`` below 1, a cost of another shape.
    """
    check_positive("epsilon", epsilon)
    check_counts(iterations=iterations)
    if cost.ndim != 3 or cost.shape[1] != cost.shape[2]:
        raise ValueError(f"cost must be (N, r, r), got {tuple(cost.shape)}")
    kernel = cost / -epsilon
    row = torch.zeros_like(kernel[:, :, :1])
    for k in range(iterations):
        scaled = kernel - torch.logsumexp(kernel + row, 1, keepdim=True)
        if k < iterations - 1:
            row = -torch.logsumexp(scaled, 2, keepdim=True)
    # The last scaling of the rows: a softmax sums to 1 also where the costs are huge.
    return scaled.softmax(2)


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """(N, r, r) squared distances between the columns of two (N, D, r)."""
    # What both have in common makes no distance, but would cost digits.
    middle = first.mean(2, keepdim=True)
    first, second = first - middle, second - middle
    product = torch.bmm(first.transpose(1, 2), second)
    square = first.square().sum(1)[:, :, None] + second.square().sum(1)[:, None, :]
    return (square - 2 * product).clamp_min(0)
