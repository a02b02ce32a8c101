"""Training curves: mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

#: Okabe and Ito's colours: told apart with any colour vision, and in grey by their order.
_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
_DASHES = ["-", "--", "-.", ":"]
#: What fits side by side below a panel.
_LETTERS = 63


class Curve(NamedTuple):
    """One quantity of one run against the epoch."""

    epochs: Sequence[float]
    values: Sequence[float]


def draw_curves(
    path: str | Path, panels: Mapping[str, Mapping[str, Sequence[Curve]]], title: str = ""
) -> None:
    """Draws a panel for each quantity, and writes a picture.

    Args:
        path: file to write, .png, .svg or .pdf.
        panels: by quantity (the label of the axis), by method, the curves of its seeds. Seeds
            of a method are drawn as their mean, with a band from the lowest to the highest.
        title: line on top.
    """
    figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    methods = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    for axis, (quantity, panel) in zip(axes, panels.items(), strict=True):
        for name, curves in panel.items():
            place = methods.index(name)
            _band(axis, name, curves, _COLOURS[place % 7], _DASHES[place % 4])
        axis.set_xlabel("epoch")
        axis.set_ylabel(quantity)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    room = _LETTERS * len(panels) // (max(map(len, labels)) + 6)  # 6: line and spaces
    columns = max(1, min(len(labels), room))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _band(axis: Axes, name: str, curves: Sequence[Curve], colour: str, dash: str) -> None:
    epochs = np.asarray(curves[0].epochs, dtype=float)
    length = min(len(curve.values) for curve in curves)
    values = np.array([curve.values[:length] for curve in curves], dtype=float)
    axis.plot(epochs[:length], values.mean(axis=0), dash, color=colour, label=name, linewidth=1.8)
    if len(curves) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axis.fill_between(epochs[:length], low, high, color=colour, alpha=0.15, linewidth=0)
