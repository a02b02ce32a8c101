"""What mixes as functions say of arguments that are wrong: each of them, once."""

import math
import re

import pytest
import torch

from .data import batch
from .mix_functions import MIXES, arguments, mix

INF, NAN = math.inf, math.nan


def floats(shape, low, high):
    """Rows for floats of this shape in [low, high]; NAME is that of the argument."""
    shown = re.escape(str(shape))
    allowed = rf"NAME must be in \[{low}, {high}"
    third = torch.full(shape, 0.5)
    third[2] = -0.5
    return [
        (0.5, TypeError, "NAME must be a Tensor, got float"),
        (torch.rand(*shape, 1, 1), ValueError, f"NAME must be {shown} for 4 images, got"),
        (torch.rand(3, *shape[1:]), ValueError, f"NAME must be {shown} for 4 images, got"),
        (torch.ones(shape).long(), TypeError, r"NAME must be floating point, got torch\.int64"),
        (third, ValueError, f"{allowed}.*, got -0.5 for sample 2"),
        (torch.full(shape, 1.5), ValueError, f"{allowed}.*, got 1.5 for sample 0"),
        (torch.full(shape, NAN), ValueError, f"{allowed}.*, got nan"),
        (torch.rand(shape, device="meta"), ValueError, "NAME must be on the device .*, got meta"),
    ]


MAPS = [
    ([1], TypeError, "NAME must be a Tensor, got list"),
    (torch.ones(4, 8, 8).long(), TypeError, "NAME must be floating point, got torch.int64"),
    (torch.rand(4, 1, 8, 8), ValueError, r"NAME must be \(4, "),
    (torch.rand(3, 8, 8), ValueError, r"NAME must be \(4, "),
    (torch.rand(4, 0, 8), ValueError, r"NAME must be \(4, "),
    (torch.rand(4, 8, 8, device="meta"), ValueError, "NAME must be .*on .*meta"),
]
FINITE = [
    (torch.full((4, 2, 2), value), ValueError, "NAME must be finite, got nan or inf")
    for value in (NAN, INF)
]

