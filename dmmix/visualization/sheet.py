"""What each registered mix makes of the same images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dmmix.functional import Mixed
from dmmix.mixups import Mix
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.mixed_step import forward_mixed
from dmmix.registry import MIXUPS


class Sheet(NamedTuple):
    """What :func:`dmmix.visualization.draw_gallery` draws.

    Attributes:
        rows: name and result of each mix, where it could mix.
        notes: what the rows do not show, a line each.
        asked: whether any of the mixes asked the model.
    """

    rows: list[tuple[str, Mixed]]
    notes: list[str]
    asked: bool


def registered_mixes() -> dict[str, Callable[..., Mix]]:
    """Class by name of each registered mix that stands for itself, in alphabetical order.

    Those that need an argument, as ``RandomMix`` needs mixes to choose from, are left out.
    """
    MIXUPS.import_from_location()
    found = {name: kind for name, kind in MIXUPS.module_dict.items() if _stands_alone(kind)}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def mix_by_all(
    mixes: Mapping[str, Callable[..., Mix]],
    images: Tensor,
    labels: Tensor,
    guide: ClassifierGuide,
    seed: int = 0,
    *,
    skip_errors: bool = True,
) -> Sheet:
    """Each mix with its own defaults on the same images, no image with itself where that can be.

    A mix inside the network leaves the images alone; its row is named after the stage where it
    mixes.

    Args:
        mixes: class by name.
        images: (N, ch, H, W), as the network is given them.
        labels: (N,) classes.
        guide: of the model that guided mixes ask; it is run in evaluation mode.
        seed: of the generator; each mix gets a fresh one.
        skip_errors: whether a guided mix that does not go with this model (attention, where there
            is none) becomes a note.

    Raises:
        ValueError: such a mix, without ``skip_errors``.
    """
    guide.model.eval()
    rows, notes, asked = [], [], False
    for name, kind in mixes.items():
        pairs = "fixed_points" in inspect.signature(kind).parameters
        mix = kind(fixed_points=False) if pairs else kind()
        generator = torch.Generator().manual_seed(seed)
        try:
            mixed, stages = _apply(mix, images, labels, generator, guide)
        except ValueError as error:
            if not (skip_errors and mix.needs):
                raise ValueError(f"{name}: {error}") from error
            notes.append(f"{name} is left out: {error}")
            continue
        asked = asked or bool(mix.needs - {"stages"})
        if "stages" in mix.needs:
            where = f"after {' and '.join(stages)}" if stages else "here as they go in"
            notes.append(f"{name} mixes what the network makes of the images shown, {where}.")
        rows.append((f"{name}\n(inside)" if stages else name, mixed))
    return Sheet(rows, notes, asked)


def _apply(
    mix: Mix, images: Tensor, labels: Tensor, generator: torch.Generator, guide: ClassifierGuide
) -> tuple[Mixed, list[str]]:
    """The mix as in a step of training, with the forward pass that some label after."""
    mixed = mix.mix(images, labels, generator, guide)
    with torch.no_grad():
        _, told = forward_mixed(guide, mixed, guide.model)
    return mixed._replace(labels=told), [inside.module for inside in mixed.inside]


def _stands_alone(kind: Any) -> bool:
    if not (inspect.isclass(kind) and issubclass(kind, Mix)) or inspect.isabstract(kind):
        return False
    parameters = inspect.signature(kind).parameters.values()
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )
