"""Draws docs/figures/semi/*.png: what goes where in a step of each semi-supervised method.

    python docs/figures/semi.py [METHOD ...] [--out FOLDER]

Boxes stand in columns: images, their views, what the network makes of them, targets, losses. A
dashed arrow carries no gradient.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

HERE = Path(__file__).resolve().parent / "semi"
# Of Okabe and Ito: labelled, unlabelled, network, target, loss.
COLOURS = {"l": "#CDE7F5", "u": "#FBE3C4", "n": "#ECECEC", "t": "#D5EFE3", "x": "#F6D9E6"}
COLUMN, ROW, WIDTH, HEIGHT = 2.75, 0.95, 2.2, 0.62


@dataclass(frozen=True)
class Flow:
    """Boxes by name: (column, row, kind, text); arrows (from, to), dashed without a gradient."""

    boxes: dict[str, tuple[float, float, str, str]]
    arrows: tuple[tuple[str, str], ...]
    dashed: tuple[tuple[str, str], ...] = ()


X = (0, 0, "l", "labelled\nimage, label")
XW = (1, 0, "l", "weak view")
PX = (2, 0, "n", "prediction")
CE = (4, 0, "x", "cross entropy\nwith the label")
SUPERVISED = (("x", "xw"), ("xw", "px"), ("px", "ce"))


def _flow(boxes: dict, arrows: tuple, dashed: tuple = ()) -> Flow:
    first = {"x": X, "xw": XW, "px": PX, "ce": CE}
    return Flow({**first, **boxes}, SUPERVISED + arrows, dashed)


U = (0, 1.5, "u", "unlabelled\nimage")
STRONG = {
    "u": U,
    "w": (1, 1, "u", "weak view"),
    "s": (1, 2, "u", "strong view"),
    "pw": (2, 1, "n", "prediction"),
    "ps": (2, 2, "n", "prediction"),
}
STRONG_ARROWS = (("u", "w"), ("u", "s"), ("w", "pw"), ("s", "ps"), ("ps", "loss"))
STRONG_DASHED = (("pw", "t"), ("t", "loss"))
TWO = {
    "u": U,
    "w": (1, 1, "u", "weak view"),
    "s": (1, 2, "u", "another\nweak view"),
    "pw": (2, 1, "n", "prediction"),
}

FLOWS = {
    "pseudolabel": _flow(
        {
            "u": (0, 1, "u", "unlabelled\nimage"),
            "w": (1, 1, "u", "weak view"),
            "pw": (2, 1, "n", "prediction"),
            "t": (3, 1.6, "t", "its class,\nwhere sure"),
            "loss": (4, 1, "x", "cross entropy"),
        },
        (("u", "w"), ("w", "pw"), ("pw", "loss")),
        (("pw", "t"), ("t", "loss")),
    ),
    "pimodel": _flow(
        {
            **TWO,
            "ps": (2, 2, "n", "prediction"),
            "loss": (4, 1.5, "x", "squared\ndifference"),
        },
        (("u", "w"), ("u", "s"), ("w", "pw"), ("s", "ps"), ("pw", "loss"), ("ps", "loss")),
    ),
    "meanteacher": _flow(
        {
            **TWO,
            "ps": (2, 2, "t", "prediction of\nthe teacher"),
            "ema": (3, 2.6, "t", "moving average\nof the network"),
            "loss": (4, 1.5, "x", "squared\ndifference"),
        },
        (("u", "w"), ("u", "s"), ("w", "pw"), ("pw", "loss")),
        (("s", "ps"), ("ps", "loss"), ("ema", "ps")),
    ),
    "fixmatch": _flow(
        {
            **STRONG,
            "t": (3, 1, "t", "its class,\nif above $\\tau$"),
            "loss": (4, 1.5, "x", "cross entropy"),
        },
        STRONG_ARROWS,
        STRONG_DASHED,
    ),
    "flexmatch": _flow(
        {
            **STRONG,
            "t": (3, 1, "t", "its class $c$,\nif above $\\tau_c$"),
            "m": (3, 2.8, "t", "how much of $c$\nis learned: $\\tau_c$"),
            "loss": (4, 1.5, "x", "cross entropy"),
        },
        STRONG_ARROWS,
        (*STRONG_DASHED, ("m", "t")),
    ),
    "uda": _flow(
        {
            **STRONG,
            "t": (3, 1, "t", "sharpened,\nif above $\\tau$"),
            "loss": (4, 1.5, "x", "KL divergence"),
        },
        STRONG_ARROWS,
        STRONG_DASHED,
    ),
    "mixmatch": Flow(
        {
            "x": X,
            "xw": XW,
            "u": (0, 1.5, "u", "unlabelled\nimage"),
            "w": (1, 1, "u", "weak view"),
            "s": (1, 2, "u", "another\nweak view"),
            "t": (2, 2.4, "t", "mean prediction,\nsharpened"),
            "m": (2, 0.8, "n", "all mixed\nwith all"),
            "px": (3, 0.3, "n", "predictions of\nmixed labelled"),
            "pu": (3, 1.3, "n", "predictions of\nmixed unlabelled"),
            "ce": (4, 0.3, "x", "cross entropy"),
            "loss": (4, 1.3, "x", "squared\ndifference"),
        },
        (
            ("x", "xw"), ("xw", "m"), ("u", "w"), ("u", "s"), ("w", "m"), ("s", "m"),
            ("m", "px"), ("m", "pu"), ("px", "ce"), ("pu", "loss"),
        ),
        (("w", "t"), ("s", "t"), ("t", "m")),
    ),
    "remixmatch": Flow(
        {
            "x": X,
            "xw": (1, 0, "l", "strong view"),
            "u": (0, 2, "u", "unlabelled\nimage"),
            "w": (1, 1, "u", "weak view"),
            "s": (1, 2.5, "u", "strong views"),
            "r": (1, 3.5, "u", "first strong\nview, turned"),
            "t": (2, 1.35, "t", "prediction,\naligned, sharpened"),
            "m": (2, 0.25, "n", "all mixed\nwith all"),
            "ce": (4, 0.25, "x", "cross entropies"),
            "pm": (3, 0.25, "n", "predictions"),
            "ps": (3, 2.5, "n", "prediction,\nfirst strong view"),
            "pr": (3, 3.5, "n", "which way up?"),
            "loss": (4, 2.5, "x", "cross entropy"),
            "lr": (4, 3.5, "x", "cross entropy"),
        },
        (
            ("x", "xw"), ("xw", "m"), ("u", "w"), ("u", "s"), ("u", "r"), ("w", "m"), ("s", "m"),
            ("m", "pm"), ("pm", "ce"), ("r", "pr"), ("s", "ps"), ("pr", "lr"), ("ps", "loss"),
        ),
        (("w", "t"), ("t", "loss"), ("t", "m")),
    ),
    "supervised": _flow({}, ()),
    "bss": _flow(
        {
            "f": (2, 1, "n", "features of\nthe batch"),
            "loss": (4, 1, "x", "smallest singular\nvalues, squared"),
        },
        (("xw", "f"), ("f", "loss")),
    ),
    "cotuning": _flow(
        {
            "o": (2, 1, "n", "prediction of\nold classes"),
            "t": (1, 1.9, "t", "old classes that the\nlabel looks like"),
            "loss": (4, 1, "x", "cross entropy"),
        },
        (("xw", "o"), ("o", "loss")),
        (("x", "t"), ("t", "loss")),
    ),
    "selftuning": Flow(
        {
            "x": X,
            "xw": (1, 0, "l", "strong view"),
            "px": (2, 0, "n", "prediction"),
            "ce": (4, 0, "x", "cross entropy\nwith the label"),
            "u": (0, 2, "u", "unlabelled\nimage"),
            "us": (1, 2, "u", "strong view"),
            "pu": (2, 2, "t", "pseudo-label"),
            "q": (2, 1, "n", "queries"),
            "k": (2, 3, "t", "keys of the\nmoving average"),
            "v": (1, 3, "u", "another view\nof each"),
            "m": (3, 2.5, "t", "keys by class,\nwith earlier ones"),
            "loss": (4, 1.5, "x", "contrast of\ngroups"),
        },
        (
            ("x", "xw"), ("xw", "px"), ("px", "ce"), ("u", "us"), ("us", "q"), ("xw", "q"),
            ("q", "loss"), ("u", "v"),
        ),
        (("us", "pu"), ("pu", "loss"), ("v", "k"), ("k", "m"), ("m", "loss")),
    ),
    "stream_mix": Flow(
        {
            "x": X,
            "u": (0, 1, "u", "unlabelled image,\npseudo-label"),
            "m": (1, 0.5, "n", "mixed, the\nunlabelled more"),
            "p": (2, 0.5, "n", "prediction"),
            "ce": (3.2, 0, "x", "mixup cross\nentropy, both"),
            "dm": (3.2, 1, "x", "decoupled term,\nlabelled class"),
        },
        (("x", "m"), ("u", "m"), ("m", "p"), ("p", "ce"), ("p", "dm")),
    ),
}  # fmt: skip


def draw(flow: Flow, path: Path) -> None:
    """One picture."""
    columns = [box[0] for box in flow.boxes.values()]
    rows = [box[1] for box in flow.boxes.values()]
    width = max(columns) * COLUMN + WIDTH
    height = max(rows) * ROW + HEIGHT
    figure, axes = plt.subplots(figsize=(width * 0.82, height * 0.82))
    axes.set_xlim(-WIDTH / 2 - 0.1, max(columns) * COLUMN + WIDTH / 2 + 0.1)
    axes.set_ylim(max(rows) * ROW + HEIGHT / 2 + 0.1, -HEIGHT / 2 - 0.1)
    axes.set_aspect("equal")
    axes.axis("off")
    for column, row, kind, text in flow.boxes.values():
        x, y = column * COLUMN, row * ROW
        axes.add_patch(
            FancyBboxPatch(
                (x - WIDTH / 2, y - HEIGHT / 2),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor=COLOURS[kind],
                edgecolor="#555555",
                linewidth=0.8,
            )
        )
        axes.text(x, y, text, ha="center", va="center", fontsize=9)
    for pairs, style in ((flow.arrows, "-"), (flow.dashed, (0, (3, 2)))):
        for start, end in pairs:
            axes.add_patch(_arrow(flow.boxes[start], flow.boxes[end], style))
    figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _arrow(start: tuple, end: tuple, style: object) -> FancyArrowPatch:
    x0, y0, x1, y1 = start[0] * COLUMN, start[1] * ROW, end[0] * COLUMN, end[1] * ROW
    if x0 == x1:  # within a column
        side = 1 if y1 > y0 else -1
        ends = (x0, y0 + side * HEIGHT / 2), (x1, y1 - side * HEIGHT / 2)
    else:
        side = 1 if x1 > x0 else -1
        ends = (x0 + side * WIDTH / 2, y0), (x1 - side * WIDTH / 2, y1)
    return FancyArrowPatch(
        *ends,
        arrowstyle="-|>",
        mutation_scale=10,
        linewidth=1.0,
        linestyle=style,
        color="#333333",
        shrinkA=1,
        shrinkB=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of the semi-supervised methods")
    parser.add_argument("methods", nargs="*", help=f"default: {' '.join(FLOWS)}")
    parser.add_argument("--out", type=Path, default=HERE, help="folder")
    args = parser.parse_args()
    for name in args.methods:
        if name not in FLOWS:
            parser.error(f"no method {name!r}; there are {', '.join(FLOWS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.methods or FLOWS:
        draw(FLOWS[name], args.out / f"{name}.png")
        print(args.out / f"{name}.png")


if __name__ == "__main__":
    main()
