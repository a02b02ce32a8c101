"""Which blocks of which images make the outputs of a group: Co-Mixup's energy, and a descent."""

from __future__ import annotations

import torch
from torch import Tensor

_FORBIDDEN = 1e6
_SWEEPS = 2


class Coselection:
    r"""The selection of :func:`dmmix.functional.comixup`, for G groups of m images at a time.

    For labellings :math:`z_{js} \in \{1, \dots, m\}` of the S blocks of the m outputs of a group,
    with :math:`h_{jk}` the blocks that output j takes of image k, the energy is

    .. math::
        E(z) = -\sum_{j,s} \big(S c_{z_{js}}(s) + \eta \log \lambda_{j z_{js}}\big)
        + \beta \sum_j \sum_{s \sim t} [z_{js} \ne z_{jt}]
        + \gamma \sum_{j,k} h_{jk} \max(0, D_{jk} - \tau S)
        + \gamma S \sum_{j < j'} [z_j = z_{j'}], \qquad
        D_{jk} = \sum_{j' \ne j} h_{j'k}

    Args:
        salient: (G, m, S), the share c of each image's saliency that is in each block.
        area: (S,), the pixels of each block as a part of the mean block's.
        prior: (G, m, m), lambda of each output for each image.
        valid: (G, m) bool, false for slots without an image.
        shape: rows and columns of blocks.
    """

    def __init__(
        self,
        salient: Tensor,
        area: Tensor,
        prior: Tensor,
        valid: Tensor,
        shape: tuple[int, int],
        *,
        sources: int,
        beta: float,
        gamma: float,
        eta: float,
        threshold: float,
    ) -> None:
        number = salient.shape[2]
        self.sources = min(sources, salient.shape[1])
        self.beta, self.gamma, self.limit = beta, gamma, threshold * number
        self.area, self.valid, self.number = area, valid, number
        chance = eta * prior.clamp_min(torch.finfo(prior.dtype).tiny).log()
        # (G, m outputs, m images, S)
        self.cost = -number * salient[:, None] - chance[..., None] * area
        self.cost = self.cost.masked_fill(~valid[:, None, :, None], _FORBIDDEN)
        self.images = torch.arange(salient.shape[1], device=salient.device)
        block = torch.arange(number, device=salient.device)
        row, column = block // shape[1], block % shape[1]
        apart = (row[:, None] - row).abs() + (column[:, None] - column).abs()
        self.beside = (apart == 1).to(salient.dtype)
        self.colour = (row + column) % 2 == 0

    def descend(self, labels: Tensor, iterations: int) -> Tensor:
        """(G, m, S) labellings from ``labels``, one output after the other, ``iterations`` times.

        What an output gets of the others' choice is linear in its labels, once for all its blocks.
        So several labellings of it are tried, each descending with its blocks in two colours, and
        the best by the energy stays: it never goes up (from a start with at most ``sources``
        images an output).
        """
        columns = list(labels.unbind(1))
        for _ in range(iterations):
            for j in range(len(columns)):
                columns[j] = self._best(torch.stack(columns, 1), j)
        return torch.stack(columns, 1)

    def energy(self, labels: Tensor) -> Tensor:
        """(G,), what :meth:`descend` lowers, of (G, m, S) labellings."""
        taken = self._taken(labels)
        total = taken.sum(1, keepdim=True)
        own = (self._own(self.cost, labels[:, :, None])[:, :, 0] * self.valid).sum(1)
        alike = (labels[:, :, None] == labels[:, None]).all(-1)
        alike = alike & self.valid[:, :, None] & self.valid[:, None]
        pairs = alike.triu(1).sum((1, 2))
        return own + self.gamma * (
            (taken * self._above(total - taken)).sum((1, 2)) + self.number * pairs
        )

    def _best(self, labels: Tensor, j: int) -> Tensor:
        now, taken = labels[:, j], self._taken(labels)
        others = taken.sum(1) - taken[:, j]
        cost = self.cost[:, j] + 2 * self.gamma * self._above(others)[..., None] * self.area
        tried = self._tried(now, cost)
        share = self._share(tried)
        # Of the other outputs, what they have beside this one changes too.
        rest = (others[:, None] - taken)[:, None] + share[:, :, None]
        crowded = (taken[:, None] * self._above(rest)).sum(3)
        apart = self.valid & (self.images != j)
        alike = (tried[:, :, None] == labels[:, None]).all(3)
        energy = self._own(self.cost[:, j : j + 1], tried[:, None])[:, 0]
        energy = energy + self.gamma * (
            (share * self._above(others)[:, None]).sum(2)
            + ((crowded + self.number * alike) * apart[:, None]).sum(2)
        )
        energy = energy + _FORBIDDEN * ((share > 0).sum(2) > self.sources)
        best = energy.argmin(1)[:, None, None].expand(-1, 1, tried.shape[2])
        return tried.gather(1, best)[:, 0]

    def _tried(self, now: Tensor, cost: Tensor) -> Tensor:
        """(G, T, S) labellings of one output, ``now`` first."""
        wide = cost + cost @ self.beside / self.beside.sum(0).clamp_min(1)
        whole = cost.sum(2).argmin(1)[:, None].expand_as(now)
        # Without the image that it has most of.
        most = self._share(now[:, None])[:, 0].argmax(1)
        without = cost.masked_fill((self.images == most[:, None])[..., None], _FORBIDDEN)
        found = torch.stack([now, cost.argmin(1), wide.argmin(1), whole, without.argmin(1)], 1)
        found = self._descend(found, cost[:, None])
        # At most so many images: those that have most of it.
        share = self._share(found)
        kept = torch.zeros_like(share, dtype=torch.bool)
        kept = kept.scatter(2, share.topk(self.sources, 2).indices, True)
        few = cost[:, None] + _FORBIDDEN * ~kept[..., None]
        allowed = kept.gather(2, found)
        found = torch.where(allowed, found, self._costs(found, few).argmin(2))
        return torch.cat([now[:, None], self._descend(found, few)], 1)

    def _descend(self, labels: Tensor, cost: Tensor) -> Tensor:
        for _ in range(_SWEEPS):
            for colour in (self.colour, ~self.colour):
                labels = torch.where(colour, self._costs(labels, cost).argmin(2), labels)
        return labels

    def _costs(self, labels: Tensor, cost: Tensor) -> Tensor:
        """(G, T, m, S): of each image in each block, its neighbours as they are."""
        return cost - self.beta * (self._onehot(labels) @ self.beside)

    def _own(self, cost: Tensor, labels: Tensor) -> Tensor:
        """(G, O, T): cost and borders of (G, O, T, S) labellings of O outputs."""
        onehot = self._onehot(labels)
        inside = (onehot * (onehot @ self.beside)).sum((3, 4))
        borders = (self.beside.sum() - inside) / 2
        return (cost[:, :, None] * onehot).sum((3, 4)) + self.beta * borders

    def _onehot(self, labels: Tensor) -> Tensor:
        return (labels[..., None, :] == self.images[:, None]).to(self.beside.dtype)

    def _share(self, labels: Tensor) -> Tensor:
        """(..., m), blocks of each image."""
        return (self._onehot(labels) * self.area).sum(-1)

    def _taken(self, labels: Tensor) -> Tensor:
        return self._share(labels) * self.valid[..., None]

    def _above(self, blocks: Tensor) -> Tensor:
        return (blocks - self.limit).clamp_min(0)
