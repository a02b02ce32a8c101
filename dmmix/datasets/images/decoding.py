"""Image files to arrays, large JPEGs at a fraction of their size."""

from __future__ import annotations

import io
import re
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from PIL import Image, UnidentifiedImageError

from dmmix.datasets.images.formats import opencv_reads
from dmmix.datasets.images.jpeg_header import jpeg_size

_ORIENTATION = 0x0112  # tag of EXIF
_BITS_PER_SAMPLE = 258  # tag of TIFF
_DARK = 14  # bits of 16
_TOLD: list[str] = []  # the one that was warned of
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
#: RGB from the decoder of JPEGs is there from OpenCV 4.11 on.
_COLOR = getattr(cv2, "IMREAD_COLOR_RGB", cv2.IMREAD_COLOR)


class ImageHeader(NamedTuple):
    """What is known of an encoded image before its pixels are: the size is the upright one."""

    height: int
    width: int
    orientation: int
    is_jpeg: bool
    kind: str = ""  # Pillow's name of the format
    deep: bool = False  # more than 8 bits a channel


def read_header(data: bytes) -> ImageHeader:
    """Size and orientation (EXIF) of an encoded image.

    Raises ValueError where it is empty or of no known format, OSError or another error of Pillow
    where it is no image.
    """
    if not data:
        raise ValueError("it is empty, 0 bytes")
    if (size := jpeg_size(data)) is not None:
        return ImageHeader(*size, 1, True, "JPEG")
    try:
        opened = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise ValueError(f"{len(data)} bytes of no known image format") from error
    with opened as image:
        if image.mode == "F":
            raise ValueError("its pixels are floating-point numbers, which have no white")
        width, height = image.size
        orientation = image.getexif().get(_ORIENTATION, 1) if "exif" in image.info else 1
        if orientation not in range(1, 9):
            orientation = 1
        if orientation >= 5:
            height, width = width, height
        kind = image.format or ""
        return ImageHeader(height, width, orientation, kind == "JPEG", kind, _is_deep(image, data))


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether its channels have more than 8 bits; Pillow's mode does not tell that of colours."""
    if image.format == "PNG":
        return data[24] > 8  # the depth in the header, which comes first
    if image.format == "TIFF":
        tiff: Any = image
        return max(tiff.tag_v2.get(_BITS_PER_SAMPLE, (1,))) > 8
    return image.mode[:1] in "IF" or (image.format == "PPM" and _highest(data) > 255)


def _highest(data: bytes) -> int:
    """The value of white in a PPM, PGM or PBM."""
    words = re.sub(rb"#[^\n]*\n", b" ", data[:512]).split()
    return int(words[3]) if len(words) > 3 and words[3].isdigit() else 255


def reduction(header: ImageHeader, have: tuple[int, int], want: tuple[int, int]) -> int:
    """The largest of 1, 2, 4, 8 by which a JPEG can be reduced and still be large enough.

    ``have`` is (height, width) of the part that is used, ``want`` what it is resized to.
    """
    factor = 1
    while (
        header.is_jpeg
        and factor < 8
        and all(h >= 2 * factor * w for h, w in zip(have, want, strict=True))
    ):
        factor *= 2
    return factor


def decode(
    data: bytes,
    header: ImageHeader,
    factor: int,
    backend: Literal["cv2", "pillow"],
    name: str = "an image",
) -> np.ndarray:
    """The upright image, (H, W, 3) uint8 RGB, at ``1 / factor`` of its size (rounded up).

    A format that OpenCV does not know is decoded by Pillow. Of channels with more than 8 bits the
    first 8 of 16 are taken; where the others are all that is used (12 bits in a 16-bit PNG) the
    image would be dark, which is warned of, once a process, by the ``name`` of the file.

    Raises ValueError or OSError where it is damaged, or of floating-point numbers.
    """
    if header.deep:
        image = _decode_deep(data, name, backend)
    elif backend == "cv2" and opencv_reads(header.kind):
        image = _decode_cv2(data, factor)
    else:
        image = _decode_pillow(data, factor)
    expected = [-(-side // factor) for side in (header.height, header.width)]
    image = _upright(image, header.orientation)
    if list(image.shape[:2]) != expected:
        raise ValueError(f"decoded to {image.shape[:2]} instead of {tuple(expected)}")
    return image


def _decode_cv2(data: bytes, factor: int) -> np.ndarray:
    if data[:2] != b"\xff\xd8":
        return _imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    if data.rfind(b"\xff\xd9") < 0:  # the end marker is the end, or nearly
        raise ValueError("the JPEG is cut off")  # some versions of OpenCV fill the rest with grey
    image = _imdecode(data, _COLOR | _REDUCED[factor])
    return image[..., ::-1] if _COLOR == cv2.IMREAD_COLOR else image


def _imdecode(data: bytes, flags: int) -> np.ndarray:
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ValueError("OpenCV cannot decode it")
    return image


def _decode_deep(data: bytes, name: str, backend: str) -> np.ndarray:
    if backend == "pillow":
        raise ValueError("its channels have more than 8 bits; backend='cv2' reads it")
    image = _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image.dtype != np.uint16:
        raise ValueError(f"its channels are {image.dtype}: make them 8 bits")
    bits = int(image.max()).bit_length()
    if bits <= _DARK and not _TOLD:
        _TOLD.append(name)
        MMLogger.get_current_instance().warning(
            "%s has 16 bits a channel and uses %d: it is read as a dark image. If it has %d bits, "
            "and others like it, scale them (value * 255 / %d) and write 8 bits",
            name, bits, bits, 2**bits - 1,
        )  # fmt: skip
    return (image >> 8).astype(np.uint8)[..., ::-1]


def _decode_pillow(data: bytes, factor: int) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        if factor > 1:
            width, height = image.size
            image.draft("RGB", (width // factor, height // factor))
        return np.asarray(image.convert("RGB"))


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """The image turned as its orientation (EXIF, 1 to 8) says; a view."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
    antialias: bool = True,
) -> np.ndarray:
    """(H, W, 3) uint8 RGB resized to ``size`` (height, width).

    Args:
        interpolation: between the pixels.
        antialias: where it shrinks, the filter is as much wider, so that all pixels count: the
            pixels are Pillow's, but for a level. ``False`` looks at the nearest 2 x 2 or 4 x 4
            alone, as OpenCV and mmcv do.
    """
    image = _plain(image)
    if not antialias:
        how = cv2.INTER_CUBIC if interpolation == "bicubic" else cv2.INTER_LINEAR
        return cv2.resize(image, size[::-1], interpolation=how)
    if interpolation == "bicubic":  # torch's order of the axes, and so its clipping, is another
        return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC))
    # For uint8 with the channels last torch has Pillow's arithmetic, with vector instructions.
    small = F.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None], size, mode="bilinear", antialias=True
    )
    return small[0].permute(1, 2, 0).numpy()


def _plain(image: np.ndarray) -> np.ndarray:
    """Itself, or a copy where it is mirrored, turned or Pillow's; a part of an image is fine."""
    rows, columns, channels = image.strides
    plain = channels == 1 and columns == 3 and rows > 0 and image.flags.writeable
    return image if plain else np.array(image, order="C")
