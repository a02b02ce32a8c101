"""The lines of a file of labels."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from dmmix.datasets.images.formats import image_endings
from dmmix.datasets.messages import listed
from dmmix.datasets.own.part import NAMES
from dmmix.suggestions import suggestion

_FILE = (
    *("filename", "file", "image", "path", "img", "file_name", "filepath", "file_path"),
    *("image_path", "img_path", "image_name", "image_file", "photo", "picture"),
)
_LABEL = (
    *("label", "class", "labels", "classes", "category", "target", "tag", "tags", "y"),
    *("class_name", "label_name", "classname", "species"),
)
_SPLIT = ("split", "part", "subset", "set", "partition")
_SEVERAL = re.compile("[;|]")
_YES_OR_NO = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_SPLITS = {name: part for part, names in NAMES.items() for name in names}


class Row(NamedTuple):
    """What a line says.

    Attributes:
        line: its number, from 1.
        name: the file, as it says.
        file: its path.
        labels: names of its classes; ``None`` where it says none.
        split: train, val, test or unlabelled.
    """

    line: int
    name: str
    file: str
    labels: tuple[str, ...] | None
    split: str = "train"


class _Columns(NamedTuple):
    file: int
    label: int | None
    split: int | None
    classes: dict[int, str]  # columns of 0 and 1


def read_rows(path: str) -> tuple[list[Row], list[str]]:
    """All lines, and the columns of 0 and 1 that have no 1.

    Raises ValueError, which names the file and the line, where they cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error.reason}): save it as CSV UTF-8") from error
    lines = text.splitlines()
    if not text.strip():
        raise ValueError(f"{path} is empty: it must have a header and a line for each image")
    if path.lower().endswith(".txt") and not _is_header(lines[0]):
        return _pairs(path, lines), []
    return _table(path, text)


def _pairs(path: str, lines: Sequence[str]) -> list[Row]:
    """Lines of ``path label``, mmengine's; no label where there is none of a space."""
    rows = []
    for number, line in enumerate(lines, 1):
        name, _, label = line.strip().rpartition(" ")
        if not name or label.lower().endswith(image_endings()):
            name, label = line.strip(), ""
        if name:
            labels = _names(label) or None
            rows.append(Row(number, name.strip(), _path(path, name.strip()), labels))
    return rows


def _is_header(line: str) -> bool:
    return any(_key(cell) in (*_FILE, *_LABEL) for cell in line.split(_separator(line)))


def _key(cell: str) -> str:
    """The name of a column, however it is written."""
    return re.sub("[ -]", "_", cell.strip().lower())


def _separator(header: str) -> str | None:
    """The one of tab, semicolon and comma that is most often in it."""
    found = {separator: header.count(separator) for separator in ("\t", ";", ",")}
    most = max(found, key=lambda separator: found[separator])
    return most if found[most] else None


def _table(path: str, text: str) -> tuple[list[Row], list[str]]:
    separator = _separator(text.lstrip().partition("\n")[0]) or ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    cells: list[tuple[int, list[str]]] = []
    for line in reader:
        if any(cell.strip() for cell in line):
            cells.append((reader.line_num, [cell.strip() for cell in line]))
    head = cells.pop(0)[1]
    if not cells:
        raise ValueError(f"{path} has a header ({', '.join(head)}) and no lines")
    columns = _columns(path, head, cells[0][1])
    rows = []
    for number, line in cells:
        if len(line) != len(head):
            raise ValueError(
                f"{path}, line {number}: {len(line)} columns, and the header has {len(head)} "
                f"({', '.join(head)}): text with {separator!r} in it goes in quotes"
            )
        rows.append(_row(path, number, line, columns))
    used = {label for row in rows for label in row.labels or ()}
    return rows, [name for name in columns.classes.values() if name not in used]


def _columns(path: str, head: list[str], first: list[str]) -> _Columns:
    names = list(map(_key, head))

    def place(known: Sequence[str]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    file, label, split = place(_FILE), place(_LABEL), place(_SPLIT)
    others = [at for at in range(len(head)) if at not in (file, split)]
    marks = all(cell.lower() in _YES_OR_NO for at, cell in enumerate(first) if at in others)
    if file is not None and label is None and len(others) > 1 and marks:
        if twice := [head[at] for at in others if head.count(head[at]) > 1]:
            raise ValueError(f"{path} has two columns {twice[0]}")
        return _Columns(file, None, split, {at: _name(head[at]) for at in others})
    if file is None or label is None:
        lacking = "files (filename, image, path, ...)"
        if file is not None:
            lacking = "labels (label, class, ...; or one of 0 and 1 for each class)"
        one = "; columns are separated by a comma, semicolon or tab" * (len(head) == 1)
        raise ValueError(
            f"{path}: its first line ({listed(head, 5)}) names no column of {lacking}: it must be "
            f"a header, such as filename,label{one}"
        )
    return _Columns(file, label, split, {})


def _row(path: str, number: int, line: list[str], columns: _Columns) -> Row:
    name = line[columns.file]
    if not name:
        raise ValueError(f"{path}, line {number}: no file")
    split = "train" if columns.split is None else line[columns.split].lower() or "train"
    if split not in _SPLITS:
        raise ValueError(
            f"{path}, line {number}: {split!r} is no part of the data, it must be one of "
            f"{', '.join(NAMES)}{suggestion(split, list(NAMES), most=1)}"
        )
    labels = _names(line[columns.label]) if columns.label is not None else None
    if columns.classes:
        labels = _marked(path, number, line, columns.classes)
    part = _SPLITS[split]
    return Row(number, name, _path(path, name), None if part == "unlabelled" else labels, part)


def _marked(path: str, number: int, line: list[str], classes: dict[int, str]) -> tuple | None:
    """The classes whose column has a 1."""
    cells = {name: line[at].lower() for at, name in classes.items()}
    if not any(cells.values()):
        return None
    for name, cell in cells.items():
        if cell not in _YES_OR_NO:
            raise ValueError(
                f"{path}, line {number}: {cell!r} in the column {name}, which must be 0 or 1"
            )
    return tuple(name for name, cell in cells.items() if _YES_OR_NO[cell])


def _names(cell: str) -> tuple[str, ...] | None:
    """The classes in a cell, each once; ``None`` for an empty one."""
    names = (_name(name) for name in _SEVERAL.split(cell))
    return tuple(dict.fromkeys(name for name in names if name)) or None


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _path(labels_file: str, name: str) -> str:
    """Paths begin at the folder of the file; Windows has other slashes."""
    name = os.path.expanduser(name if os.sep == "\\" else name.replace("\\", "/"))
    return os.path.normpath(os.path.join(os.path.dirname(labels_file), name))
