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
NAN, INF = math.nan, math.inf
COUNT = [1, 64], [0, -1, 1.0, "1", True]
POSITIVE = [1e-9, 1, 20.0], [0, -1.0, NAN, INF, "1", True, [1.0]]
NOT_NEGATIVE = [0, 5.0], [-1e-9, NAN, INF, "1", True]
SHARE = [0, 0.5, 1], [-0.1, 1.1, NAN, "0", True]
FLAG = [True, False], [1, 0, "yes"]
#: What an argument takes and what not, by its name, with that of its mix where mixes differ.
VALUES = {
    **dict.fromkeys(["alpha", "epsilon", "t_eps", "GuidedMixup.sigma"], POSITIVE),
    **dict.fromkeys(["per_batch", "fixed_points", "transport", "per_sample", "weighted"], FLAG),
    **dict.fromkeys(["iterations", "partition", "blocks", "sources", "starts"], COUNT),
    "neigh_size": COUNT,
    "AttentiveMix.grid": ([3, 14], COUNT[1]),
    **dict.fromkeys(["beta", "gamma", "eta", "threshold", "decay_power"], NOT_NEGATIVE),
    **dict.fromkeys(
        ["min_area", "max_area", "fraction", "area", "ratio", "PuzzleMix.gamma"], SHARE
    ),
    "stages": ([[0], [2, "layer3"], ("layer1",)], [[], [-1], [1.0], [True], "layer1", 2]),
    "top_k": ([0, 49], [-1, 6.0, True]),
    "guide": ([], ["model", 3]),
    "max_soft": ([0, 0.5], [-0.1, 0.6, NAN, "0"]),
    "band": (["auto", "full", 1, 7], ["all", 0, -1, 7.0, True]),
    "grid": ([1, (2, 3), [4, 4]], [0, (2, 0), (2,), (1, 2, 3), 4.0, (2, 1.0), True, "4"]),
    "saliency": (
        [GradientSaliency(), dict(type="FineGrainedSaliency")],
        ["gradient", "spectral_residual", 3, True],
    ),
    "pairing": ([GreedyPairing(), dict(type="RandomPairing")], ["greedy", True]),
    "kernel_size": ([1, 7], [0, -1, 7.0, "7", True]),
    "block_num": ([1, [2, 4], (16,)], [0, [0], [], 2.0, [2.0], "16", True]),
    "n_labels": ([2, 5], [1, 2.5, True]),
    "t_size": ([1], [0, -1.0, True]),
    "pixel_range": ([2.5], [0, -1, INF, "1"]),
    "mixups": ([[dict(type="CutMix")]], [[], dict(type="CutMix"), "CutMix", ["CutMix"], [3]]),
    "probs": ([[0.3], (1,)], [[-0.1], [1.1], ["1"], [NAN], 1.0, "1"]),
    "start_epoch": ([0, 3], [-1, 1.0, True]),
    "stop_epoch": ([3], [-1, 1.0, True]),
    "mixup": ([dict(type="CutMix")], ["CutMix", 3, [dict(type="CutMix")]]),
    "scale": (
        [(0.1, 0.8), [1, 1]],
        [(0.8, 0.1), (0, 0.5), (0.1, 1.1), (0.1,), 0.5, "12", (0.1, "1"), (0.1, NAN)],
    ),
    "sigma": (
        [(0.1, 0.1), [0.25, 2]],
        [(0, 1), (0.5, 0.2), (0.2, INF), (0.2,), 0.3, (0.2, None), (0.2, NAN)],
    ),
}
CASES = [
    (name, argument)
    for name, kind in MIXES.items()
    for argument in inspect.signature(kind).parameters
]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_what_an_argument_takes(name, argument):
    """None alone where it is the default."""
    kind, needs = MIXES[name], NEEDS.get(name, {})
    good, bad = VALUES.get(f"{name}.{argument}") or VALUES[argument]
    none = inspect.signature(kind).parameters[argument].default is None
    for value in [*good, *[None] * none]:
        kind(**{**needs, argument: value})
    for value in [*bad, *[None] * (not none)]:
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
    with pytest.raises(ArgumentError, match="Own: alpha must be a finite number above 0, got 0"):
        Own(strength=3, alpha=0)
