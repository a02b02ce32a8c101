"""Mixed samples, each under its two labels and their shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from dmmix.functional import Mixed

__all__ = ["draw_gallery"]

_INCH = 1.15


def draw_gallery(
    path: str | Path,
    images: Tensor,
    rows: Sequence[tuple[str, Mixed]],
    class_names: Sequence[str],
    title: str = "",
) -> None:
    """Draws one row of originals and one row for each mix, and writes a PNG.

    Args:
        path: file to write.
        images: (N, ch, H, W) originals in [0, 1]; ch is 1 or 3.
        rows: name of the mix, and what it made of ``images`` with plain (N,) labels.
        class_names: name of each class.
        title: line on top.
    """
    count = images.shape[0]
    # Not pyplot: a figure of its own needs no display and leaves global settings alone.
    figure = Figure(
        figsize=(_INCH * count + 1.0, (_INCH + 0.42) * (len(rows) + 1) + 0.4),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows) + 1, count, squeeze=False)
    for column in range(count):
        _show(axes[0, column], images[column])
    for row, (_, mixed) in enumerate(rows, start=1):
        for column in range(count):
            axis = axes[row, column]
            _show(axis, mixed.images[column])
            axis.set_title(_caption(mixed, column, class_names), fontsize=8, pad=3)
    for row, name in enumerate(["original", *(name for name, _ in rows)]):
        axes[row, 0].set_ylabel(name, fontsize=10)
    if title:
        figure.suptitle(title, fontsize=11)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _show(axis, image: Tensor) -> None:
    pixels = image.detach().float().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
    if pixels.shape[2] == 1:
        axis.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axis.imshow(pixels, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _caption(mixed: Mixed, row: int, class_names: Sequence[str]) -> str:
    """One line a class, largest share first; both images of one class are one line."""
    shares: dict[int, float] = {}
    classes = mixed.labels.classes[row].tolist()
    for label, share in zip(classes, mixed.labels.shares[row].tolist(), strict=True):
        shares[label] = shares.get(label, 0.0) + share
    order = sorted(shares, key=lambda label: -shares[label])
    lines = [
        f"{class_names[label]}: {np.round(100 * shares[label]):.0f} %"
        for label in order
        if shares[label] > 0
    ]
    return "\n".join(lines if len(lines) > 1 else [*lines, ""])
