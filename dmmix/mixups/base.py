"""What every mix is as an object: it draws, asks the model, and blends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Generator, Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed, draw_centers, draw_lam, draw_pairing
from dmmix.functional.ranges import Positive
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.buffers import Buffers
from dmmix.mixups.build import Part, build
from dmmix.mixups.randomness import step_generator

#: What a mix of one's own had before it drew, asked and blended.
_BEFORE = {
    "apply": "write draw(n, size, generator), ask if it asks the model, and blend",
    "needs_guide": "name what is asked in needs, such as frozenset({'saliency'})",
    "mixes_features": "put 'stages' into needs, and what is done there into Mixed.inside",
}


class Mix(Part):
    """A mix with its parameters: it draws, asks the model, and blends.

    Calling it is what a loop of timm or torchvision does, ``mix(images, labels)``, and what a batch
    augment of mmpretrain is, ``mix(inputs, scores)``. A mix holds no parameters that are learned.

    Example::

        model = dict(mixup=dict(type='CutMix', alpha=0.2))
        # what needs nothing of the model, also in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(type='dmmix.CutMix', alpha=0.2)))

    Attributes:
        function: of :mod:`dmmix.functional`, that mixes.
        options: the attributes that go there by keyword.
        needs: what it needs of the model: ``'saliency'``, ``'features'``, ``'activation'`` that it
            asks about the clean images; ``'stages'``, inside which it mixes; ``'attention'``, which
            it watches in the forward pass of the mixed ones. Empty for a mix of images alone. With
            any of them :meth:`mix` needs a guide.
        changes_batch: what comes out has another number of samples than what went in.

    Raises:
        TypeError, ValueError: an argument of another type than its annotation says, or out of the
            range that is told of it.
    """

    function: Callable[..., Mixed]
    options: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, today in _BEFORE.items():  # nothing would call or read them any more
            if name in vars(cls):
                raise TypeError(f"{cls.__name__}.{name} is of dmmix up to 0.2: {today}")

    # Properties, for a mix in which they follow from its arguments; else a subclass sets them.
    @property
    def needs(self) -> frozenset[str]:
        return frozenset()

    @property
    def changes_batch(self) -> bool:
        return False

    def __init__(self) -> None:
        self._buffers = Buffers()

    @abstractmethod
    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Any:
        """All that is random, as a named tuple on the CPU.

        It can be given again, and changed in between: a pairing between two streams is a function
        of it. What is drawn once for the whole batch has a first axis of 1.

        Args:
            n: how many samples.
            size: height and width of the images.
            generator: a CPU generator, which nothing else is drawn from.
        """

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Any:
        """What the model answers (:class:`dmmix.functional.Guide`); ``None`` for nothing asked."""
        return None

    @abstractmethod
    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        """The mix, given what was drawn and answered, both on the device of the images: a pure
        function, but that it may reuse memory of an earlier result that nobody has any more.

        The values of what was drawn are not looked at; the function of the mix does so where it
        is asked.
        """

    def mix(
        self,
        images: Tensor,
        labels: Labels,
        generator: Generator | None = None,
        guide: Any = None,
    ) -> Mixed:
        """Draws, asks and blends; nothing that goes in is written to.

        Args:
            images: (N, ch, H, W), any float dtype, device and memory format.
            labels: (N,) integer classes, :class:`.MixedLabels`, or (N, C) soft labels. Their
                values are not looked at: that would wait for the device.
            generator: a CPU generator; ``None`` takes :func:`step_generator`.
            guide: what the mix may ask about the model (:class:`dmmix.functional.Guide`); mixes
                that need nothing ignore it.

        Returns:
            :class:`dmmix.functional.Mixed`. Where it has something ``inside`` or ``watched``, the
            forward pass is made in ``guide.step(mixed)``.

        Raises:
            TypeError, ValueError: images or labels of a wrong dtype or shape; no guide for a mix
                that needs one.
        """
        if guide is None and self.needs:
            raise ValueError(
                f"{type(self).__name__} asks the model what it sees and needs a guide: train with "
                "MixupClassifier (model.mixup), or give guide=dmmix.functional.Guide(model)"
            )
        draws = draw_for(self, images, generator)
        return self.blend(images, labels, draws, self.ask(guide, images, labels, draws))

    def _call(self, images: Tensor, labels: Labels, *given: Any, **options: Any) -> Mixed:
        """What :attr:`function` makes of them, in memory that may be used again."""
        for name in self.options:
            options.setdefault(name, getattr(self, name))
        out = self.buffer(images)
        return type(self).function(images, labels, *given, **options, out=out, check=False)

    def buffer(self, images: Tensor) -> Tensor | None:
        """A tensor for ``out=`` of the functions, in memory that nothing refers to any more."""
        return self._buffers.take(images)

    def __call__(self, images: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
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


class PairMix(Mix):
    r"""A mix of pairs, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    A subclass says which ``function`` mixes, by default of what was drawn and answered in their
    order. What is drawn has ``lam``, (N,) or (1,), or ``None`` where the mix has its shares from
    somewhere else; and ``index`` (N,), or ``None`` where the images themselves decide on the
    partners; and what else a subclass draws.

    Args:
        alpha: above 0 and finite. A subclass that may have its shares from somewhere else takes
            ``None`` too, and sets its ``alpha`` so.
        per_batch: draw one share (and one place, mask or direction) a batch, as the first
            implementations did, instead of one a sample.
        fixed_points: whether a sample may be paired with itself
            (see :func:`dmmix.functional.draw_pairing`).
    """

    def __init__(
        self, alpha: Positive = 1.0, per_batch: bool = False, fixed_points: bool = True
    ) -> None:
        super().__init__()
        self.alpha: float | None = float(alpha)
        self.per_batch = per_batch
        self.fixed_points = fixed_points

    def draw_lam(self, n: int, generator: Generator) -> Tensor:
        """Shares of the first image, (n,) or (1,)."""
        assert self.alpha is not None
        return draw_lam(n, self.alpha, generator, self.per_batch)

    def draw_index(self, n: int, generator: Generator) -> Tensor:
        """The pairing, (n,)."""
        return draw_pairing(n, generator, self.fixed_points)

    def _draw_pair(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Both, in this order."""
        return self.draw_lam(n, generator), self.draw_index(n, generator)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        return self._call(images, labels, *draws, *(() if answers is None else (answers,)))


