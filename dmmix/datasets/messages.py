"""What messages say of paths that are not there, of classes, and of long lists."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence

import numpy as np


def near_names(path: str) -> str:
    """``"; did you mean ...?"`` for a path that does not exist, or what of it does.

    An empty string where nothing near is known.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        while folder and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return f"; there is only {folder}"
    near = difflib.get_close_matches(name, sorted(os.listdir(folder)), cutoff=0.5)
    if not near:
        return f"; nothing in {folder} has a name like it"
    return "; did you mean " + " or ".join(repr(os.path.join(folder, n)) for n in near) + "?"


def check_folder(path: str, hint: str = "") -> None:
    """Raises FileNotFoundError, with names near it, for a folder that is not there."""
    if os.path.isfile(path):
        raise FileNotFoundError(f"{path} is a file, and must be a folder{hint}")
    if not os.path.isdir(path):
        raise FileNotFoundError(f"there is no folder {path}{near_names(path)}{hint}")


def listed(names: Sequence, most: int = 3) -> str:
    """``"a, b, c, ..."``: the first of them."""
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")


def named_class(number: int, classes: Sequence | None) -> str:
    """``"3 ('cat')"``, or the number alone where the names are not known."""
    if classes is None or number >= len(classes):
        return str(number)
    return f"{number} ({classes[number]!r})"


def empty_classes(
    labels: np.ndarray, num_classes: int, classes: Sequence | None, what: str, most: int = 3
) -> str:
    """``"1 of 9 classes have no images: 3 ('cat')"``; nothing where each is among the labels."""
    empty = np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0).tolist()
    names = listed([named_class(number, classes) for number in empty], most)
    return f"{len(empty)} of {num_classes} classes have no {what}: {names}" if empty else ""
