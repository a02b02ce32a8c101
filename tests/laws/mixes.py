"""The registered mixes as the laws ask them: each with a few settings, alone and within others."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dmmix.functional import Mixed, MixedLabels
from dmmix.mixups import Mix, PairMix, build_mix
from dmmix.registry import MIXUPS
from tests.laws.data import generator
from tests.laws.small_model import SmallModel

MIXES: dict[str, type[Mix]] = {
    name: kind
    for name, kind in sorted(MIXUPS.module_dict.items())
    if issubclass(kind, Mix)
    and kind.__module__.startswith("dmmix.")
    and not inspect.isabstract(kind)
}


class Setting(NamedTuple):
    """What a mix is tried with.

    Attributes:
        options: the first belong to all of its cases; each of the others makes one more.
        once: options with which ``per_batch`` and ``fixed_points`` have something to act on.
        shares: where those of its labels come from: ``'pixels'``, ``'attention'`` after the forward
            pass, or the class ``'activation'``.
    """

    options: tuple[dict, ...] = ({},)
    once: dict = {}  # noqa: RUF012
    shares: str = "pixels"


_SPECTRAL = dict(saliency=dict(type="SpectralResidualSaliency"))
_GRADIENT = dict(saliency=dict(type="GradientSaliency"))
_RANDOM = dict(alpha=1.0, pairing=dict(type="RandomPairing"))
_BOTH = [dict(type="Mixup"), dict(type="CutMix")]
_INSIDE = dict(type="ManifoldMix", stages=[1, "last"])

SETTINGS = {
    "AlignMix": Setting((dict(iterations=10), dict(stages=["last"]))),
    "AttentiveMix": Setting(({}, dict(alpha=1.0, grid=3)), once=dict(alpha=2.0)),
    "CoMixup": Setting((dict(iterations=2, starts=2), dict(partition=3, blocks=3, sources=3))),
    "CutMix": Setting(({}, dict(min_area=0.1, max_area=0.6))),
    "FMix": Setting(({}, dict(max_soft=0.3), dict(band=2), dict(decay_power=1.0))),
    "GridMix": Setting(({}, dict(grid=(3, 5)))),
    "HMix": Setting(({}, dict(ratio=0.0), dict(ratio=1.0))),
    "GuidedMixup": Setting(({}, _RANDOM, _SPECTRAL), once=_RANDOM),
    "ManifoldMix": Setting(({}, dict(stages=[1]), dict(stages=[0, "last"]))),
    "PuzzleMix": Setting(
        ({}, dict(n_labels=2, t_eps=0.05, t_size=1), dict(transport=False, block_num=4))
    ),
    "RandomMix": Setting(
        (
            dict(mixups=_BOTH),
            dict(probs=[0.3, 0.3], per_sample=True, fraction=0.7),
            dict(mixups=[dict(type="RandomMix", mixups=_BOTH), _BOTH[1]], per_sample=True),
            dict(
                mixups=[dict(type="RandomMix", mixups=[_INSIDE], fraction=0.7), _INSIDE, _BOTH[1]]
            ),
        )
    ),
    "RegMixup": Setting(({}, dict(mixup=_BOTH[1], eta=0.3))),
    "ResizeMix": Setting(({}, dict(scale=(0.3, 0.6)))),
    "SaliencyMix": Setting(({}, _SPECTRAL, _GRADIENT)),
    "SmoothMix": Setting(({}, dict(alpha=0.5)), once=dict(alpha=1.0)),
    "SnapMix": Setting(({}, dict(weighted=False)), shares="activation"),
    "TransMix": Setting(({}, dict(area=0.5)), shares="attention"),
}


def _cases() -> Iterator[tuple[str, dict]]:
    for name, kind in MIXES.items():
        setting = SETTINGS.get(name, Setting())
        mix = dict(type=name, **setting.options[0])
        yield name, mix
        for number, options in enumerate(setting.options[1:], 1):
            yield f"{name} {number}", mix | options
        if issubclass(kind, PairMix):
            yield f"{name} once", mix | setting.once | dict(per_batch=True, fixed_points=False)
        if name not in ("RandomMix", "RegMixup"):
            inside = "stages" in build_mix(mix).needs
            some = dict(mixups=[mix]) if inside else dict(mixups=[mix, _BOTH[0]], per_sample=True)
            yield f"{name} in RandomMix", dict(type="RandomMix", fraction=0.7, **some)
            yield f"{name} in RegMixup", dict(type="RegMixup", mixup=mix, eta=0.5)


#: The configs of all cases, by a name that begins with that of the mix.
CASES = dict(_cases())
ALONE = [case for case in CASES if " in " not in case]


def setting_of(case: str) -> Setting:
    """The row of its mix; one without a row is tried with its defaults."""
    return SETTINGS.get(case.split()[0], Setting())


class Outcome(NamedTuple):
    """Of a step: what was mixed, what left the stages of the network, and the labels after it."""

    mixed: Mixed
    pixels: Tensor
    logits: Tensor
    labels: MixedLabels | Tensor


def run(mix: Mix, model: SmallModel, images: Tensor, labels: Any, seed: int = 0) -> Outcome:
    """A step."""
    guide = model.guide()
    mixed = mix.mix(images, labels, generator(seed), guide)
    with guide.step(mixed) as step:
        logits = model(mixed.images)
    return Outcome(mixed, model.pixels, logits, step.settle())


def watch(mix: Mix) -> list[Mixed]:
    """What each of its blends makes, from here on."""
    made, blend = [], mix.blend

    def record(*given: Any) -> Mixed:
        made.append(blend(*given))
        return made[-1]

    mix.blend = record  # type: ignore[method-assign]
    return made


def forms_of(labels: Tensor, classes: int) -> tuple[Any, ...]:
    """The same labels as integers, as soft ones and as :class:`MixedLabels`."""
    soft = torch.eye(classes, device=labels.device)[labels]
    return labels, soft, MixedLabels.from_labels(labels)


def by(planes: Tensor, sources: Tensor, n: int) -> Tensor:
    """(N, n, ...), how much is of each of the n images: (N, K, ...) planes summed by source."""
    hot = torch.nn.functional.one_hot(sources, n).to(planes)
    return torch.einsum("mk...,mkn->mn...", planes, hot)


def tensors(given: Any) -> list[Tensor]:
    """All of them in what a mix draws or returns, in order."""
    if isinstance(given, Tensor):
        return [given]
    if isinstance(given, MixedLabels):
        given = (given.classes, given.shares, given.smoothing)
    return [each for part in given for each in tensors(part)] if isinstance(given, tuple) else []
