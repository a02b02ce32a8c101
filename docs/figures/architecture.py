"""Draws docs/figures/architecture.svg: the floors of the package and a batch's way through a step.

    python docs/figures/architecture.py [OUT.svg]

The floors are those of the import contract in pyproject.toml. All text stands on colours of its
own, so the picture goes with a light page and with a dark one.
"""

from __future__ import annotations

import itertools
import sys
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
#: What happens to a batch, in order: the room, and two lines on what is done there.
STEPS = (
    ("engine", "the loop asks", "for a batch"),
    ("datasets", "images and labels", "are gathered"),
    ("models", "to the device,", "augmented"),
    ("mixups", "the mix draws,", "asks the network"),
    ("functional", "images and labels", "are mixed"),
    ("models", "network: logits", "of mixed images"),
    ("functional", "the loss of logits", "and mixed labels"),
    ("engine", "backward pass,", "update"),
)
#: What is on a floor that no batch comes by: by one of its rooms, which has to be there.
NOTES = {
    "cli": "the command dmmix and its verbs",
    "experiments": "sweeps, what runs leave, reports; the paper's settings and numbers",
    "registry": "names in configs, and what they build",
    "arguments": "values in configs, checked where things are built",
    "compat": "safe checkpoints; checks for any mix",
}
WIDTH, HEIGHT, GAP, LEFT = 1000, 56, 8, 16
BOX, BOX_HEIGHT, FIRST, STRIDE = 150, 44, 288, 80
FLOOR, PALE, INK, PAPER, ARROW = "#3d566e", "#cfdae4", "#1f2328", "#fbe3c4", "#e69f00"


def floors(pyproject: Path = HERE.parents[1] / "pyproject.toml") -> list[list[str]]:
    """From top to bottom, the rooms of each floor; a room may import those below."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]
    # Those with containers are of the inside of a room.
    (layers,) = [
        each["layers"]
        for each in contracts["contracts"]
        if each["type"] == "layers" and "containers" not in each
    ]
    return [[room.strip().removeprefix("dmmix.") for room in floor.split("|")] for floor in layers]


def draw() -> str:
    rows = {room: row for row, rooms in enumerate(floors()) for room in rooms}
    height = len(floors()) * (HEIGHT + GAP) - GAP
    places = [
        (FIRST + k * STRIDE, rows[room] * (HEIGHT + GAP) + (HEIGHT - BOX_HEIGHT) / 2)
        for k, (room, *_) in enumerate(STEPS)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        f'  width="{WIDTH}" height="{height}" font-family="Helvetica, Arial, sans-serif">',
        "<title>The floors of dmmix, and a batch's way through a training step</title>",
        *(_floor(row, rooms) for row, rooms in enumerate(floors())),
        *(_note(rows[room], note) for room, note in NOTES.items()),
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5"',
        f'  orient="auto"><path d="M0 0 8 4 0 8z" fill="{ARROW}"/></marker>',
        *(_arrow(*pair) for pair in itertools.pairwise(places)),
        *(
            _step(k, *place, *lines)
            for k, (place, (_, *lines)) in enumerate(zip(places, STEPS, strict=True), start=1)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _floor(row: int, rooms: list[str]) -> str:
    top = row * (HEIGHT + GAP)
    names = escape(" \u00b7 ".join(rooms))
    return (
        f'<rect x="0" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{FLOOR}"/>\n'
        f'<text x="{LEFT}" y="{top + HEIGHT / 2 + 5}" font-size="15" fill="#fff">{names}</text>'
    )


def _note(row: int, note: str) -> str:
    y = row * (HEIGHT + GAP) + HEIGHT / 2 + 5
    return f'<text x="{FIRST}" y="{y:g}" font-size="13" fill="{PALE}">{escape(note)}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Up or down, where the one box stands above the other."""
    down = end[1] > start[1]
    x = (start[0] + BOX + end[0]) / 2
    y1, y2 = start[1] + (BOX_HEIGHT if down else 0), end[1] + (0 if down else BOX_HEIGHT)
    return (
        f'<path d="M{x:g} {y1:g}V{y2:g}" stroke="{ARROW}" stroke-width="2.5" '
        'marker-end="url(#head)"/>'
    )


def _step(number: int, x: float, y: float, first: str, second: str) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{BOX_HEIGHT}" rx="5" fill="{PAPER}"/>\n'
        f'<text x="{x + 8:g}" y="{y + 28:g}" font-size="18" fill="{INK}">{number}</text>\n'
        f'<text x="{x + 25:g}" y="{y + 19:g}" font-size="13" fill="{INK}">{escape(first)}</text>\n'
        f'<text x="{x + 25:g}" y="{y + 35:g}" font-size="13" fill="{INK}">{escape(second)}</text>'
    )


if __name__ == "__main__":
    out = Path(sys.argv[1]) if sys.argv[1:] else HERE / "architecture.svg"
    out.write_text(draw(), encoding="utf-8")
    print(out)
