"""Who is mixed with whom: drawn, or by what is salient in the images."""

from __future__ import annotations

from abc import abstractmethod

from torch import Generator, Tensor

from dmmix.functional import draw_pairing, greedy_pairing
from dmmix.mixups.build import Part


class Pairing(Part):
    """(N,) partners: drawn beforehand, or else told by the saliency of the images."""

    def draw(self, n: int, generator: Generator, fixed_points: bool) -> Tensor | None:
        """The partners, if they are drawn."""
        return None

    @abstractmethod
    def pair(self, saliency: Tensor, drawn: Tensor | None) -> Tensor:
        """The partners, by (N, H, W) maps if they were not drawn."""


class GreedyPairing(Pairing):
    """Partners whose salient regions do not collide (:func:`dmmix.functional.greedy_pairing`)."""

    def pair(self, saliency: Tensor, drawn: Tensor | None) -> Tensor:
        return greedy_pairing(saliency)


class RandomPairing(Pairing):
    """Partners at random (:func:`dmmix.functional.draw_pairing`)."""

    def draw(self, n: int, generator: Generator, fixed_points: bool) -> Tensor:
        return draw_pairing(n, generator, fixed_points)

    def pair(self, saliency: Tensor, drawn: Tensor | None) -> Tensor:
        assert drawn is not None
        return drawn
