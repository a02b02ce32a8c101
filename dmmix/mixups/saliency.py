"""Where an image is salient, for mixes that want to know: asked of the model, or told by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dmmix.functional import (
    MixedLabels,
    fine_grained_saliency,
    spectral_residual_saliency,
)
from dmmix.mixups.build import build
from dmmix.mixups.checked import Checked

__all__ = [
    "FineGrainedSaliency",
    "GradientSaliency",
    "Saliency",
    "SpectralResidualSaliency",
    "build_saliency",
]


class Saliency(Checked, ABC):
    """(N, H, W) maps of images.

    Attributes:
        needs: what is asked of the model, see :class:`Mix`.
    """

    needs: frozenset[str] = frozenset()

    def ask(self, guide: Any, images: Tensor, labels: MixedLabels | Tensor) -> Tensor | None:
        """The model's answer; ``None`` if it is not asked."""
        return None

    @abstractmethod
    def of(self, images: Tensor, answers: Tensor | None) -> Tensor:
        """The maps, given that answer."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class GradientSaliency(Saliency):
    """The norm of the gradient of each clean image's loss
    (:meth:`dmmix.functional.Guide.saliency`); asks the model."""

    needs = frozenset({"saliency"})

    def ask(self, guide: Any, images: Tensor, labels: MixedLabels | Tensor) -> Tensor:
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


def build_saliency(config: Mapping | Saliency | None, default: type[Saliency]) -> Saliency:
    """From its config; ``None`` is the default."""
    if config is None:
        return default()
    what = "a saliency such as dict(type='SpectralResidualSaliency')"
    return build(config, Saliency, what)  # type: ignore[type-abstract]
