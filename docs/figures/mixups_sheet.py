"""Draws docs/figures/mixes_light.webp and mixes_dark.webp: all mixes on two photographs.

    python docs/figures/mixups_sheet.py [--out FOLDER]

The two differ in the colour of the text: nothing is behind it. Under each mix stand the shares of
the two photographs in the label, in percent.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mixups_data as data
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mixups import HERE, WatchedGuide, attended, draw_map, features, mix_pair
from PIL import Image
from torch import Tensor

from dmmix import mixups
from dmmix.functional import Guide, Mixed, mixing
from dmmix.visualization.gallery import draw_image

OVERVIEW = HERE.parent / "mixups" / "index.md"
#: Name and shares, in the colours that GitHub gives to text in its two modes.
COLOURS = {"light": ("#1f2328", "#59636e"), "dark": ("#f0f6fc", "#9198a1")}
ROWS, GAP, CAPTION, TOP = 3, 14, 52, 2  # in pixels but the first
LARGE = (ROWS * (data.SIZE + CAPTION) - 2 * CAPTION) // 2  # side of the two photographs
#: By mix the share of the pagoda, the seed of the places, and what else shows it well.
CHOSEN: dict[str, tuple[float, int, dict[str, Any]]] = {
    "Mixup": (0.5, 0, {}),
    "CutMix": (0.75, 4, {}),
    "FMix": (0.5, 3, {}),
    "GridMix": (0.5, 0, {}),
    "SmoothMix": (0.5, 2, dict(sigma=(0.28, 0.28))),
    "ResizeMix": (0.5, 0, dict(scale=(0.5, 0.5))),
    "SaliencyMix": (0.7, 0, {}),
    "AttentiveMix": (0.5, 0, dict(top_k=12)),
    "GuidedMixup": (0.5, 0, dict(pairing=mixups.RandomPairing())),
    "PuzzleMix": (0.5, 0, dict(block_num=16)),
    "SnapMix": (0.75, 0, {}),
}


class Cell(NamedTuple):
    """A mix on the sheet: its pictures, side by side, each as what draws it; and the shares."""

    name: str
    draw: list[Callable[[Axes], None]]
    shares: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    args = parser.parse_args()
    torch.set_num_threads(1)  # the number of threads changes the last digits of the network
    cells = [cell(name) for name in names()]
    for mode, colours in COLOURS.items():
        path = args.out / f"mixes_{mode}.webp"
        draw_sheet(cells, *colours).save(path, quality=84, method=6)
        print(path)


def names() -> list[str]:
    """Of all mixes, in the order of the overview."""
    return re.findall(r"^\| \[(\w+)\]\(", OVERVIEW.read_text(encoding="utf-8"), re.MULTILINE)


def cell(name: str) -> Cell:
    if name in SPECIAL:
        return SPECIAL[name](name)
    lam, seed, options = CHOSEN.get(name, (0.5, 0, {}))
    mix = getattr(mixups, name)(**options)
    guide = WatchedGuide() if mix.needs else None
    mixed = mix_pair(mix, seed, guide, (lam,))
    return Cell(name, [pixels(mixed.images[0])], shares(mixed))


def transmix(name: str) -> Cell:
    """CutMix, lit where the class token looks: there the label comes from."""
    guide = Guide(data.transformer(), attention="qkv", heads=data.Transformer.heads)
    mixed = mix_pair(mixups.TransMix(), CHOSEN["CutMix"][1], guide, CHOSEN["CutMix"][:1])
    labels, seen = attended(guide, mixed)
    side = round(seen.shape[1] ** 0.5)
    attention = seen[:1].view(1, 1, side, side)
    light = torch.nn.functional.interpolate(attention, (data.SIZE, data.SIZE), mode="bilinear")
    lit = mixed.images[0] * (0.3 + 0.7 * (light[0] / light.quantile(0.97)).clamp(0, 1))
    return Cell(name, [pixels(lit)], shares(mixed._replace(labels=labels)))


def manifoldmix(name: str) -> Cell:
    lam, index = torch.tensor([0.5, 0.5]), torch.tensor([1, 0])
    images, stage = data.normalise(torch.stack(data.pair())), data.STAGES[0]
    guide = Guide(data.network(), stages=data.STAGES)
    change = partial(mixing.mix_features, lam=lam, index=index)
    mixed = mixing.mix_later(images, torch.tensor([0, 1]), lam, index)
    with guide.step(mixed._replace(inside=(mixing.Inside(stage, change),))):
        return Cell(name, [maps(features(images, guide)[stage][0])], "50 : 50")


def alignmix(name: str) -> Cell:
    images = data.normalise(torch.stack(data.pair()))
    found = Guide(data.network(), features="stage4").features(images)
    index, keep = torch.tensor([1, 0]), torch.tensor([True, True])
    mixed = mixing.align_features(found, torch.tensor([0.5, 0.5]), index, keep)
    return Cell(name, [maps(mixed[0].mean(0))], "50 : 50")


def regmixup(name: str) -> Cell:
    """The clean image and the mixed one: both are in the batch."""
    mixed = mix_pair(mixups.RegMixup(), lams=(0.56,))
    clean, half = 0, len(mixed.images) // 2
    pictures = [pixels(mixed.images[row]) for row in (clean, half)]
    return Cell(name, pictures, f"{shares(mixed, clean)}   and   {shares(mixed, half)}")


def comixup(name: str) -> Cell:
    """Of four views of the photographs, put together for the whole batch."""
    views = data.normalise(torch.stack(list(data.views().values())))
    photographs = torch.tensor([0, 1, 0, 0])  # trees and roof are of the first
    generator = torch.Generator().manual_seed(0)
    mixed = mixups.CoMixup().mix(views, photographs, generator, WatchedGuide())
    return Cell(name, [pixels(data.denormalise(mixed.images[1]))], shares(mixed, 1))


def randommix(name: str) -> Cell:
    """Four samples, each with a mix of its own."""
    members = [mixups.Mixup(), mixups.CutMix(), mixups.FMix(), mixups.GridMix()]
    mixed = mix_pair(mixups.RandomMix(members, per_sample=True), 13, lams=(0.6,) * 4)
    small = torch.nn.functional.avg_pool2d(mixed.images[:4], 2)
    quarters = torch.cat([torch.cat([*small[:2]], 2), torch.cat([*small[2:]], 2)], 1)
    return Cell(name, [pixels(quarters)], "one at random")


SPECIAL: dict[str, Callable[[str], Cell]] = {
    "TransMix": transmix,
    "ManifoldMix": manifoldmix,
    "AlignMix": alignmix,
    "RegMixup": regmixup,
    "CoMixup": comixup,
    "RandomMix": randommix,
}


def pixels(image: Tensor) -> Callable[[Axes], None]:
    return lambda axis: draw_image(axis, image)


def maps(values: Tensor) -> Callable[[Axes], None]:
    return lambda axis: draw_map(axis, values, "")


def shares(mixed: Mixed, row: int = 0) -> str:
    """Of the pagoda and of the flower in the label, in percent."""
    flower = (mixed.labels.shares[row] * (mixed.labels.classes[row] == 1)).sum().item()
    return f"{100 * (1 - flower):.0f} : {100 * flower:.0f}"


def draw_sheet(cells: list[Cell], ink: str, grey: str) -> Image.Image:
    """The photographs on the left, beside them the mixes in rows."""
    places = sum(len(each.draw) for each in cells)
    columns = -(-places // ROWS)
    step = data.SIZE + GAP
    width, height = LARGE + columns * step, ROWS * (data.SIZE + CAPTION)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="none")
    canvas = FigureCanvasAgg(figure)

    def axis(left: float, top: float, side: int) -> Axes:
        return figure.add_axes(
            (left / width, 1 - (top + side) / height, side / width, side / height)
        )

    def write(left: float, top: float, text: str, size: float, colour: str) -> None:
        at = (left / width, 1 - top / height)
        points = size * 72 / figure.dpi
        figure.text(*at, text, ha="center", fontsize=points, color=colour)

    for row, (image, name) in enumerate(zip(data.pair(LARGE), data.NAMES, strict=True)):
        top = row * (LARGE + CAPTION)
        draw_image(axis(0, top + TOP, LARGE), image)
        write(LARGE / 2, top + LARGE + 24, name, 20, ink)
    at = 0
    for each in cells:
        row, column = divmod(at, columns)
        left, top = LARGE + GAP + column * step, row * (data.SIZE + CAPTION)
        for k, draw in enumerate(each.draw):
            draw(axis(left + k * step, top + TOP, data.SIZE))
        middle = left + (step * len(each.draw) - GAP) / 2
        write(middle, top + data.SIZE + 24, each.name, 20, ink)
        write(middle, top + data.SIZE + 45, each.shares, 17, grey)
        at += len(each.draw)
    canvas.draw()
    rgba = np.asarray(canvas.buffer_rgba()).copy()
    rgba[rgba[..., 3] == 0, :3] = [int(ink[k : k + 2], 16) for k in (1, 3, 5)]  # else a halo
    return Image.fromarray(rgba)


if __name__ == "__main__":
    main()
