"""What parts of a method have in common: how they are built, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from dmmix.registry import MODELS
from dmmix.signatures import keywords_of


class Part(nn.Module):
    """A part of a method that remembers something. Its method tells it what a runner tells.

    What it remembers are buffers, so that checkpoints have it; what it takes from a batch it takes
    from those of all processes.
    """

    def see_dataset(self, dataset: Any) -> None:
        """Before training, and before weights are loaded: the dataset of the training loader."""

    def start_training(self, classifier: nn.Module) -> None:
        """Before the first update of the classifier's weights; not in a resumed run."""

    def after_update(self, classifier: nn.Module) -> None:
        """The classifier's weights have changed."""


def build_part(part: Any, num_classes: int) -> Any:
    """A part from its config, told how many classes there are if it asks for ``num_classes``; what
    is no config is returned as it is."""
    if not isinstance(part, Mapping):
        return part
    config = {"_scope_": "dmmix", **part}
    kind = config.get("type")
    with MODELS.switch_scope_and_registry(config["_scope_"]) as registry:
        kind = registry.get(kind) if isinstance(kind, str) else kind
    if kind is not None and "num_classes" in keywords_of(kind):
        config.setdefault("num_classes", num_classes)
    return MODELS.build(config)
