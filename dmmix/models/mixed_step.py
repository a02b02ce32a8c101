"""A step of training on mixed images: draw, ask, blend, forward, settle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from dmmix.functional import Guide, Mixed, MixedLabels

_Result = TypeVar("_Result")


def sets_hooks(mixup: Any) -> bool:
    """Whether the mix acts or looks inside the network in the forward pass that is trained on."""
    return not mixup.needs.isdisjoint(("stages", "attention"))


def forward_mixed(
    guide: Guide | None, mixed: Mixed, forward: Callable[[Tensor], _Result]
) -> tuple[_Result, MixedLabels | Tensor]:
    """What a forward pass makes of mixed images, and the labels that are settled after it; the
    guide of a mix that does and sees nothing inside the model may be ``None``."""
    if not mixed.inside and not mixed.watched:
        return forward(mixed.images), mixed.labels
    assert guide is not None
    with guide.step(mixed) as step:
        result = forward(mixed.images)
    return result, step.settle()


def first_rows(feats: Any, n: int) -> Any:
    """The first ``n`` rows of a tensor, or of each tensor in tuples and lists."""
    if isinstance(feats, Tensor):
        return feats[:n]
    return type(feats)(first_rows(part, n) for part in feats)
