"""PuzzleMix: blocks of two images, chosen by saliency and moved to where they are seen."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask, gather
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.mixing.puzzle_energy import minimise_grid_energy
from dmmix.functional.mixing.puzzle_transport import assign_blocks, move_blocks
from dmmix.functional.tensors.checks import (
    check_counts,
    check_not_negative,
    check_positive,
    check_unit,
)
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.maps import check_maps, normalised, resize_maps

_EPS = 1e-6


def puzzlemix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    saliency: Tensor,
    *,
    block_num: int = 4,
    n_labels: int = 3,
    beta: float = 1.2,
    gamma: float = 0.5,
    eta: float = 0.2,
    neigh_size: int = 4,
    transport: bool = True,
    t_size: int | None = None,
    t_eps: float = 0.8,
    pixel_range: float | None = None,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each block of each image from the image that is salient there, or from both.

    The images are laid out in B blocks. With :math:`m` = ``n_labels`` - 1, the part
    :math:`z_i \in \{0, \frac1m, \dots, 1\}` of the first image in block :math:`i` minimises

    .. math::
        E(z) = \sum_i \bigl[(1 - z_i)\, s_i + z_i\, s'_i\bigr]
        + \beta' \sum_{(i,j)} \bigl[(z_i - z_j)^2 + \gamma\, \varphi_{ij}(z_i, z_j)\bigr]
        - \frac{\eta}{B} \sum_i \log \mathrm{Binomial}(m z_i;\, m, \lambda)

    where :math:`s` and :math:`s'` are the saliencies of both images in the block, each with a sum
    of 1: the first sum is the saliency that is lost. :math:`\beta' = \beta / (16 \sqrt B)`.
    :math:`\varphi_{ij}` is how far pixels on both sides of the border between two neighbours are
    apart, if one shows the one image and the other the other. Then, with ``transport``, the blocks
    of each image are put in another order, so that salient ones come to be seen
    (:math:`\Pi, \Pi'`). With the mean of :math:`z` over the pixels :math:`\bar z`:

    .. math::
        \tilde x = z \odot \Pi x + (1 - z) \odot \Pi' x', \qquad
        \tilde y = \bar z\, y + (1 - \bar z)\, y'

    Args:
        images, labels, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image that the prior pulls to. What is
            got also depends on the saliency; 0 and 1 give one image alone.
        saliency: (N, h, w), 0 or more, of each of the ``images`` (in their order); resized to them
            if it is of another size. The paper takes the norm of the gradient
            (:meth:`dmmix.functional.Guide.saliency`). All zero counts as the same everywhere.
        block_num: how many blocks a side. Where it does not divide a side, that side gets as many
            blocks, or fewer of one pixel more, whichever leaves fewer pixels over. Those are at
            the border, go with the block next to them, and never move.
        n_labels: how many parts :math:`z` may take, 2 or more; 2 cuts, more also blend.
        beta: how much blocks like to be as their neighbours are.
        gamma: how much of that depends on the pixels along the border; at most 1.
        eta: weight of the prior.
        neigh_size: pixels are averaged over squares of this side before they are compared, of the
            largest side up to it that divides the block.
        transport: move the blocks.
        t_size: the side of what is moved, in pixels: the largest up to it that divides the block.
            ``None`` moves whole blocks.
        t_eps: what moving costs, above 0.
        pixel_range: what the brightest and the darkest pixel differ by, which differences are
            measured against. ``None`` takes each pair's own, channel by channel.

    Returns:
        :class:`Mixed`; the mask is float, (N, 1, H, W), the part of the first image, and the shares
        are its mean. No gradient goes through the mask.

    Raises:
        TypeError, ValueError: see :func:`mixup`; a parameter out of its range; with ``check``,
            saliency that is not finite.

    Source: Puzzle Mix (arXiv 2009.06962).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    check_maps("saliency", saliency, images, check)
    check_counts(block_num=block_num, neigh_size=neigh_size, t_size=1 if t_size is None else t_size)
    if n_labels < 2:
        raise ValueError(f"n_labels must be 2 or more, got {n_labels}")
    check_unit("gamma", gamma)
    check_not_negative("beta", beta)
    check_not_negative("eta", eta)
    check_positive("t_eps", t_eps)
    check_positive("pixel_range", 1 if pixel_range is None else pixel_range)
    lam = lam.expand(images.shape[0])
    if images.numel() == 0:
        mask = images.new_ones(images.shape[0], 1, *images.shape[-2:], dtype=share_dtype(images))
        return by_mask(images, labels, mask, index, out=out)
    dtype = share_dtype(images)
    layout = _Layout.of(images, block_num)
    with torch.no_grad():
        size = (images.shape[2], images.shape[3])
        saliency = resize_maps(saliency.detach(), size).to(dtype)
        unary, down, right = _energy(
            images.detach(), saliency, lam, index, layout, n_labels, beta, gamma, eta, neigh_size,
            pixel_range,
        )  # fmt: skip
        part = minimise_grid_energy(unary, down, right)
        if eta > 0:  # the logarithm of the prior is infinite
            part = torch.where(lam[:, None, None] >= 1, n_labels - 1, part)
            part = torch.where(lam[:, None, None] <= 0, 0, part)
        part = part.to(dtype) / (n_labels - 1)
    mask = layout.spread(part)[:, None]
    first, second = images, None
    if transport:
        fine = layout.split(t_size)
        part = part.repeat_interleave(fine.rows // layout.rows, 1)
        part = part.repeat_interleave(fine.columns // layout.columns, 2)
        salient = fine.pool(saliency)
        # Both images of all pairs at once.
        shown = torch.cat([part > 0, part < 1])
        source = assign_blocks(shown, torch.cat([salient, salient[index]]), t_eps)
        first, second = source.chunk(2)
        first = fine.move(images, first)
        second = fine.move(gather(images, index, out), second)
    return by_mask(first, labels, mask, index, second=second, out=out)


class _Layout(NamedTuple):
    """Where the blocks lie in the image: rows x columns blocks of tall x wide pixels, from
    (top, left) on, in an image of height x width."""

    rows: int
    columns: int
    tall: int
    wide: int
    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, images: Tensor, block_num: int) -> _Layout:
        height, width = images.shape[-2:]
        (rows, tall), (columns, wide) = (_divide(side, block_num) for side in (height, width))
        top, left = (height - rows * tall) // 2, (width - columns * wide) // 2
        return cls(rows, columns, tall, wide, top, left, height, width)

    def split(self, side: int | None) -> _Layout:
        """Blocks of at most this side that fit into these."""
        if side is None:
            return self
        tall, wide = _divisor(self.tall, side), _divisor(self.wide, side)
        rows, columns = self.rows * self.tall // tall, self.columns * self.wide // wide
        return _Layout(rows, columns, tall, wide, self.top, self.left, self.height, self.width)

    def core(self, maps: Tensor) -> Tensor:
        """What is inside the blocks."""
        bottom, right = self.top + self.rows * self.tall, self.left + self.columns * self.wide
        return maps[..., self.top : bottom, self.left : right]

    def pool(self, saliency: Tensor) -> Tensor:
        """(N, rows, columns) with a sum of 1."""
        blocks = F.avg_pool2d(self.core(saliency)[:, None], (self.tall, self.wide))[:, 0]
        return normalised(blocks)

    def spread(self, blocks: Tensor) -> Tensor:
        """(N, height, width): each pixel what its block, or the block next to it, has."""
        for dim, length, start, side, number in (
            (1, self.height, self.top, self.tall, self.rows),
            (2, self.width, self.left, self.wide, self.columns),
        ):
            pixel = torch.arange(length, device=blocks.device) - start
            at = pixel.div(side, rounding_mode="floor").clamp(0, number - 1)
            blocks = blocks.index_select(dim, at)
        return blocks

    def move(self, images: Tensor, source: Tensor) -> Tensor:
        core = (self.top, self.left, self.tall, self.wide)
        return move_blocks(images, source, (self.rows, self.columns), core)


def _energy(
    images: Tensor,
    saliency: Tensor,
    lam: Tensor,
    index: Tensor,
    layout: _Layout,
    n_labels: int,
    beta: float,
    gamma: float,
    eta: float,
    neigh_size: int,
    pixel_range: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""What :func:`minimise_grid_energy` takes.

    :math:`\varphi` of blocks that show only one image is the difference :math:`d` of their pixels
    at the border. In between it is linear in both parts; its product term is, with
    :math:`w = \frac12 (d^{10} + d^{01} - d^{11} - d^{00})`, part of :math:`w (z_i - z_j)^2`. As in
    the authors' code the squares that are left over count as if :math:`z` were 0 or 1, so that
    the rest is a cost of each block by itself.
    """
    blocks, m = layout.rows * layout.columns, n_labels - 1
    salient = layout.pool(saliency)
    lost = [
        salient[index].clone(),
        salient.clone(),
    ]  # where the first image is shown, and where not
    smooth = beta / (16 * math.sqrt(blocks))
    weights = []
    sides = _border_sides(images, layout, neigh_size)
    span = _span(images, index, saliency.dtype) if pixel_range is None else pixel_range
    for dim, (before, after) in zip((1, 2), sides, strict=True):
        d11, d10, d01, d00 = (
            ((a - b).abs().mean(4) / span).mean(1)
            for a in (before, before[index])
            for b in (after, after[index])
        )
        number = lost[0].shape[dim]
        head, tail = (lost[0].narrow(dim, 0, number - 1), lost[0].narrow(dim, 1, number - 1))
        head += (d10 + d11) * (smooth * gamma / 2)
        tail += (d01 + d11) * (smooth * gamma / 2)
        head, tail = (lost[1].narrow(dim, 0, number - 1), lost[1].narrow(dim, 1, number - 1))
        head += (d01 + d00) * (smooth * gamma / 2)
        tail += (d10 + d00) * (smooth * gamma / 2)
        weights.append(((d10 + d01 - d11 - d00) * (gamma / 2) + 1).clamp_min(0) * smooth)
    lam = lam.to(salient.dtype).clamp(_EPS, 1 - _EPS)
    unary = []
    for k in range(n_labels):
        log = math.log(math.comb(m, k)) + k * lam.log() + (m - k) * (-lam).log1p()
        prior = (-eta / blocks) * log
        unary.append(lost[0] * (k / m) + lost[1] * (1 - k / m) + prior[:, None, None])
    return torch.stack(unary, 1), weights[0], weights[1]


