"""A mix refuses what its arguments do not take, where it is built, in Python as from a config."""

import inspect
import math
import re

import pytest

from dmmix.arguments import ArgumentError
from dmmix.mixups import (
    GradientSaliency,
    GreedyPairing,
    PairMix,
    RandomMix,
    build_mix,
)
from tests.laws.mixes import MIXES

#: What a mix needs beside the argument that is tried.
NEEDS = {"RandomMix": dict(mixups=[dict(type="Mixup")])}
COUNT = dict(good=[1, 64], bad=[0, -1, 1.0, "1", True])
POSITIVE = dict(good=[1e-9, 1, 20.0], bad=[0, -1.0, math.nan, math.inf, "1", True, [1.0]])
NOT_NEGATIVE = dict(good=[0, 5.0], bad=[-1e-9, math.nan, math.inf, "1", True])
SHARE = dict(good=[0, 0.5, 1], bad=[-0.1, 1.1, math.nan, "0", True])
FLAG = dict(good=[True, False], bad=[1, 0, "yes", None])
STAGES = dict(
    good=[None, [0], [2, "layer3"], ("layer1",)],
    bad=[[], [-1], [1.0], [True], "layer1", 2],
)
SALIENCY = dict(
    good=[None, GradientSaliency(), dict(type="FineGrainedSaliency")], bad=["gradient", 3, True]
)
OF_ALL = {"alpha": POSITIVE, "per_batch": FLAG, "fixed_points": FLAG}
ARGUMENTS = {
    "AlignMix": {"stages": STAGES, "epsilon": POSITIVE, "iterations": COUNT},
    "AttentiveMix": {
        "top_k": dict(good=[0, 49], bad=[-1, 6.0, True, None]),
        "grid": dict(good=[3, 14], bad=[0, -1, 7.0, "7", True]),
        "guide": dict(good=[None], bad=["model", 3]),
    },
    "CoMixup": {
        **dict.fromkeys(["partition", "blocks", "sources", "iterations", "starts"], COUNT),
        **dict.fromkeys(["beta", "gamma", "eta", "threshold"], NOT_NEGATIVE),
    },
    "CutMix": {"min_area": SHARE, "max_area": SHARE},
    "FMix": {
        "decay_power": NOT_NEGATIVE,
        "max_soft": dict(good=[0, 0.5], bad=[-0.1, 0.6, math.nan, "0"]),
        "band": dict(good=["auto", "full", 1, 7], bad=["all", 0, -1, 7.0, True, None]),
    },
    "GridMix": {
        "grid": dict(
            good=[1, (2, 3), [4, 4]], bad=[0, (2, 0), (2,), (1, 2, 3), 4.0, (2, 1.0), True, "4"]
        ),
    },
    "GuidedMixup": {
        "saliency": SALIENCY,
        "pairing": dict(
            good=[None, GreedyPairing(), dict(type="RandomPairing")], bad=["greedy", True]
        ),
        "kernel_size": dict(good=[1, 7], bad=[0, -1, 7.0, "7", True]),
        "sigma": POSITIVE,
    },
    "ManifoldMix": {"stages": STAGES},
    "Mixup": {},
    "PuzzleMix": {
        "block_num": dict(good=[1, [2, 4], (16,)], bad=[0, [0], [], 2.0, [2.0], "16", True]),
        "n_labels": dict(good=[2, 5], bad=[1, 2.5, True]),
        "gamma": SHARE,
        "transport": FLAG,
        "t_size": dict(good=[None, 1], bad=[0, -1.0, True]),
        "pixel_range": dict(good=[None, 2.5], bad=[0, -1, math.inf, "1"]),
        **dict.fromkeys(["beta", "eta"], NOT_NEGATIVE),
        "neigh_size": COUNT,
        "t_eps": POSITIVE,
    },
    "RandomMix": {
        "mixups": dict(
            good=[[dict(type="CutMix")]], bad=[[], dict(type="CutMix"), "CutMix", ["CutMix"], [3]]
        ),
        "probs": dict(good=[None, [0.3], (1,)], bad=[[-0.1], [1.1], ["1"], [math.nan], 1.0, "1"]),
        "per_sample": FLAG,
        "fraction": SHARE,
        "start_epoch": dict(good=[0, 3], bad=[-1, 1.0, None, True]),
        "stop_epoch": dict(good=[None, 3], bad=[-1, 1.0, True]),
    },
    "RegMixup": {
        "mixup": dict(good=[None, dict(type="CutMix")], bad=["CutMix", 3, [dict(type="CutMix")]]),
        "eta": NOT_NEGATIVE,
    },
    "ResizeMix": {
        "scale": dict(
            good=[(0.1, 0.8), [1, 1]],
            bad=[(0.8, 0.1), (0, 0.5), (0.1, 1.1), (0.1,), 0.5, "12", (0.1, "1"), (0.1, math.nan)],
        ),
    },
    "SaliencyMix": {
        "saliency": SALIENCY,
    },
    "SmoothMix": {
        "sigma": dict(
            good=[(0.1, 0.1), [0.25, 2]],
            bad=[(0, 1), (0.5, 0.2), (0.2, math.inf), (0.2,), 0.3, (0.2, None), (0.2, math.nan)],
        ),
    },
    "SnapMix": {"weighted": FLAG},
    "TransMix": {"area": SHARE},
}
CASES = [
    (name, argument, values)
    for name, kind in MIXES.items()
    for argument, values in {
        **({} if not issubclass(kind, PairMix) else OF_ALL),
        **({"alpha": POSITIVE} if name == "CoMixup" else {}),
        **ARGUMENTS.get(name, {}),
    }.items()
]


