"""The parts of a data set whose labels are in a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np

from dmmix.datasets.messages import listed, near_names
from dmmix.datasets.own.part import Part, in_order
from dmmix.datasets.own.rows import Row, read_rows

#: Endings of files of labels.
LABELS_FILES = (".csv", ".tsv", ".txt")


def labels_file_parts(path: str) -> dict[str, Callable[[], Part]]:
    """What makes each part that a file of labels has.

    A line without a label is one of the part ``unlabelled``. Where a line has several labels, an
    image of this file may have several.

    Raises:
        ValueError: no header, no lines, a file that is not there or has two labels, ...; the
            message names the file, and the line where there is one.
    """
    rows, unused = read_rows(path)
    parts: dict[str, list[Row]] = {}
    nameless: Counter[str] = Counter()
    for row in _once(path, rows):
        if row.labels is None and row.split in ("val", "test"):
            nameless[row.split] += 1  # to be learned from by no method
            continue
        parts.setdefault("unlabelled" if row.labels is None else row.split, []).append(row)
    doubled = len(rows) - sum(map(len, parts.values())) - nameless.total()
    told = [f"{count} lines of {split} without a label" for split, count in nameless.items()]
    told += [f"{doubled} lines that are there before"] if doubled else []
    told += [f"{len(unused)} columns without a single 1 ({listed(unused)})"] if unused else []
    if not parts:
        raise ValueError(f"{path}: no line has a label")
    _check_files(path, rows)
    multi = any(row.labels is not None and len(row.labels) != 1 for row in rows)
    return {
        name: partial(_part, path, found, multi and name != "unlabelled", told)
        for name, found in parts.items()
    }


def _part(path: str, rows: list[Row], multi: bool, told: list[str]) -> Part:
    classes = in_order(label for row in rows for label in row.labels or ())
    number = {name: place for place, name in enumerate(classes)}
    if multi:
        labels = np.zeros((len(rows), len(classes)), dtype=np.int64)
        for at, row in enumerate(rows):
            labels[at, [number[label] for label in row.labels or ()]] = 1
    else:
        labels = np.array([number[row.labels[0]] if row.labels else -1 for row in rows])
    where = path if rows[0].split == "train" else f"{path} ({rows[0].split})"
    return Part(where, classes, tuple(row.file for row in rows), labels, " and ".join(told) or None)


def _once(path: str, rows: list[Row]) -> list[Row]:
    """Each file once; a ValueError where two lines disagree about it."""
    first: dict[str, Row] = {}
    for row in rows:
        known = first.setdefault(row.file, row)
        if known.split != row.split:
            raise ValueError(
                f"{path}: {row.name} is in {known.split} (line {known.line}) and in {row.split} "
                f"(line {row.line}): leave one"
            )
        if known.labels != row.labels:
            one, other = (", ".join(labels or ["none"]) for labels in (known.labels, row.labels))
            raise ValueError(
                f"{path}: {row.name} has the label {one} (line {known.line}) and {other} (line "
                f"{row.line}): leave one; several labels of an image go into one cell, as cat;dog"
            )
    return list(first.values())


def _check_files(path: str, rows: list[Row]) -> None:
    missing = [row for row in rows if not os.path.isfile(row.file)]
    if not missing:
        return
    first, folder = missing[0], os.path.dirname(path) or "."
    where = [
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and os.path.isfile(os.path.join(entry.path, first.name))
    ]
    if where:
        hint = f"; it is in the folder {where[0]}: write {os.path.join(where[0], first.name)}"
    else:
        hint = f"; paths begin at {folder}{near_names(first.file)}"
    raise ValueError(
        f"{path}: {len(missing)} of {len(rows)} files are not there, the first is {first.name} "
        f"(line {first.line}){hint}"
    )
