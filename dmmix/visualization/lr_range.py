"""The picture of a learning-rate range test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw_lr_range(
    path: str | Path,
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float | None,
) -> None:
    """Draws the loss against the learning rate, and writes a picture.

    Args:
        path: file to write.
        rates: learning rates, drawn by their logarithm.
        losses: a loss each, drawn pale.
        smoothed: the same, smoothed.
        suggestion: a rate that is marked.
    """
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot(rates, losses, color="#0072B2", alpha=0.3, label="loss")
    axis.plot(rates, smoothed, color="#0072B2", linewidth=1.8, label="smoothed")
    if suggestion is not None:
        label = f"suggested: {suggestion:.2g}"
        axis.axvline(suggestion, color="#D55E00", linestyle="--", label=label)
    # What comes before an explosion is what there is to see.
    axis.set_ylim(top=min(max(losses), 2 * max(smoothed[0], losses[0])) * 1.05)
    axis.set_xscale("log")
    axis.set_xlabel("learning rate")
    axis.set_ylabel("loss")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)