def test_every_argument_of_every_mix_is_tried():
    tried = {name: {each[1] for each in CASES if each[0] == name} for name in MIXES}
    assert tried == {name: {*inspect.signature(kind).parameters} for name, kind in MIXES.items()}


@pytest.mark.parametrize(("name", "argument", "values"), CASES)
def test_what_an_argument_takes(name, argument, values):
    kind, needs = MIXES[name], NEEDS.get(name, {})
    for value in values["good"]:
        kind(**{**needs, argument: value})
    for value in values["bad"]:
        says = rf"{name}: {argument} must be .*, got {re.escape(repr(value))}"
        with pytest.raises(ArgumentError, match=says):
            kind(**{**needs, argument: value})
        with pytest.raises(ArgumentError, match=says):
            build_mix({"type": name, **needs, argument: value})


@pytest.mark.parametrize("name", MIXES)
def test_a_misspelt_argument_gets_the_near_one(name):
    for argument in inspect.signature(MIXES[name]).parameters:
        says = (
            rf"{name} got an unexpected keyword argument '{argument}s'; did you mean '{argument}'"
        )
        with pytest.raises(TypeError, match=says):
            MIXES[name](**{**NEEDS.get(name, {}), f"{argument}s": 1})


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("AttentiveMix", dict(top_k=10, grid=3), r"top_k must be in \[0, 9\] for grid=3, got 10"),
        ("CutMix", dict(min_area=0.6, max_area=0.5), "min_area must be at most max_area=0.5, got "),
        ("GuidedMixup", dict(kernel_size=4), "kernel_size must be odd, got 4"),
        ("RandomMix", dict(probs=[0.5, 0.5]), "probs must be one for each of the 1 mixups, got 2"),
        ("RandomMix", dict(start_epoch=3, stop_epoch=3), "stop_epoch must be after start_epoch=3"),
    ],
)
def test_arguments_that_do_not_go_together(name, options, says):
    with pytest.raises(ValueError, match=says):
        MIXES[name](**{**NEEDS.get(name, {}), **options})


@pytest.mark.parametrize(
    ("argument", "config", "what"),
    [
        ("saliency", dict(type="RandomPairing"), "a saliency such as"),
        ("pairing", dict(type="GradientSaliency"), "a pairing such as"),
    ],
)
def test_a_part_of_another_kind(argument, config, what):
    with pytest.raises(TypeError, match=rf"expected {what} .*, got dmmix\.mixups\."):
        MIXES["GuidedMixup"](**{argument: config})


def test_shares_of_mixes_that_are_more_than_all():
    with pytest.raises(ValueError, match=r"probs must sum to at most 1, got \[0.6, 0.6\]"):
        RandomMix([dict(type="Mixup"), dict(type="CutMix")], probs=[0.6, 0.6])


def test_somebody_elses_mix_takes_what_it_likes():
    class Own(PairMix):
        def __init__(self, **options):
            self.strength = options.pop("strength")
            super().__init__(**options)

        def draw(self, n, size, generator):
            raise NotImplementedError

        def blend(self, images, labels, draws, answers=None):
            raise NotImplementedError

    assert Own(strength=3, alpha=2).alpha == 2
    with pytest.raises(ArgumentError, match="alpha must be a finite number above 0, got 0"):
        Own(strength=3, alpha=0)
