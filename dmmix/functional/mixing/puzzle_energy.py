"""Labels on a grid of blocks that minimise an energy: what a graph cut does, for a whole batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_THRESHOLDS = 8
_RELAXATION = 1.5  # how far each step goes, above 1 and below 2: faster than 1


def minimise_grid_energy(
    unary: Tensor, down: Tensor, right: Tensor, iterations: int | None = None
) -> Tensor:
    r"""The labels :math:`l \in \{0, \dots, m\}` of the blocks of a grid that minimise

    .. math::
        E(l) = \sum_i U_i(l_i) + \sum_{(i, j)} w_{ij} \Bigl(\frac{l_i - l_j}{m}\Bigr)^2

    over neighbours :math:`(i, j)` down and to the right. With :math:`U_i` convex in the label and
    :math:`w_{ij} \ge 0`, joining the values at whole labels by straight lines gives a convex
    function of real labels with the same minimum, and rounding a minimiser at any threshold gives
    labels that reach it. So there is no graph to cut: a fixed number of primal-dual steps
    (Chambolle and Pock) on all grids at once, then the best of a few thresholds.

    Args:
        unary: (N, m + 1, H, W) floats, the cost of each label, convex along dimension 1.
        down: (N, H - 1, W), weights of the pairs one above the other, 0 or more.
        right: (N, H, W - 1), weights of the pairs side by side, 0 or more.
        iterations: how many steps; ``None`` takes 8 + 2 (H + W), enough for what is decided on one
            side of the grid to reach the other.

    Returns:
        (N, H, W) int64 labels.

    Source: a first-order primal-dual algorithm for convex problems with applications to imaging
    (Chambolle and Pock, 2011).
    """
    n, levels, rows, cols = unary.shape
    if iterations is None:
        iterations = 8 + 2 * (rows + cols)
    m = levels - 1
    # The samples go last, so that rows and columns are cut off in long runs.
    cost = (unary[:, 1:] - unary[:, :-1]).permute(1, 2, 3, 0).contiguous()
    weight = cost.new_zeros(2, rows, cols, n)  # of the edge from a block down, and to the right
    weight[0, :-1] = down.permute(1, 2, 0) / m**2
    weight[1, :, :-1] = right.permute(1, 2, 0) / m**2
    # Labels are about 1 apart, so steps of one size suit edges of about 1.
    edges = max(1, (rows - 1) * cols + rows * (cols - 1))
    scale = weight.sum((0, 1, 2)) / edges + 1e-6 * cost.abs().mean((0, 1, 2))
    scale = scale.clamp_min(torch.finfo(cost.dtype).tiny)
    cost, weight = cost / scale, weight / scale
    return _round(_relaxed(cost, weight, iterations), cost, weight)


def _relaxed(cost: Tensor, weight: Tensor, iterations: int) -> Tensor:
    """(H, W, N) real labels; the size of both steps is 1 / sqrt(8), 8 bounds |differences|^2."""
    m, *_, n = cost.shape
    step = math.sqrt(1 / 8)
    shifted = [step * cost[k] + k for k in range(m)]
    # The slopes of (l_i - l_j)^2 over whole labels are 1, 3, 5, ...: a dual variable stays at
    # each for `step` of what pulls at it.
    first = -weight, weight
    second = -2 * weight, 2 * weight
    slopes = [(2 * k - 1) * weight + k * step for k in range(1, m)]
    kinks = [(-slope, slope) for slope in slopes]
    u = (cost < 0).to(cost.dtype).sum(0)
    new, ahead, part = (torch.empty_like(u) for _ in range(3))
    dual, pull, pulled, clipped = (torch.zeros_like(weight) for _ in range(4))
    above, below, dual_below = ahead[:-1], ahead[1:], dual[0, :-1]
    # From the end of a row to the start of the next: an edge of weight 0, which changes nothing.
    before, behind = ahead.view(-1, n)[:-1], ahead.view(-1, n)[1:]
    dual_behind = dual[1].view(-1, n)[:-1]
    pull_down, pull_right = pull[0, :-1], pull[1].view(-1, n)[:-1]
    dual_down, dual_right = dual[0], dual[1]
    # Everything is written to where it was: fresh memory and views cost more than the sums.
    for _ in range(iterations):
        torch.add(dual_down, dual_right, out=ahead)
        below -= dual_below
        behind -= dual_behind
        flow = torch.add(u, ahead, alpha=step, out=ahead)
        torch.sub(flow, shifted[0], out=new).clamp_(0, 1)
        for offset in shifted[1:]:
            new += torch.sub(flow, offset, out=part).clamp_(0, 1)
        torch.sub(new, u, out=ahead).add_(new)
        torch.sub(below, above, out=pull_down)
        torch.sub(behind, before, out=pull_right)
        torch.add(dual, pull, alpha=step, out=pulled)
        torch.clamp(pulled, *first, out=pull)
        for kink in kinks:
            torch.clamp(pulled, *kink, out=clipped)
            pull += torch.sub(pulled, clipped, out=clipped).clamp_(*second)
        u.lerp_(new, _RELAXATION)
        dual.lerp_(pull, _RELAXATION)
    return new if iterations else u


def _round(u: Tensor, cost: Tensor, weight: Tensor) -> Tensor:
    """(N, H, W) whole labels: the best of a few thresholds."""
    m = cost.shape[0]
    threshold = (torch.arange(_THRESHOLDS, device=u.device, dtype=u.dtype) + 0.5) / _THRESHOLDS
    z = (u + threshold[:, None, None, None]).floor_().clamp_(0, m)
    energy = (cost[0] * z.clamp(0, 1)).sum((1, 2))
    for k in range(1, m):
        energy += (cost[k] * (z - k).clamp_(0, 1)).sum((1, 2))
    energy += (weight[0, :-1] * (z[:, 1:] - z[:, :-1]).square_()).sum((1, 2))
    energy += (weight[1, :, :-1] * (z[:, :, 1:] - z[:, :, :-1]).square_()).sum((1, 2))
    best = energy.argmin(0).expand(1, *u.shape)
    return z.gather(0, best)[0].permute(2, 0, 1).long()
