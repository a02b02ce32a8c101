"""Which kinds of image files can be read here."""

from __future__ import annotations

import io
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

#: Endings of formats with one picture a file.
_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".tif", ".tiff", ".webp", ".avif", ".jp2", ".gif"),
)


@lru_cache
def image_endings() -> tuple[str, ...]:
    """Endings of the image files that the installed Pillow opens; OpenCV reads some itself."""
    known = Image.registered_extensions()
    return tuple(ending for ending in _ENDINGS if known.get(ending) in Image.OPEN)


@lru_cache
def opencv_reads(kind: str) -> bool:
    """Whether the installed OpenCV decodes files of a format, by Pillow's name for it.

    Tried out with a small one that Pillow makes; a format that Pillow cannot write is taken to be
    one that OpenCV reads.
    """
    small = io.BytesIO()
    try:
        Image.new("RGB", (16, 16)).save(small, kind)
    except (KeyError, OSError, ValueError):
        return True
    set_level = getattr(cv2, "setLogLevel", None)
    level = None if set_level is None else set_level(0)
    try:
        return cv2.imdecode(np.frombuffer(small.getvalue(), np.uint8), cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False
    finally:
        if set_level is not None:
            set_level(level)