class Pair(NamedTuple):
    lam: Tensor
    index: Tensor  # type: ignore[assignment]


class PlainMix(PairMix):
    """A mix of pairs that draws no more than the share and the partner of each image."""

    Draws: Any = Pair

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Any:
        return self.Draws(*self._draw_pair(n, generator))


class PlacedMix(PairMix):
    """A mix of pairs with a uniform place in each image."""

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        centers: Tensor

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        pair = self._draw_pair(n, generator)
        return self.Draws(*pair, draw_centers(n, generator, self.per_batch))


def draw_for(
    mix: Mix,
    images: Tensor,
    generator: Generator | None = None,
    change: Callable[[Any], Any] | None = None,
) -> Any:
    """What a mix draws for these images, on their device.

    Args:
        mix: the mix.
        images: only their number, size and device count.
        generator: a CPU generator; ``None`` takes :func:`step_generator`.
        change: from what was drawn, on the CPU, to what is used: a pairing of one's own.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a Tensor, got {type(images).__name__}")
    generator = step_generator() if generator is None else generator
    draws = mix.draw(images.shape[0], tuple(images.shape[-2:]), generator)
    draws = draws if change is None else change(draws)
    if images.device.type == "cpu":
        return draws
    parts, form = tree_flatten(draws)
    moved = iter(to_device([t for t in parts if isinstance(t, Tensor)], images.device))
    return tree_unflatten([next(moved) if isinstance(t, Tensor) else t for t in parts], form)


def build_mix(config: Mapping | Mix) -> Mix:
    """A mix from its config; a mix is returned as it is.

    A type without a prefix is looked up in dmmix first, whatever the default scope: mmpretrain
    has a ``CutMix`` too, which cannot say what it mixed.

    Raises:
        KeyError: an unknown type.
        TypeError: what is built is not a mix of dmmix.
    """
    return build(config, Mix, "a mix of dmmix")  # type: ignore[type-abstract]
