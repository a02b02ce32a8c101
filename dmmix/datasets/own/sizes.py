"""How large the images of a part are."""

from __future__ import annotations

from statistics import median

from PIL import Image, UnidentifiedImageError

from dmmix.datasets.own.part import Part


def image_size(part: Part, most: int = 100) -> tuple[int, int] | None:
    """Median (height, width), by the heads of at most so many files, spread over all.

    Files that are no images are passed over here: who decodes them tells of them. ``None`` where
    none can be read.
    """
    sizes = []
    for file in part.files[:: max(1, -(-len(part.files) // most))]:
        try:
            with Image.open(file) as image:
                sizes.append(image.size)
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            continue
    if not sizes:
        return None
    widths, heights = zip(*sizes, strict=True)
    return int(median(heights)), int(median(widths))
