"""The forward pass that is trained on, and what a mix does and sees in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from dmmix.functional.guide.hooks import changed, class_attention
from dmmix.functional.labels import Labels
from dmmix.functional.mixing.mixed import Mixed

if TYPE_CHECKING:
    from dmmix.functional.guide.questions import Guide


class Step:
    """One forward pass of mixed images: features are changed and attention is seen in it.

    A context; hooks work once, questions to the guide in between do not set them off, and those
    that did not get to work are gone at its end.

    Args:
        guide: of the model.
        mixed: what a mix made.

    Raises:
        ValueError: (when it is entered) no module of a name; no attention where it is asked for.
    """

    def __init__(self, guide: Guide, mixed: Mixed) -> None:
        self._guide = guide
        self._mixed = mixed
        self._waiting: dict[Any, str] = {}  # hooks that have not worked yet, and where
        self._seen: dict[int, Tensor] = {}
        self._entered = False

    def __enter__(self) -> Step:
        try:
            self._install()
        except BaseException:
            self._remove()
            raise
        self._entered = True
        return self

    def __exit__(self, *error: object) -> None:
        waiting = dict(self._waiting)
        self._remove()
        self._waiting = waiting  # settle() tells of them

    def settle(self) -> Labels:
        """The labels after the forward pass, for mixes that label what the model has looked at.

        Raises:
            RuntimeError: there was no forward pass in this context, or it did not come by a module
                whose output was to be mixed or watched: labels and features would not belong
                together.
        """
        if self._waiting:
            names = ", ".join(sorted(set(self._waiting.values())))
            raise RuntimeError(
                f"settle() comes after the model's forward pass, in which {names} runs; it has not "
                "run (or, in a compiled model, its hooks have not)"
            )
        if not self._entered:
            raise RuntimeError("settle() comes after `with guide.step(mixed) as step:`")
        labels = self._mixed.labels
        for number, watched in enumerate(self._mixed.watched):
            labels = watched.settle(labels, self._seen[number])
        return labels

    def _install(self) -> None:
        for inside in self._mixed.inside:
            self._hook(inside.module, partial(changed, inside=inside))
        for number, watched in enumerate(self._mixed.watched):
            if watched.rule.watches != "attention":
                raise ValueError(
                    f"{type(watched.rule).__name__}.watches must be 'attention', got "
                    f"{watched.rule.watches!r}"
                )
            self._hook(self._guide.layers.attention().module, partial(self._see, number))

    def _see(self, number: int, output: Tensor) -> None:
        self._seen[number] = class_attention(output.detach(), self._guide.layers.attention())

    def _hook(self, name: str, work: Callable[[Any], Any]) -> None:
        """``work`` on the output of this module, once."""

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if self._guide.asking:
                return None
            handle.remove()
            self._waiting.pop(handle, None)
            return work(output)

        handle = self._guide.layers.module(name).register_forward_hook(hook)
        self._waiting[handle] = name

    def _remove(self) -> None:
        for handle in self._waiting:
            handle.remove()
        self._waiting = {}
