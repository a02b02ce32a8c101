"""The parts of a folder of images: training, validation, test, without labels."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dmmix.datasets.images.folder_listing import FolderListing, class_folders
from dmmix.datasets.images.formats import image_endings
from dmmix.datasets.messages import check_folder, listed

#: What the folder of a part may be called, in lower case; the first is its name here.
_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
    "unlabelled": ("unlabelled", "unlabeled", "no_label", "nolabel"),
}


@dataclass(frozen=True)
class Part:
    """Some of the images.

    Attributes:
        folder: where they are.
        classes: names of the class folders, sorted; empty for images without labels.
        counts: how many images each class has; without labels one number, of all.
        files: all images, below the folder.
        passed_over: what else is there, in a line; ``None`` for nothing.
    """

    folder: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    files: tuple[str, ...]
    passed_over: str | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.files)


@dataclass(frozen=True)
class OwnData:
    """What lies in a folder. A part that is not there is ``None``."""

    train: Part
    val: Part | None = None
    test: Part | None = None
    unlabelled: Part | None = None


def find_parts(root: str) -> OwnData:
    """Looks for the parts of a data set in a folder.

    It has the folders ``train``, ``val``, ``test`` and ``unlabelled`` (or other usual names of
    these), of which only the first is needed; or it has a folder for each class itself, and all its
    images are for training. Those without labels may lie in any folders below theirs.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no class folders, less than two, one without images, or a part twice; the
            message names the folder.
    """
    root = os.path.expanduser(root)
    check_folder(root)
    found = _named(root)
    if "train" not in found:
        if found:
            raise ValueError(
                f"{root} has {', '.join(sorted(found.values()))} but no folder train: put the "
                "training images there, in a folder for each class"
            )
        return OwnData(_labelled(root))
    parts = {
        part: (_flat if part == "unlabelled" else _labelled)(os.path.join(root, name))
        for part, name in found.items()
    }
    return OwnData(**parts)


def _named(root: str) -> dict[str, str]:
    """The folder of each part that is there."""
    found: dict[str, str] = {}
    for name in class_folders(root):
        for part, names in _NAMES.items():
            if name.lower() not in names:
                continue
            if part in found:
                raise ValueError(
                    f"{root} has both {found[part]} and {name}: which of them is the {part} part? "
                    "Leave one"
                )
            found[part] = name
    return found


def _labelled(folder: str) -> Part:
    listing = FolderListing(image_endings())
    classes = class_folders(folder)
    found = [listing.images(os.path.join(folder, name)) for name in classes]
    counts = [len(files) for files in found]
    if not any(counts):
        raise ValueError(_no_classes(folder, classes))
    if len(classes) < 2:
        raise ValueError(
            f"{folder} has one class alone ({classes[0]}): a classifier needs two or more, in a "
            "folder each"
        )
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise ValueError(
            f"{folder}: {len(empty)} of {len(classes)} class folders have no images "
            f"({listed(empty)}): put some there, or remove the folders"
        )
    files = [c + os.sep + file for c, of in zip(classes, found, strict=True) for file in of]
    return Part(folder, tuple(classes), tuple(counts), tuple(files), listing.passed_over())


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
    files = listing.images(folder)
    if not files:
        raise ValueError(
            f"{folder} has no images (read are {', '.join(image_endings())}): put some there, or "
            "remove the folder"
        )
    return Part(folder, (), (len(files),), tuple(files), listing.passed_over())
