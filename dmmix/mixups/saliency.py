"""Where an image is salient, for mixes that want to know: asked of the model, or told by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dmmix.functional import fine_grained_saliency, spectral_residual_saliency
from dmmix.functional.labels import Labels
from dmmix.functional.ranges import Positive
from dmmix.mixups.base import PlainMix
from dmmix.mixups.build import Part, build


class Saliency(Part):
    """(N, H, W) maps of images.

    Attributes:
        needs: what is asked of the model, see :class:`Mix`.
    """

    needs: frozenset[str] = frozenset()

    def ask(self, guide: Any, images: Tensor, labels: Labels) -> Tensor | None:
        """The model's answer; ``None`` if it is not asked."""
        return None

    @abstractmethod
    def of(self, images: Tensor, answers: Tensor | None) -> Tensor:
        """The maps, given that answer."""


class GradientSaliency(Saliency):
    """The norm of the gradient of each clean image's loss
    (:meth:`dmmix.functional.Guide.saliency`); asks the model."""

    needs = frozenset({"saliency"})

    def ask(self, guide: Any, images: Tensor, labels: Labels) -> Tensor:
        return guide.saliency(images, labels)

    def of(self, images: Tensor, answers: Tensor | None) -> Tensor:
        assert answers is not None
        return answers


class FineGrainedSaliency(Saliency):
    """What differs from its surroundings (:func:`dmmix.functional.fine_grained_saliency`)."""

    def of(self, images: Tensor, answers: Tensor | None) -> Tensor:
        return fine_grained_saliency(images)


class SpectralResidualSaliency(Saliency):
    """What is unexpected in the spectrum (:func:`dmmix.functional.spectral_residual_saliency`)."""

    def of(self, images: Tensor, answers: Tensor | None) -> Tensor:
        return spectral_residual_saliency(images)


class SalientMix(PlainMix):
    """A mix of pairs that looks at where the images are salient.

    Args:
        alpha, per_batch, fixed_points: see :class:`PairMix`.
        saliency: or its config; ``None`` is the usual one.
    """

    usual_saliency: type[Saliency]

    def __init__(
        self,
        alpha: Positive | None,
        per_batch: bool,
        fixed_points: bool,
        saliency: Mapping | Saliency | None,
    ) -> None:
        super().__init__(1.0 if alpha is None else alpha, per_batch, fixed_points)
        self.alpha = None if alpha is None else float(alpha)
        saliency = self.usual_saliency() if saliency is None else saliency
        what = "a saliency such as dict(type='SpectralResidualSaliency')"
        self.saliency = build(saliency, Saliency, what)  # type: ignore[type-abstract]

    @property
    def needs(self) -> frozenset[str]:
        return self.saliency.needs

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Any:
        return self.saliency.ask(guide, images, labels)
