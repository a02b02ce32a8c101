"""Co-Mixup: what is salient in a whole batch, put together to as many different images."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.blend import prepare_labels, share_labels
from dmmix.functional.mixing.compose import gather
from dmmix.functional.mixing.coselection import Coselection
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import (
    check_counts,
    check_floats,
    check_images,
    check_index,
    check_out,
    check_positive,
    looks_at_values,
)
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype
from dmmix.functional.tensors.grids import cell_members, cell_of_pixel


def comixup(
    images: Tensor,
    labels: Labels,
    saliency: Tensor,
    order: Tensor,
    start: Tensor,
    prior: Tensor,
    *,
    sources: int = 4,
    beta: float = 0.32,
    gamma: float = 1.0,
    eta: float = 0.05,
    threshold: float = 0.83,
    iterations: int = 3,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""As many images as go in, each put together of blocks of up to ``sources`` of them.

    The batch is cut into groups. In a group of m images, block s of output j is that block of
    image :math:`z_{js}`. The labelling z shows what is salient (with c the share of an image's
    saliency that a block holds), in few pieces, and uses no image much more than another:

    .. math::
        \min_z \; -\sum_{j,s} \big(S c_{z_{js}}(s) + \eta \log \lambda_{j z_{js}}\big)
        + \beta \sum_j \sum_{s \sim t} [z_{js} \ne z_{jt}]
        + \gamma \sum_{j,k} h_{jk} \max(0, D_{jk} - \tau S), \qquad
        D_{jk} = \sum_{j' \ne j} h_{j'k}

    with S blocks, :math:`s \sim t` neighbours, and :math:`h_{jk}` the blocks that output j takes of
    image k. Two outputs that are the same cost :math:`\gamma S` more. It is lowered output after
    output, ``iterations`` times, for all groups and from several starts at once, and without
    waiting for the device; the best of the local minima counts.

    Args:
        images, labels, out, check: see :func:`mixup`; images are (N, ch, H, W).
        saliency: (N, H, W) floats, 0 or more (:meth:`Guide.saliency`). All 0 counts as even.
        order: (N,) integers, a permutation that says which images form a group.
        start: (N, T, R, C) floats in [0, 1), T random starts, for R x C blocks; fewer where the
            image has fewer rows or columns.
        prior: (N, m) floats above 0, :math:`\lambda` of each output for the m images of its group;
            only their ratios count. ``m`` also is the size of the groups (see
            :func:`draw_comixup`).
        sources: how many images an output is put together of at most.
        beta: cost of a border between blocks of different images.
        gamma: cost of using an image too often.
        eta: weight of the prior.
        threshold: :math:`\tau`, how much of an image the other outputs may use for free.
        iterations: how many times each output is chosen anew.

    Returns:
        :class:`Mixed`. The labels have ``sources`` slots, the largest share first, with the exact
        shares of the pixels, and so have ``index`` (N, K) and the mask, (N, K, H, W) bools. The
        largest need not be the image of the same place in the batch.

    Raises:
        TypeError, ValueError: see :func:`mixup`; ``sources`` or ``iterations`` below 1; with
            ``check``, an order that is no permutation.

    Source: Co-Mixup (arXiv 2102.03065).
    """
    check_images(images)
    n, _, height, width = images.shape
    check_index(order, images, check, "order")
    check_floats("saliency", saliency, (n, height, width), images, one_for_all=False)
    check_floats("start", start, (n, None, None, None), images, one_for_all=False)
    check_floats("prior", prior, (n, None), images, one_for_all=False)
    check_counts(sources=sources, iterations=iterations)
    if looks_at_values(check, order) and len(order.unique()) < n:
        raise ValueError("order must be a permutation, got an image twice")
    labels = prepare_labels(labels, images, check)
    check_out(out, images)

    # Slot i of group g holds image order[i * G + g]; the last slot of some groups may be empty.
    size = prior.shape[1]
    groups = -(-n // size)
    place = torch.arange(size * groups, device=images.device)
    valid = (place < n).view(size, groups).T
    members = order.long()[place.clamp_max(n - 1)].view(size, groups).T
    starts, rows, columns = start.shape[1], min(start.shape[2], height), min(start.shape[3], width)
    down, across = (
        cell_of_pixel(*side, images.device) for side in ((height, rows), (width, columns))
    )
    block = down[:, None] * columns + across  # of each pixel
    number = rows * columns
    pixels = (block.flatten()[:, None] == torch.arange(number, device=images.device)).sum(0)
    with torch.autocast(images.device.type, enabled=False):
        salient = _salient(saliency.detach(), rows, columns, pixels)
        selection = Coselection(
            salient[members].repeat_interleave(starts, 0),
            (pixels * (number / (height * width))).to(salient.dtype),
            prior.detach().to(salient.dtype)[members].repeat_interleave(starts, 0),
            valid.repeat_interleave(starts, 0),
            (rows, columns),
            sources=sources,
            beta=beta,
            gamma=gamma,
            eta=eta,
            threshold=threshold,
        )
        there = valid.sum(1)[:, None, None, None]
        begin = start[members].transpose(1, 2)[..., :rows, :columns].flatten(3)
        begin = torch.minimum((begin * there).long(), there - 1).flatten(0, 1)
        chosen = selection.descend(begin, iterations)
        best = selection.energy(chosen).view(groups, starts).argmin(1)
    best = best[:, None, None, None].expand(-1, 1, size, number)
    chosen = chosen.view(groups, starts, size, number).gather(1, best)[:, 0]

    # Back in the order of the batch: (N, S) images, by block.
    chosen = members[:, None].expand(-1, size, -1).gather(2, chosen)
    chosen = chosen.transpose(0, 1).reshape(size * groups, number)[:n]
    chosen = torch.empty_like(chosen).index_copy(0, order.long(), chosen)
    return _compose(images, labels, chosen, block, pixels, min(sources, size, number), out)


def draw_comixup(
    n: int,
    generator: Generator | None = None,
    alpha: float = 2.0,
    partition: int = 20,
    blocks: int = 4,
    starts: int = 4,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""What is random in :func:`comixup`: groups, a start, and a prior, each on the CPU.

    Args:
        n: how many samples.
        generator: a CPU generator.
        alpha: above 0; the prior of each output is :math:`\mathrm{Dirichlet}(\alpha, \dots)` over
            the images of its group.
        partition: the largest size of a group. Groups are as equal in size as can be.
        blocks: rows and columns of blocks.
        starts: how many starts.

    Returns:
        ``order`` (n,) int64, ``start`` (n, starts, blocks, blocks) and ``prior`` (n, m), float64.

    Raises:
        ValueError: ``alpha`` not above 0 or not finite; another number below 1.
    """
    check_positive("alpha", alpha)
    check_counts(partition=partition, blocks=blocks, starts=starts)
    groups = max(-(-n // partition), 1)
    size = max(-(-n // groups), 1)
    order = torch.randperm(n, generator=generator)
    start = torch.rand(n, starts, blocks, blocks, dtype=torch.float64, generator=generator)
    shape = torch.full((n, size), float(alpha), dtype=torch.float64)
    # A Gamma draw each: divided by their sum, which is the same for all, they are Dirichlet.
    prior = torch._standard_gamma(shape, generator=generator).clamp_min(1e-30)
    return order, start, prior / prior.sum(1, keepdim=True)


def _salient(saliency: Tensor, rows: int, columns: int, pixels: Tensor) -> Tensor:
    """(N, S), the share of an image's saliency that is in each block."""
    height, width = saliency.shape[1:]
    saliency = at_least_float32(saliency)
    # Before it is summed: not to lose what is small in all of an image.
    saliency = saliency / saliency.amax((1, 2), keepdim=True).clamp_min(1e-30)
    of_row = cell_members(height, rows, saliency.device).to(saliency.dtype)
    of_column = cell_members(width, columns, saliency.device).to(saliency.dtype)
    salient = (of_row @ saliency @ of_column.T).flatten(1)
    total = salient.sum(1, keepdim=True)
    even = (pixels / (height * width)).to(salient.dtype)
    return torch.where(total > 0, salient / total.clamp_min(1e-30), even)


def _compose(
    images: Tensor,
    labels: Labels,
    chosen: Tensor,
    block: Tensor,
    pixels: Tensor,
    sources: int,
    out: Tensor | None,
) -> Mixed:
    """Pixels and labels for (N, S) ``chosen`` images of at most ``sources`` different ones."""
    number = chosen.shape[1]
    # How many pixels the image of a block has, and where it stands first.
    same = chosen[:, :, None] == chosen[:, None]
    count = (same * pixels).sum(2)
    first = ~(same & torch.ones(number, number, device=same.device).tril(-1).bool()).any(2)
    count, where = (count * first).topk(sources, 1)
    source = chosen.gather(1, where)
    source = torch.where(count > 0, source, source[:, :1])
    share = count.to(share_dtype(images)) / pixels.sum()

    index = source.unbind(1)
    mixed = gather(images, index[0], out)
    planes = [chosen == index[0][:, None]]
    for k in range(1, sources):
        # Of no pixels where a row has fewer sources.
        planes.append((chosen == index[k][:, None]) & (count[:, k] > 0)[:, None])
        mixed = torch.where(planes[k][:, block][:, None], images[index[k]], mixed, out=out)
    told = share_labels(labels, source, share)
    return Mixed(mixed, told, source, torch.stack(planes, 1)[:, :, block])
