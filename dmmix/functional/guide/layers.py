"""How a guide finds its way in a model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from torch import Tensor, nn

from dmmix.functional.tensors.checks import check_counts


class Attention(NamedTuple):
    """Where the class token of a vision transformer looks.

    Attributes:
        module: name of the linear layer that makes queries, keys and values,
            (N, T, D) -> (N, T, 3D), heads inside.
        heads: how many heads there are.
        extra_tokens: how many of the T tokens, the class token first, stand for no patch.
    """

    module: str
    heads: int
    extra_tokens: int


class Layers:
    """The layers of a kind of model; a subclass finds them, for ``Guide(model, layers)``.

    Args:
        model: takes (N, ch, H, W) images, returns (N, C) logits.

    Attributes:
        stages: names of the modules after which features may be mixed, first to last.
    """

    stages: tuple[str, ...] = ()

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def module(self, name: str) -> nn.Module:
        """The module of this name.

        Raises:
            ValueError: there is none.
        """
        try:
            return self.model.get_submodule(name)
        except AttributeError:
            known = [name for name, _ in self.model.named_children()]
            raise ValueError(
                f"{type(self.model).__name__} has no module {name!r}; at its top there are {known}"
            ) from None

    def logits(self, images: Tensor) -> Tensor:
        """The forward pass."""
        return self.model(images)

    def feature_map(self, images: Tensor) -> Any:
        """The last feature map, from a forward pass.

        Raises:
            ValueError: the module that makes it is not known, or does not run.
        """
        raise ValueError("Guide was given no features: name the module of the last feature map")

    def class_weight(self) -> Tensor:
        """(C, D) weight of the linear classifier, detached.

        Raises:
            ValueError: that layer is not known, or it has no (C, D) weight.
        """
        raise ValueError("Guide was given no classifier: name the linear layer of the model")

    def attention(self) -> Attention:
        """The last attention of the class token.

        Raises:
            ValueError: none is known.
        """
        raise ValueError(
            f"{type(self.model).__name__}: no attention of a class token is known; this mix "
            "is for vision transformers with a class token that the head reads"
        )

    def asked(self) -> AbstractContextManager[None]:
        """A context for what else has to hold while the model is asked something."""
        return nullcontext()


class NamedLayers(Layers):
    """Layers by the names that :class:`~dmmix.functional.Guide` is given.

    Args:
        model: see there.
        features: name of the module whose output is the last feature map, (N, D, h, w); for
            :meth:`.Guide.features` and :meth:`.Guide.activation`.
        classifier: name of the linear layer, weight (C, D), that reads the pooled features; for
            :meth:`.Guide.activation` and :meth:`.Guide.class_weight`.
        stages: names of the modules after which features may be mixed, first to last.
        attention: name of the linear layer that makes queries, keys and values of the last
            attention, (N, T, D) -> (N, T, 3D), heads inside; for mixes that watch it.
        heads: how many heads that attention has.
        extra_tokens: how many of the T tokens, the class token first, stand for no patch; 2 for
            DeiT with a distillation token.

    Raises:
        ValueError: a name that is no module of the model; ``heads`` or ``extra_tokens`` below 1.
    """

    def __init__(
        self,
        model: nn.Module,
        features: str | None = None,
        classifier: str | None = None,
        stages: Sequence[str] = (),
        attention: str | None = None,
        heads: int = 1,
        extra_tokens: int = 1,
    ) -> None:
        super().__init__(model)
        check_counts(heads=heads, extra_tokens=extra_tokens)
        self.stages = tuple(stages)
        self._features, self._classifier = features, classifier
        self._attention = None if attention is None else Attention(attention, heads, extra_tokens)
        for name in (features, classifier, attention, *stages):
            if name is not None:
                self.module(name)

    def feature_map(self, images: Tensor) -> Any:
        if self._features is None:
            return super().feature_map(images)
        found: list[Any] = []
        handle = self.module(self._features).register_forward_hook(
            lambda module, args, output: found.append(output)
        )
        try:
            self.logits(images)
        finally:
            handle.remove()
        if not found:
            raise ValueError(
                f"features {self._features!r} did not run in {type(self.model).__name__}'s forward"
            )
        last = found[-1]
        return last[-1] if isinstance(last, tuple | list) and len(last) else last

    def class_weight(self) -> Tensor:
        if self._classifier is None:
            return super().class_weight()
        weight = getattr(self.module(self._classifier), "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim != 2:
            raise ValueError(
                f"classifier {self._classifier!r} must be a linear layer with a (C, D) weight, got "
                f"{type(self.module(self._classifier)).__name__}"
            )
        return weight.detach()

    def attention(self) -> Attention:
        return super().attention() if self._attention is None else self._attention


def kind_of(output: Any) -> str:
    """What something is, for a message."""
    return str(tuple(output.shape)) if isinstance(output, Tensor) else type(output).__name__
