"""FolderListing: what pathlib would find, and what is passed over."""

from pathlib import Path

import numpy as np
import pytest

from dmmix.datasets.images.folder_listing import FolderListing

ENDINGS = (".jpg", ".png")
NAMES = ("a.jpg", "B.JPG", "c.png", "d.txt", "e", ".hidden.jpg", "f.jpg.bak", "ä ö.png")


def grow(folder, rng, depth=2):
    """Files, folders and links; some of these lead nowhere, some to a folder above."""
    folder.mkdir()
    for name in NAMES:
        if rng.random() < 0.4:
            (folder / name).touch()
    for name in ("sub", "sub.jpg", ".hidden", "z"):
        if depth and rng.random() < 0.5:
            grow(folder / name, rng, depth - 1)
    targets = {"up.jpg": "..", "here": ".", "gone.jpg": "nowhere.jpg", "away": "nowhere"}
    for name, target in targets.items():
        if rng.random() < 0.3:
            (folder / name).symlink_to(target)


def slowly(folder, above=()):
    """Images, endings of others, and broken links, by pathlib."""
    images, others, broken = [], [], []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.resolve() not in (*above, folder.resolve()):
                inner = slowly(path, (*above, folder.resolve()))
                images += [Path(path.name, image) for image in inner[0]]
                others += inner[1]
                broken += inner[2]
        elif not path.exists():
            broken.append(path)
        elif path.suffix.lower() in ENDINGS:
            images.append(Path(path.name))
        else:
            others.append(path.suffix)
    return images, others, broken


@pytest.mark.parametrize("seed", range(12))
def test_it_finds_what_pathlib_does(tmp_path, seed):
    root = tmp_path / "root"
    grow(root, np.random.default_rng(seed))
    listing = FolderListing(ENDINGS)
    images, others, broken = slowly(root)
    assert listing.images(str(root)) == sorted(map(str, images))
    said = listing.passed_over() or ""
    assert (f"{len(others)} files with other endings" in said) == bool(others)
    assert (f"{len(broken)} broken links" in said) == bool(broken)
