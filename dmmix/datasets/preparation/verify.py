"""Whether a file is the one that was published, and an unpacked data set whole."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .errors import PreparationError
from .listing import Listing, read_listing
from .progress import bar, watched
from .table import Archive, DataSet

_SHOWN = 5
#: As mmpretrain states them.
_CIFAR = {
    "cifar10": (
        "cifar-10-batches-py",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    "cifar100": (
        "cifar-100-python",
        {
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    ),
}


def check_checksum(path: str, archive: Archive) -> None:
    """Raises PreparationError unless a file has the stated checksum."""
    kind, _, stated = archive.checksum.partition(":")
    with watched(f"checksum of {archive.name}", path) as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != stated:
        size = os.path.getsize(path)
        hint = "is it cut off?" if size < archive.size else "is it another file?"
        raise PreparationError(
            f"{path}: wrong checksum, {kind.upper()} {found} instead of {stated}; it has "
            f"{size:,} bytes of {archive.size:,}: {hint}"
        )


def check(
    data_set: DataSet, root: str, decode: bool = False, checksums: bool = True
) -> tuple[list[str], list[str]]:
    """Looks through an unpacked data set.

    With ``decode``, every image is decoded but CIFAR's, whose files have ``checksums``, which may
    be compared.

    Returns:
        What was found, in lines, and what is wrong, in lines; nothing is wrong if there are none.
    """
    if not os.path.isdir(root):
        return [], [f"there is no folder {root}"]
    if data_set.name in _CIFAR:
        return _check_cifar(data_set, root, checksums)
    try:
        listing = read_listing(data_set.name, root)
    except PreparationError as error:
        return [], [str(error)]
    wrong = [*_counts(data_set, root, listing), *_files(root, listing)]
    if decode and not wrong:
        wrong = _decode(root, listing)
    counts = ", ".join(f"{len(images):,} {split}" for split, images in listing.splits.items())
    return [f"{root}: {counts} images, {len(listing.classes):,} classes"], wrong


def _check_cifar(data_set: DataSet, root: str, checksums: bool) -> tuple[list[str], list[str]]:
    folder, files = _CIFAR[data_set.name]
    wrong = []
    for name, stated in files.items():
        path = os.path.join(root, folder, name)
        if not os.path.isfile(path):
            wrong.append(f"{path} is missing")
        elif checksums and (found := md5(path)) != stated:
            wrong.append(f"{path}: wrong checksum, MD5 {found} instead of {stated}")
    if wrong or not checksums:
        return [f"{root}: {len(files)} files are wanted"], wrong
    counts = ", ".join(f"{count:,} {split}" for split, count in data_set.counts.items())
    return [f"{root}: {counts} images, {data_set.classes} classes"], wrong


def md5(path: str) -> str:
    """Of a file, for those that state no better one."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _counts(data_set: DataSet, root: str, listing: Listing) -> Iterator[str]:
    if len(listing.classes) != data_set.classes:
        yield f"{root}: {len(listing.classes):,} classes, there should be {data_set.classes:,}"
    for split, expected in data_set.counts.items():
        found = len(listing.splits[split])
        if found != expected:
            yield f"{root}: {found:,} {split} images, there should be {expected:,}"
    for split in data_set.counts:
        have = Counter(name for _, name in listing.splits[split])
        empty = [name for name in listing.classes if not have[name]]
        if empty:
            yield (
                f"{root}: no {split} images of {len(empty)} classes: {', '.join(empty[:_SHOWN])}"
                f"{', ...' if len(empty) > _SHOWN else ''}"
            )


def _files(root: str, listing: Listing) -> list[str]:
    """The first of the files that are listed and not there, or empty."""
    wrong, there = [], {}
    for split, images in listing.splits.items():
        missing = []
        for path, _ in images:
            folder, name = path.rsplit("/", 1)
            if folder not in there:
                there[folder] = _sizes(os.path.join(root, folder))
            if not there[folder].get(name):
                missing.append(path)
        if missing:
            more = f", as are {len(missing) - 1:,} more" if len(missing) > 1 else ""
            wrong.append(f"{os.path.join(root, missing[0])} ({split}) is missing or empty{more}")
    return wrong


def _sizes(folder: str) -> dict[str, int]:
    if not os.path.isdir(folder):
        return {}
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}


def _decode(root: str, listing: Listing) -> list[str]:
    paths = [path for images in listing.splits.values() for path, _ in images]
    threads = min(16, os.cpu_count() or 1)
    wrong = []
    with bar("decoding", len(paths), bytes_=False) as advance, ThreadPoolExecutor(threads) as pool:
        for problem in pool.map(lambda path: _damage(os.path.join(root, path)), paths):
            advance(1)
            if problem:
                wrong.append(problem)
    return wrong


def _damage(path: str) -> str | None:
    """Why an image cannot be decoded."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # Pillow raises many kinds for files that are damaged
        return f"{path} is no image or damaged: {error}"
    return None