#: Argument: what is given for it in a batch of 4 images of 8 x 8 pixels, the error, its message.
MISTAKES = {
    "images": [
        (torch.zeros(4, 3, 8, 8).byte(), TypeError, r"images must be floating .*torch\.uint8"),
        (torch.zeros(4), ValueError, r"images must be \(N, "),
    ],
    "labels": [
        (torch.arange(3), ValueError, "labels must be as many as the 4 images, got 3"),
        (torch.eye(3), ValueError, "labels must be as many as the 4 images, got 3"),
        (torch.eye(4).long(), TypeError, "labels must be MixedLabels, .N,. integers or"),
        (torch.ones(4) > 0, TypeError, "labels must be MixedLabels, .N,. integers or"),
        (torch.rand(4), ValueError, r"soft labels must be \(N, C\), got \(4,\)"),
        ([0, 1, 2, 3], TypeError, "labels must be MixedLabels or a Tensor, got list"),
        (-torch.arange(4), ValueError, "classes must be 0 or more, got -3"),
    ],
    "lam": floats((4,), 0, 1),
    "source_lam": floats((4,), 0, 1),
    "centers": floats((4, 2), 0, 1),
    "source_centers": floats((4, 2), 0, 1),
    "places": floats((4, 2), 0, 1),
    "index": [
        (3, TypeError, "index must be a Tensor, got int"),
        (torch.arange(3), ValueError, r"index must be \(4,\) for 4 images, got \(3,\)"),
        (torch.rand(4), TypeError, "index must be int64 or int32, got torch.float32"),
        (torch.ones(4) > 0, TypeError, "index must be int64 or int32, got torch.bool"),
        (torch.tensor([0, 1, 4, 2]), ValueError, r"index .*\[0, 4\), got 4 .*sample 2"),
        (torch.tensor([0, -1, 1, 2]), ValueError, r"index must be in \[0, 4\), got -1"),
        (torch.arange(4, device="meta"), ValueError, "index must be on the device .*, got meta"),
    ],
    "cells": [
        *(
            (torch.rand(shape), ValueError, r"cells must be \(4, any, any\) for 4 images, got")
            for shape in ((4, 4), (4, 0, 4), (4, 4, 4, 1), (3, 4, 4))
        ),
        *(row for row in floats((4, 3, 4), 0, 1) if "for 4 images" not in row[2]),
    ],
    "sigma": [
        (torch.rand(2), ValueError, r"sigma must be \(4,\) for 4 images, got \(2,\)"),
        (torch.ones(4).long(), TypeError, "sigma must be floating point, got torch.int64"),
        *(
            (torch.tensor([0.1, 0.2, x, 0.3]), ValueError, r"sigma .* \(0, inf\), got .* sample 2")
            for x in (0.0, -1.0, INF, NAN)
        ),
    ],
    "noise": [
        ([1], TypeError, "noise must be a Tensor, got list"),
        (torch.zeros(4, 8, 5), TypeError, "noise must be complex64 or complex128, got torch.float"),
        (torch.zeros(4, 5, 3), TypeError, "noise must be complex64 or complex128, got torch.float"),
        *(
            (torch.zeros(shape).cfloat(), ValueError, r"noise must be \(4, 8, 5\) for 4 .*, got")
            for shape in ((4, 8, 8), (2, 8, 5), (2, 5, 3))
        ),
        *(
            (torch.zeros(shape).cfloat(), ValueError, r"\(4, 8, 5\) .* h up to 8 and c up to 4")
            for shape in ((4, 4, 3), (4, 9, 3), (4, 3, 0), (4, 1, 1), (4, 7, 5))
        ),
    ],
    "attention": MAPS + FINITE,
    "activation": MAPS + FINITE,
    "saliency": MAPS,
    "order": [
        (torch.rand(4), TypeError, "must be int64 or int32"),
        (torch.tensor([0, 1, 1, 2]), ValueError, "order must be a permutation, got an image twice"),
    ],
    "start": [(torch.rand(4, 4, 4), ValueError, r"start must be \(4, any, any, any\) for .*, got")],
    "prior": [(torch.rand(3, 4), ValueError, r"prior must be \(4, any\) for .* got \(3, 4\)")],
    "out": [
        ([1], TypeError, "out must be a Tensor, got list"),
        (torch.empty(3, 3, 8, 8), ValueError, r"out must be \(4, 3, 8, 8\) .*got \(3, 3, 8, 8"),
        (torch.empty(4, 8, 8, 3), ValueError, r"out must be \(4, 3, 8, 8\) .*got \(4, 8, 8, 3"),
        (torch.empty(4, 3, 64), ValueError, r"out must be \(4, 3, 8, 8\).*got \(4, 3, 64\)"),
        (torch.empty(4, 3, 8, 8).double(), TypeError, r"out must be torch\.float32 .*float64"),
        (torch.empty(4, 3, 8, 8, device="meta"), ValueError, "out must be on the device .*meta"),
    ],
}  # fmt: skip
#: Of one mix alone: what is given, and the error.
OWN = {
    "fmix": [
        *((dict(decay_power=x), "decay_power must be 0 or more and") for x in (-1.0, INF, NAN)),
        *((dict(max_soft=x), r"max_soft must be in \[0, 0.5\], got") for x in (-0.1, 0.6, NAN)),
    ],
    "hmix": [(dict(ratio=x), r"ratio must be in \[0, 1\], got ") for x in (-0.1, 1.1, NAN)],
    "smoothmix, lam": [
        (dict(sigma=torch.rand(4)), "either lam or sigma must be given.*got both"),
        (dict(lam=None), "either lam or sigma must be given.*got neither"),
    ],
    "saliencymix, map": [
        (dict(saliency=torch.rand(4, 4, 4)), r"saliency must be \(4, 8, 8\) for 4 images"),
    ],
    "attentivemix": [(dict(grid=0), "grid must be 1 or more, got 0")],
    "guidedmixup": [(dict(saliency=FINITE[0][0]), "saliency must be finite, got nan or inf")],
    "puzzlemix": [
        (dict(saliency=FINITE[1][0]), "saliency must be finite, got nan or inf"),
        (dict(block_num=0), "block_num must be 1 or more, got 0"),
        (dict(n_labels=1), "n_labels must be 2 or more, got 1"),
        (dict(neigh_size=0), "neigh_size must be 1 or more, got 0"),
        (dict(t_size=0), "t_size must be 1 or more, got 0"),
        (dict(beta=-1.0), "beta must be 0 or more and finite, got -1"),
        (dict(eta=INF), "eta must be 0 or more and finite, got inf"),
        (dict(gamma=1.5), r"gamma must be in \[0, 1\], got 1.5"),
        (dict(t_eps=0.0), "t_eps must be above 0 and finite, got 0"),
        (dict(pixel_range=0.0), "pixel_range must be above 0 and finite, got 0"),
    ],
    "comixup": [
        (dict(saliency=torch.rand(4, 8, 9)), r"saliency must be \(4, 8, 8\) for .* \(4, 8, 9\)"),
        (dict(sources=0), "sources must be 1 or more, got 0"),
        (dict(iterations=0), "iterations must be 1 or more, got 0"),
    ],
}  # fmt: skip


def taken(name):
    """The arguments of this mix that are in the table."""
    given = [key for key, value in arguments(name, 4, (8, 8)).items() if value is not None]
    out = [] if name == "regmixup" else ["out"]  # of another number of samples
    return ["images", "labels", *(key for key in given if key in MISTAKES), *out]


@pytest.mark.parametrize(("name", "argument"), [(n, a) for n in MIXES for a in taken(n)])
def test_a_wrong_argument_is_named(name, argument):
    images, labels = batch(4)
    good = dict(images=images, labels=labels) | arguments(name, 4, (8, 8))
    for bad, error, message in MISTAKES[argument]:
        with pytest.raises(error, match=message.replace("NAME", argument)):
            MIXES[name].function(**good | {argument: bad})


@pytest.mark.parametrize("name", [name for name in MIXES if name != "mixup"])
def test_images_have_four_axes(name):
    images, labels = batch(4)
    with pytest.raises(ValueError, match=r"images must be \(N, ch, H, W\), got \(4, 24, 8\)"):
        MIXES[name].function(images.flatten(1, 2), labels, **arguments(name, 4, (8, 8)))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [(name, *row) for name, rows in OWN.items() for row in rows],
)
def test_a_wrong_option_is_named(name, change, message):
    with pytest.raises(ValueError, match=message):
        mix(name, *batch(4), **change)


@pytest.mark.parametrize("name", ["mixup", "gridmix"])
def test_values_are_not_looked_at_without_check(name):
    change = dict(lam=torch.full((4,), 2.0))
    mix(name, *batch(4), check=False, **change)
    with pytest.raises(ValueError, match=r"lam must be in \[0, 1\], got 2 for sample 0"):
        mix(name, *batch(4), **change)
