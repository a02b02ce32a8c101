"""The parts of a folder of images."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np

from dmmix.datasets.images.folder_listing import FolderListing, class_folders
from dmmix.datasets.images.formats import image_endings
from dmmix.datasets.messages import listed
from dmmix.datasets.own.part import NAMES, Part


def folder_parts(root: str) -> dict[str, Callable[[], Part]]:
    """What makes each part that there is: a folder called so, or all of it is for training.

    Raises ValueError for two folders of one part.
    """
    found = _named(root)
    if not found:
        return {"train": partial(_labelled, root)}
    others = [name for name in class_folders(root) if name not in found.values()]
    beside = f"{len(others)} folders beside it ({listed(others)})" if others else None
    makers: dict[str, Callable[[], Part]] = {}
    for part, name in found.items():
        make = _flat if part == "unlabelled" else _labelled
        makers[part] = partial(
            make, os.path.join(root, name), *([beside] if part == "train" else [])
        )
    return makers


def _named(root: str) -> dict[str, str]:
    """The folder of each part that is there."""
    found: dict[str, str] = {}
    for name in class_folders(root):
        for part, names in NAMES.items():
            if name.lower() not in names:
                continue
            if part in found:
                raise ValueError(
                    f"{root} has both {found[part]} and {name}: which of them is the {part} part? "
                    "Leave one"
                )
            found[part] = name
    return found


def _labelled(folder: str, beside: str | None = None) -> Part:
    listing = FolderListing(image_endings())
    names = class_folders(folder)
    found = [listing.images(os.path.join(folder, name)) for name in names]
    counts = [len(files) for files in found]
    if not any(counts):
        raise ValueError(_no_classes(folder, names))
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        raise ValueError(
            f"{folder}: {len(empty)} of {len(names)} class folders have no images "
            f"({listed(empty)}): put some there, or remove the folders"
        )
    inside = os.path.join(folder, names[0])
    if len(names) == 1 and all(os.sep in name for name in found[0]):
        raise ValueError(
            f"{folder} has one folder alone ({names[0]}), with folders in it: if they are the "
            f"classes or parts, say {inside}"
        )
    listing.outside(folder)
    files = [
        os.path.join(folder, name, file)
        for name, of in zip(names, found, strict=True)
        for file in of
    ]
    # macOS writes an umlaut as two characters.
    classes = tuple(unicodedata.normalize("NFC", name) for name in names)
    if twice := [name for name, count in Counter(classes).items() if count > 1]:
        raise ValueError(
            f"{folder} has two folders {twice[0]}, whose accents are stored in two ways: make them "
            "one"
        )
    labels = np.repeat(np.arange(len(classes)), counts)
    others = " and ".join(each for each in (listing.passed_over(), beside) if each)
    return Part(folder, classes, tuple(files), labels, others or None)


def _no_classes(folder: str, classes: list[str]) -> str:
    flat = FolderListing(image_endings()).images(folder)
    if flat:
        return (
            f"{folder} has {len(flat)} images but no class folders: a label is the name of the "
            f"folder that an image is in, as {os.path.join(folder, 'class_name', flat[0])}"
        )
    inside = f"no images in its {len(classes)} folders" if classes else "neither folders nor images"
    return (
        f"{folder} has {inside} (read are {', '.join(image_endings())}); it must have a folder "
        "for each class, or train, val, test with such folders"
    )


def _flat(folder: str) -> Part:
    listing = FolderListing(image_endings())
    files = [os.path.join(folder, name) for name in listing.images(folder)]
    if not files:
        raise ValueError(
            f"{folder} has no images (read are {', '.join(image_endings())}): put some there, or "
            "remove the folder"
        )
    return Part(folder, (), tuple(files), np.full(len(files), -1), listing.passed_over())
