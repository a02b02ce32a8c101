"""What tests of guides share: mixes that act in the network, and what a question may not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.functional.mixing import Inside, Mixed, Watched, unmixed


def acting(images: Tensor, labels: Tensor, *changes: tuple[str, Callable], **rows: Any) -> Mixed:
    """The images as they are, and ``changes`` of features: names of modules and functions."""
    inside = tuple(Inside(name, change, **rows) for name, change in changes)
    return unmixed(images, labels)._replace(inside=inside)


class Watch:
    """A share rule that keeps the attention that it sees, and tells each sample halves."""

    watches = "attention"

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def settle(self, mixed: Mixed, seen: Tensor) -> Tensor:
        self.seen.append(seen)
        return torch.full((len(seen), 2), 0.5)


def watching(images: Tensor, labels: Tensor, *rules: Any) -> Mixed:
    """The images as they are, watched by these rules."""
    mixed = unmixed(images, labels)
    prepared = MixedLabels.from_labels(labels, dtype=mixed.labels.shares.dtype)
    return mixed._replace(watched=tuple(Watched(rule, prepared, mixed) for rule in rules))


def state_of(model: nn.Module) -> tuple:
    """All that a question may not change."""
    return (
        {k: v.clone() for k, v in model.state_dict().items()},
        {k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None},
        {k: v._version for k, v in model.state_dict().items()},
        {k: p.requires_grad for k, p in model.named_parameters()},
        {k: (m.training, len(m._forward_hooks)) for k, m in model.named_modules()},
        torch.get_rng_state(),
    )


def assert_same_state(before: tuple, after: tuple) -> None:
    for one, other in zip(before[:2], after[:2], strict=True):
        assert_close(one, other, rtol=0, atol=0)
    assert before[2:5] == after[2:5]
    assert torch.equal(before[5], after[5])
