"""Mixed samples, each under its labels and their shares, with the mask that made it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from dmmix.functional import Mixed, as_mixed_labels

_INCH = 1.15
_LETTERS = 15  # of a note, in an inch
_MASK = 0.55  # side of a mask, as a part of that of an image
_LINES = 3  # of a caption
# Okabe and Ito's blue and orange: told apart with any colour vision, and unlike most pictures.
_SECOND, _FIRST = "#E69F00", "#0072B2"
_SHARES = LinearSegmentedColormap.from_list("share", [_SECOND, "#F4F4F4", _FIRST])


def draw_gallery(
    path: str | Path,
    images: Tensor,
    rows: Sequence[tuple[str, Mixed]],
    class_names: Sequence[str],
    title: str = "",
    *,
    labels: Tensor | None = None,
    masks: bool = False,
    notes: Sequence[str] = (),
) -> None:
    """Draws one row of originals and one row for each mix, and writes a PNG.

    Args:
        path: file to write.
        images: (N, ch, H, W) originals in [0, 1]; ch is 1 or 3.
        rows: name of the mix, and what it made of ``images`` with plain (N,) labels. Where that
            is more than N samples, they go on in a further row.
        class_names: name of each class.
        title: line on top.
        labels: (N,) classes of the originals, to be written over them.
        masks: draw the mask under each mixed image, the share of the first one at each pixel.
        notes: lines at the bottom.
    """
    count = images.shape[0]
    rows = [part for name, mixed in rows for part in _parts(name, mixed, count)]
    heights = [1.0]
    for _, mixed in rows:
        heights += [1.0, _MASK] if masks and mixed.mask is not None else [1.0]
    if masks:
        notes = [_legend([mixed for _, mixed in rows]), *notes]
    width = _INCH * count + 1.0
    notes = [line for note in notes for line in textwrap.wrap(note, int(_LETTERS * width))]
    # Not pyplot: a figure of its own needs no display and leaves global settings alone.
    extra = 0.18 * len(notes)
    figure = Figure(
        figsize=(width, _INCH * sum(heights) + 0.42 * (len(rows) + 1) + 0.4 + extra),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        len(heights), count, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    names = [] if labels is None else [class_names[label] for label in labels.tolist()]
    captions = [
        [_caption(mixed, k, class_names) for k in range(len(mixed.images))] for _, mixed in rows
    ]
    size = _font_size([*names, *(caption for row in captions for caption in row)])
    for column in range(count):
        draw_image(axes[0, column], images[column])
        if names:
            axes[0, column].set_title(names[column], fontsize=size, pad=3)
    axes[0, 0].set_ylabel("original", fontsize=10)
    at = 1
    for (name, mixed), row in zip(rows, captions, strict=True):
        axes[at, 0].set_ylabel(name, fontsize=10)
        masked = masks and mixed.mask is not None
        for column in range(count):
            _sample(axes[at : at + 1 + masked, column], mixed, column, row, size)
        at += 1 + masked
    if title:
        figure.suptitle(title, fontsize=11)
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=8, x=0.01, ha="left")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def draw_image(axis: Axes, image: Tensor) -> None:
    """A (ch, H, W) image in [0, 1] and nothing around it."""
    pixels = image.detach().float().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
    if pixels.shape[2] == 1:
        axis.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axis.imshow(pixels, interpolation="nearest")
    _bare(axis)


def draw_mask(axis: Axes, mask: Tensor, size: tuple[int, ...]) -> None:
    """The share of the first image at each pixel of an image of this size: blue is all of it,
    orange all of the second."""
    share = mask.detach().float().cpu().reshape(mask.shape[-2:]).expand(size)
    axis.imshow(share.numpy(), cmap=_SHARES, vmin=0, vmax=1, interpolation="nearest")
    _bare(axis)


def _parts(name: str, mixed: Mixed, count: int) -> list[tuple[str, Mixed]]:
    """Of a mix that returned more samples than it was given, pieces of ``count``."""
    if len(mixed.images) <= count:
        return [(name, mixed)]
    pieces = []
    for start in range(0, len(mixed.images), count):
        rows = slice(start, start + count)
        pieces.append(
            mixed._replace(
                images=mixed.images[rows],
                labels=mixed.labels[rows],
                index=mixed.index[rows],
                mask=None if mixed.mask is None else mixed.mask[rows],
            )
        )
    return [(f"{name} {k}", piece) for k, piece in enumerate(pieces, start=1)]


def _sample(
    axes: np.ndarray, mixed: Mixed, column: int, captions: Sequence[str], size: float
) -> None:
    if column >= len(captions):
        for axis in axes:
            axis.set_axis_off()
        return
    draw_image(axes[0], mixed.images[column])
    axes[0].set_title(captions[column], fontsize=size, pad=3)
    if len(axes) > 1:
        draw_mask(axes[1], mixed.mask[column, :1], mixed.images.shape[-2:])


def _legend(mixes: Sequence[Mixed]) -> str:
    several = any(as_mixed_labels(mixed.labels).classes.shape[1] > 2 for mixed in mixes)
    first = "the original above" + (" (of more than two: the largest)" if several else "")
    return f"Masks: blue is {first}, orange is what it was mixed with."


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _font_size(captions: Sequence[str]) -> float:
    """So that the longest line is no wider than an image."""
    longest = max((len(line) for text in captions for line in text.split("\n")), default=0)
    return 8.0 if longest <= 17 else max(5.0, 8.0 * 17 / longest)


def _caption(mixed: Mixed, row: int, class_names: Sequence[str]) -> str:
    """One line a class, largest share first; both images of one class are one line."""
    shares: dict[int, float] = {}
    labels = as_mixed_labels(mixed.labels)
    classes = labels.classes[row].tolist()
    for label, share in zip(classes, labels.shares[row].tolist(), strict=True):
        shares[label] = shares.get(label, 0.0) + share
    order = [label for label in sorted(shares, key=lambda k: -shares[k]) if shares[label] > 0]
    lines = [f"{class_names[label]}: {_percent(shares[label])} %" for label in order]
    if len(lines) > _LINES:
        rest = order[_LINES - 1 :]
        lines[_LINES - 1 :] = [f"{len(rest)} more: {_percent(sum(shares[k] for k in rest))} %"]
    return "\n".join(lines if len(lines) > 1 else [*lines, ""])


def _percent(share: float) -> str:
    return f"{np.round(100 * share):.0f}"