def _border_sides(images: Tensor, layout: _Layout, neigh_size: int) -> list[tuple[Tensor, Tensor]]:
    """Pixels on both sides of the borders between blocks, averaged over small squares: down and to
    the right, each (N, ch, rows, columns, squares along the border)."""
    tall, wide = _divisor(layout.tall, neigh_size), _divisor(layout.wide, neigh_size)
    core = layout.core(images).to(share_dtype(images))
    squares = F.avg_pool2d(core, (tall, wide)) if tall * wide > 1 else core
    squares = squares.reshape(
        *core.shape[:2], layout.rows, layout.tall // tall, layout.columns, layout.wide // wide
    )
    down = squares[:, :, :-1, -1], squares[:, :, 1:, 0]
    right = squares[:, :, :, :, :-1, -1].mT, squares[:, :, :, :, 1:, 0].mT
    return [down, right]


def _span(images: Tensor, index: Tensor, dtype: torch.dtype) -> Tensor:
    """(N, ch, 1, 1), what the brightest and darkest pixel of a pair differ by."""
    high, low = images.amax((2, 3)).to(dtype), images.amin((2, 3)).to(dtype)
    span = torch.maximum(high, high[index]) - torch.minimum(low, low[index])
    return span.clamp_min(torch.finfo(dtype).tiny)[:, :, None, None]


def _divide(length: int, most: int) -> tuple[int, int]:
    """How many blocks a side of the image gets, and of how many pixels: the fewest left over."""
    sides = [side for side in (length // most, -(-length // most)) if side > 0]
    # sorted() and the fields by name below: torch 2.6 compiles neither min(key=...) nor _replace.
    side = sorted(sides, key=lambda side: length - min(most, length // side) * side)[0]
    return min(most, length // side), side


def _divisor(length: int, most: int) -> int:
    """The largest divisor of ``length`` up to ``most``."""
    return next(k for k in range(min(length, most), 0, -1) if length % k == 0)
