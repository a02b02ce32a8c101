"""The mixes as functions, each with a maker of its arguments, for the laws that hold for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from dmmix.functional import (
    Mixed,
    attentivemix,
    comixup,
    cutmix,
    draw_cells,
    draw_centers,
    draw_comixup,
    draw_lam,
    draw_noise,
    draw_pairing,
    draw_sigma,
    fmix,
    gmix,
    gridmix,
    guidedmixup,
    hmix,
    mixup,
    puzzlemix,
    regmixup,
    resizemix,
    saliencymix,
    smoothmix,
    snapmix,
)

from .data import generator

Size = tuple[int, int]
SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
Draw = Callable[[int, Size, Generator, bool], dict[str, Any]]

#: Arguments that may be given once for the whole batch.
PER_BATCH = (
    "lam", "centers", "places", "cells", "noise", "sigma", "source_lam", "source_centers",
)  # fmt: skip


class Case(NamedTuple):
    """A mix and what is special about it.

    Attributes:
        function: ``function(images, labels, **draw(n, size, generator, per_batch), **options)``.
        soft: its mask is floats, and a pixel may be of several images.
        moves: pixels of the images are resized, or put elsewhere.
        looks: it looks at the pixels.
        blind: options with which it does not.
        by_pixels: the labels tell the shares of the pixels.
    """

    function: Callable[..., Mixed]
    draw: Draw
    options: Mapping[str, Any] = MappingProxyType({})
    soft: bool = False
    moves: bool = False
    looks: bool = False
    blind: Mapping[str, Any] = MappingProxyType({})
    by_pixels: bool = True


def arguments(name: str, n: int, size: Size, seed: int = 0, per_batch: bool = False) -> dict:
    """What the mix takes beside images and labels, by name."""
    case = MIXES[name]
    return {**case.draw(n, size, generator(seed), per_batch), **case.options}


def mix(name: str, images: Tensor, labels: Any, seed: int = 0, **change: Any) -> Mixed:
    """The mix of this name, with its arguments drawn from ``seed`` or given."""
    given = arguments(name, len(images), tuple(images.shape[2:]), seed) | change
    return MIXES[name].function(images, labels, **given)


def _pairs(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    return dict(lam=draw_lam(n, 1.0, g, per_batch), index=draw_pairing(n, g))


def _centers(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    return _pairs(n, size, g, per_batch) | dict(centers=draw_centers(n, g, per_batch))


def _noise(band: Any) -> Draw:
    def draw(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
        noise = draw_noise(n, size, g, per_batch, band=band)
        return _pairs(n, size, g, per_batch) | dict(noise=noise)

    return draw


def _cells(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    return _pairs(n, size, g, per_batch) | dict(cells=draw_cells(n, (3, 4), g, per_batch))


def _sigma(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    sigma = draw_sigma(n, generator=g, per_batch=per_batch)
    return _centers(n, size, g, per_batch) | dict(lam=None, sigma=sigma)


def _places(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    return _pairs(n, size, g, per_batch) | dict(places=draw_centers(n, g, per_batch))


def _map(name: str, shape: Size | None = None, **fixed: Any) -> Draw:
    """A map of each image, of its size or another."""

    def draw(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
        maps = torch.rand(n, *(size if shape is None else shape), generator=g) ** 4
        return _pairs(n, size, g, per_batch) | {name: maps} | fixed

    return draw


def _boxes(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    source = _centers(n, size, g, per_batch)
    source = dict(source_lam=source["lam"], source_centers=source["centers"])
    activation = torch.randn(n, 4, 3, generator=g)
    return _centers(n, size, g, per_batch) | source | dict(activation=activation)


def _groups(n: int, size: Size, g: Generator, per_batch: bool) -> dict[str, Any]:
    order, start, prior = draw_comixup(n, g, partition=5)
    saliency = torch.rand(n, *size, generator=g) ** 3
    return dict(saliency=saliency, order=order, start=start, prior=prior)


def _clean_and_mixed(images: Tensor, labels: Any, out: Tensor | None = None, **given: Any) -> Mixed:
    mixed = cutmix(images, labels, **given)
    return regmixup(images, labels, mixed, 0.7, out=out, check=given.get("check"))


MIXES = {
    "mixup": Case(mixup, _pairs, soft=True),
    "cutmix": Case(cutmix, _centers),
    "cutmix, inside": Case(cutmix, _centers, dict(inside=True)),
    "fmix": Case(fmix, _noise("full")),
    "fmix, soft": Case(fmix, _noise("full"), dict(max_soft=0.2), soft=True),
    "fmix, band": Case(fmix, _noise(2)),
    "fmix, soft band": Case(fmix, _noise(2), dict(max_soft=0.2), soft=True),
    "gmix": Case(gmix, _centers, soft=True),
    "hmix": Case(hmix, _centers, soft=True),
    "gridmix": Case(gridmix, _cells),
    "smoothmix, lam": Case(smoothmix, _centers, soft=True),
    "smoothmix, sigma": Case(smoothmix, _sigma, soft=True),
    "resizemix": Case(resizemix, _places, moves=True),
    "saliencymix": Case(saliencymix, _pairs, looks=True),
    "saliencymix, map": Case(saliencymix, _map("saliency")),
    "attentivemix": Case(attentivemix, _map("attention", (4, 5))),
    "puzzlemix": Case(
        puzzlemix, _map("saliency"), dict(t_eps=0.05), soft=True, moves=True, looks=True,
        blind=dict(gamma=0.0, pixel_range=1.0),
    ),
    "puzzlemix, still": Case(
        puzzlemix, _map("saliency"), dict(n_labels=4, block_num=3, transport=False), soft=True,
        looks=True, blind=dict(gamma=0.0, pixel_range=1.0),
    ),
    "guidedmixup": Case(guidedmixup, _map("saliency", lam=None), soft=True),
    "guidedmixup, lam": Case(guidedmixup, _map("saliency", (4, 5)), soft=True),
    "snapmix": Case(snapmix, _boxes, moves=True, by_pixels=False),
    "comixup": Case(comixup, _groups),
    "regmixup": Case(_clean_and_mixed, _centers),
}  # fmt: skip
