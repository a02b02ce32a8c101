"""What every registered mix is: random draws around a function of :mod:`dmmix.functional`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Generator, Tensor

from dmmix.arguments import Checked
from dmmix.functional import MixedLabels
from dmmix.functional.mixing import Mixed, draw_lam, draw_pairing
from dmmix.functional.ranges import Positive
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.buffers import Buffers
from dmmix.mixups.randomness import step_generator
from dmmix.registry import MIXUPS

__all__ = ["DrawnMix", "Mix", "PairMix", "build_mix"]

Pairing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Mix(Checked, ABC):
    """A mix with its random draws; a subclass writes :meth:`Mix.apply`.

    Calling it is what a loop of timm or torchvision does, ``mix(images, labels)``, and what a batch
    augment of mmpretrain is, ``mix(inputs, scores)``.

    Attributes:
        needs_guide: the mix asks the model (saliency, attention, features), so :meth:`mix` needs
            a guide.
        mixes_features: the mix acts inside the network, on the whole batch as it goes through,
            so it cannot be chosen for some of the samples beside mixes of images.
        changes_batch: what comes out has another number of samples than what went in.
    """

    # Properties, for a mix in which they follow from its arguments; else a subclass sets a flag.
    @property
    def needs_guide(self) -> bool:
        return False

    @property
    def mixes_features(self) -> bool:
        return False

    @property
    def changes_batch(self) -> bool:
        return False

    def __init__(self) -> None:
        self._buffers = Buffers()

    def mix(
        self,
        images: Tensor,
        labels: MixedLabels | Tensor,
        generator: Generator | None = None,
        guide: Any = None,
    ) -> Mixed:
        """Draws what is random and mixes; nothing that goes in is written to.

        Args:
            images: (N, ch, H, W), any float dtype, device and memory format.
            labels: (N,) integer classes, :class:`.MixedLabels`, or (N, C) soft labels. Their
                values are not looked at: that would wait for the device.
            generator: a CPU generator; ``None`` takes :func:`step_generator`.
            guide: what the mix may ask about the model (:class:`dmmix.functional.Guide`); static
                mixes ignore it.

        Returns:
            :class:`dmmix.functional.Mixed`: images, labels, mask.

        Raises:
            TypeError, ValueError: images or labels of a wrong dtype or shape; no guide for a mix
                that needs one.
        """
        if self.needs_guide and guide is None:
            raise ValueError(
                f"{type(self).__name__} asks the model what it sees and needs a guide: train with "
                "MixupClassifier (model.mixup), or give guide=dmmix.functional.Guide(model)"
            )
        if generator is None:
            generator = step_generator()
        return self.apply(images, labels, generator, guide)

    def buffer(self, images: Tensor) -> Tensor | None:
        """A tensor for ``out=`` of the functions, in memory that nothing refers to any more."""
        return self._buffers.take(images)

    @abstractmethod
    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> Mixed:
        """The draws, from ``generator`` only, and the call of the function."""

    def __call__(
        self, images: Tensor, labels: MixedLabels | Tensor
    ) -> tuple[Tensor, MixedLabels | Tensor]:
        """Mixed images and their labels.

        Args:
            images: (N, ch, H, W).
            labels: (N,) integer classes or :class:`.MixedLabels`; or (N, C) scores, one-hot or
                soft, integers or floats (``train_cfg=dict(augments=...)`` of mmpretrain).

        Returns:
            The mixed images, and their labels: :class:`.MixedLabels` for classes, (N, C) floats for
            scores. The losses of dmmix take both.

        Raises:
            TypeError, ValueError: see :meth:`mix`; a mix that changes the number of samples.
        """
        if self.changes_batch:
            raise ValueError(
                f"{type(self).__name__} returns more samples than it is given, which mmpretrain's "
                "train_cfg.augments cannot take: use MixupClassifier and model.mixup, or in a loop "
                "of your own .mix(images, labels), which gives their weights too"
            )
        if isinstance(labels, Tensor) and labels.ndim == 2 and not labels.is_floating_point():
            labels = labels.float()
        mixed = self.mix(images, labels)
        return mixed.images, mixed.labels

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k[0] != "_")
        return f"{type(self).__name__}({options})"


class PairMix(Mix):
    r"""A mix of pairs, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0 and finite.
        per_batch: draw one share (and one place) a batch, as the first implementations did,
            instead of one a sample.
        fixed_points: whether a sample may be paired with itself
            (see :func:`dmmix.functional.draw_pairing`).

    Raises:
        TypeError: ``alpha`` is no number.
        ValueError: ``alpha`` is not above 0, or not finite.

    Attributes:
        follows_lam: the share of the first image is the one drawn, up to the rounding to pixels
            (or what the solver of the mix makes of it).
    """

    _pairing: Pairing | None = None

    def __init__(
        self, alpha: Positive = 1.0, per_batch: bool = False, fixed_points: bool = True
    ) -> None:
        super().__init__()
        # None in a subclass that has its shares from somewhere else.
        self.alpha: float | None = float(alpha)
        self.per_batch = per_batch
        self.fixed_points = fixed_points

    @property
    def follows_lam(self) -> bool:
        return True

    def draw_pair(self, images: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """``lam`` and ``index`` for these images, on their device."""
        n = images.shape[0]
        alpha = 1.0 if self.alpha is None else self.alpha
        lam = draw_lam(n, alpha, generator, self.per_batch)
        index = draw_pairing(n, generator, self.fixed_points)
        lam, index = to_device(self.paired(lam, index), images.device)
        return lam, index

    def pair_with(self, pairing: Pairing | None) -> None:
        """Whose share and which partners: ``pairing`` gets what was drawn and returns what is used.

        Mixing between a labelled and an unlabelled stream needs it
        (:class:`dmmix.models.semi.StreamMix`).

        Args:
            pairing: takes ``lam`` (N,) and ``index`` (N,) on the CPU and returns the like;
                ``None`` uses what was drawn.
        """
        self._pairing = pairing

    def paired(self, lam: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """What is used of a share and a pairing that were drawn, see :meth:`pair_with`."""
        return (lam, index) if self._pairing is None else self._pairing(lam, index)


class DrawnMix(PairMix):
    """A mix that draws first and then is a function of what was drawn.

    The two are apart so that a compiled training step can hold the second: random numbers come
    from a generator on the CPU, which the compiler does not follow.
    """

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> Mixed:
        return self.blend(images, labels, *self.draw(images, generator))

    @abstractmethod
    def draw(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """All that is random, on the device of the images; of those only the shape is used."""

    @abstractmethod
    def blend(self, images: Tensor, labels: MixedLabels | Tensor, *drawn: Tensor) -> Mixed:
        """The mix, given what :meth:`draw` drew."""


def build_mix(config: Mapping | Mix) -> Mix:
    """A mix from its config; a mix is returned as it is.

    A type without a prefix is looked up in dmmix first, whatever the default scope: mmpretrain
    has a ``CutMix`` too, which cannot say what it mixed.

    Raises:
        KeyError: an unknown type.
        TypeError: what is built is not a mix of dmmix.
    """
    mix = config
    if isinstance(config, Mapping):
        mix = MIXUPS.build({"_scope_": "dmmix", **config})
    if not isinstance(mix, Mix):
        kind = type(mix)
        raise TypeError(f"expected a mix of dmmix, got {kind.__module__}.{kind.__qualname__}")
    return mix
