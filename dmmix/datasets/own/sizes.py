"""How large the images of a folder are."""

from __future__ import annotations

import os
from statistics import median

from PIL import Image, UnidentifiedImageError

from dmmix.datasets.images.folder_listing import FolderListing
from dmmix.datasets.images.formats import image_endings


def image_sizes(folder: str, most: int = 100) -> tuple[int, int] | None:
    """Median (height, width), by the heads of at most so many files, spread over all.

    Files that are no images are passed over here: who decodes them tells of them. ``None`` where
    none can be read.
    """
    files = FolderListing(image_endings()).images(folder)
    sizes = []
    for file in files[:: max(1, -(-len(files) // most))]:
        try:
            with Image.open(os.path.join(folder, file)) as image:
                sizes.append(image.size)
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            continue
    if not sizes:
        return None
    widths, heights = zip(*sizes, strict=True)
    return int(median(heights)), int(median(widths))
