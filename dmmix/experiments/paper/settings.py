"""The mix, the loss and the recipe's settings of a cell, by the rows of the tables."""

from __future__ import annotations

from typing import Any

from dmmix.experiments.paper.mixes import MIXES
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.paper.rules import by_recipe

_BASELINES = {name for name, row in OBJECTIVES.items() if row.baseline}


def mix_config(mixup: str, objective: str, recipe: str = "") -> dict[str, Any] | None:
    """The mix of a cell.

    Args:
        mixup: a key of :data:`MIXES`.
        objective: a key of :data:`OBJECTIVES`; any other counts as DM.
        recipe: path of the recipe under ``configs/``.
    """
    row = MIXES[mixup]
    if row.type is None:
        return None
    config: dict[str, Any] = dict(type=row.type, **row.options)
    if row.parts:
        parts: list[Any] = [mix_config(part, objective, recipe) for part in row.parts]
        if row.part_alphas is not None:
            alphas = by_recipe(row.part_alphas, recipe)
            parts = [dict(p, alpha=alpha) for p, alpha in zip(parts, alphas, strict=True)]
        return dict(config, mixups=parts, probs=list(row.parts.values()))
    if not row.has_alpha:
        return config
    alpha = row.baseline_alpha if objective in _BASELINES else None
    if alpha is None:
        alpha = row.kind.alpha if row.alpha is None else row.alpha
    return dict(config, alpha=alpha)


def loss_config(objective: str, mixup: str, recipe: str = "") -> dict[str, Any]:
    """The loss of a cell; ``mixup`` that is in no table counts as static and cutting."""
    row, mix = OBJECTIVES[objective], MIXES.get(mixup, MIXES["none"])
    t, xi = mix.pixels.t, mix.pixels.xi
    rules = dict(eta=by_recipe(mix.kind.eta, recipe), t=t, xi=xi, rescale=(t, xi))
    return dict(type=row.type, **{name: rules[name] for name in row.by_mix}, **row.options)


def recipe_settings(mixup: str, recipe: str) -> dict[str, Any]:
    """What else of the recipe the paper changes for the mix."""
    return by_recipe(MIXES[mixup].pixels.settings, recipe)
