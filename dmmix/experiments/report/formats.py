"""Groups as a table in markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from dmmix.experiments.report.comparisons import LEVEL
from dmmix.experiments.report.statistics import TRAINED, Group, seeds_in_order


def as_markdown(groups: Sequence[Group]) -> str:
    """A table whose columns also line up as plain text."""
    axes, compared, corrected, published, trained = _columns(groups)
    header = [*axes, "n", "mean ± sd"]
    header += ["difference (95 %)"] * compared + ["p (Holm)"] * corrected
    header += ["published"] * published + trained
    rows = []
    for group in groups:
        row = [group.axes.get(axis, "") for axis in axes]
        sd = "" if group.deviation is None else f" ± {group.deviation:.2f}"
        row += [str(len(group.values)), f"{group.mean:.2f}{sd}"]
        if compared:
            row.append(_difference(group))
        if corrected:
            row.append(_p(group.p_holm))
        if published:
            row.append("" if group.published is None else f"{group.published:.2f}")
        row += [_number(group.trained.get(name)) for name in trained]
        rows.append(row)
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]
    left = len(axes)

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * w if place < left else "-" * (w - 1) + ":" for place, w in enumerate(widths)]
    notes = dict.fromkeys(group.published_note for group in groups if group.published is not None)
    below = [f"\nPublished: {note}" for note in notes if note]
    return "\n".join([*map(line, [header, rule, *rows]), *below]) + "\n"


def as_csv(groups: Sequence[Group]) -> str:
    """A line for each group; empty where there is no number."""
    records = [_record(group) for group in groups]
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({**record, "seeds": " ".join(record["seeds"])})
    return text.getvalue()


def as_json(groups: Sequence[Group]) -> str:
    """A list of groups, with the value of each seed."""
    records = [{**_record(group), "values": group.values} for group in groups]
    return json.dumps(records, indent=2) + "\n"


#: By the name of the format.
FORMATS = {"md": as_markdown, "csv": as_csv, "json": as_json}


def _columns(groups: Sequence[Group]) -> tuple[list[str], bool, bool, bool, list[str]]:
    axes = list(dict.fromkeys(axis for group in groups for axis in group.axes))
    compared = any(group.difference for group in groups)
    corrected = sum(group.p is not None for group in groups) > 1
    published = any(group.published is not None for group in groups)
    trained = [name for name in TRAINED if any(name in group.trained for group in groups)]
    return axes, compared, corrected, published, trained


def _record(group: Group) -> dict:
    difference = group.difference
    bounds: tuple[float | None, float | None] = (None, None)
    if difference is not None and (half := difference.half_width) is not None:
        bounds = difference.mean - half, difference.mean + half
    return {
        **group.axes,
        "n": len(group.values),
        "seeds": seeds_in_order(group.values),
        "mean": group.mean,
        "deviation": group.deviation,
        "difference": difference and difference.mean,
        "low": bounds[0],
        "high": bounds[1],
        "pairs": difference.n if difference else 0,
        "p": group.p,
        "p_holm": group.p_holm,
        "published": group.published,
        "published_note": None if group.published is None else group.published_note,
        **{name: group.trained.get(name) for name in TRAINED},
    }


def _difference(group: Group) -> str:
    if group.difference is None:
        return ""
    middle, half = group.difference.mean, group.difference.half_width
    if half is None:
        return f"{middle:+.2f}"
    digits = _digits(middle, half)
    return f"{middle:+.{digits}f} ± {half:.{digits}f}"


def _digits(middle: float, half: float) -> int:
    """Decimals, two or more, with which 0 is as far inside or outside of the interval as it is."""

    def excluded(digits: int) -> bool:
        return abs(round(middle, digits)) > round(half, digits)

    outside = abs(middle) > half
    return next((digits for digits in range(2, 6) if excluded(digits) == outside), 2)


def _p(value: float | None) -> str:
    """With three decimals, or as many as keep it on its side of the level."""
    if value is None:
        return ""
    if value < 0.001:
        return "< 0.001"
    shown = (f"{value:.{digits}f}" for digits in range(3, 9))
    return next((s for s in shown if (float(s) < LEVEL) == (value < LEVEL)), str(value))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
