"""Decoding: size first, then the pixels, upright, at a fraction where that is enough."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcv import imresize
from PIL import Image, ImageOps

from dmmix.datasets.images.decoding import ImageHeader, decode, read_header, reduction, resize
from tests.datasets.pictures import picture, save

pytestmark = pytest.mark.openmmlab

BACKENDS = pytest.mark.parametrize("backend", ["cv2", "pillow"])
PICTURE = picture(50, 70)


def load(path, backend, factor=1):
    data = Path(path).read_bytes()
    return decode(data, read_header(data), factor, backend)


@BACKENDS
@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        *((mode, "png") for mode in ("RGB", "L", "RGBA", "P", "1", "LA")),
        *(("RGB", ending) for ending in ("bmp", "ppm", "tif")),
    ],
)
def test_any_mode_becomes_rgb(tmp_path, backend, mode, ending):
    image = Image.fromarray(PICTURE).convert(mode)
    image.save(tmp_path / f"a.{ending}")
    found = load(tmp_path / f"a.{ending}", backend)
    assert np.array_equal(found, np.asarray(image.convert("RGB")))


@BACKENDS
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_images_are_turned_upright(tmp_path, backend, orientation):
    """As Pillow turns them."""
    path = save(tmp_path / "a.jpg", PICTURE, orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    header = read_header(Path(path).read_bytes())
    assert (header.height, header.width) == expected.shape[:2]
    image = load(path, backend)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 1
    reduced = load(path, backend, 2)
    assert np.abs(reduced.astype(int) - resize(expected, reduced.shape[:2])).mean() < 6


def test_an_orientation_that_does_not_exist_is_ignored(tmp_path):
    header = read_header(Path(save(tmp_path / "a.jpg", PICTURE, 77)).read_bytes())
    assert header == ImageHeader(50, 70, 1, True, "JPEG")


@BACKENDS
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_a_reduced_image_is_the_image_made_smaller(tmp_path, backend, factor):
    shown = picture(121, 170)
    image = load(save(tmp_path / "a.jpg", shown, quality=95), backend, factor)
    assert image.shape == (-(-121 // factor), -(-170 // factor), 3)
    # Each pixel is the mean of a block; what the last ones lack is the border again.
    rows, columns = (
        np.arange(factor * n).clip(max=m - 1)
        for n, m in zip(image.shape[:2], shown.shape[:2], strict=True)
    )
    blocks = shown[rows][:, columns].reshape(image.shape[0], factor, image.shape[1], factor, 3)
    assert np.abs(image - blocks.mean((1, 3))).mean() < 1.5


def test_as_much_reduced_as_the_crop_allows():
    expected = {(99, 99): 1, (100, 100): 2, (100, 99): 1, (199, 400): 2, (400, 400): 8}
    for have, factor in {**expected, (9999, 9999): 8}.items():
        assert reduction(ImageHeader(9999, 9999, 1, True), have, (50, 50)) == factor
        assert reduction(ImageHeader(9999, 9999, 1, False), have, (50, 50)) == 1


VIEWS = {
    "as it is": lambda x: x,
    "bgr": lambda x: x[..., ::-1].copy()[..., ::-1],
    "bgr, mirrored": lambda x: x[..., ::-1].copy()[..., ::-1][::-1],
    "bgr, turned": lambda x: x[..., ::-1].copy()[..., ::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("size", [(20, 30), (100, 90), (20, 90), (50, 70)])
def test_resizing(size, view):
    """However the image lies in memory; areas averaged where it shrinks, or as mmcv does it."""
    image = view(PICTURE)
    plain = np.ascontiguousarray(image)
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    found = resize(image, size)
    assert np.array_equal(found, cv2.resize(plain, size[::-1], interpolation=how))
    assert found.flags.c_contiguous
    for interpolation in ("bilinear", "bicubic"):
        expected = imresize(plain, size[::-1], interpolation=interpolation, backend="cv2")
        found = resize(image, size, interpolation, antialias=False)
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert found.flags.c_contiguous


def test_antialiasing_takes_all_pixels():
    """Of stripes as wide as a pixel: the mean, or what is hit."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = 255
    for interpolation in ("bilinear", "bicubic"):
        smooth = resize(stripes, (8, 8), interpolation)[:, 1:-1]
        assert np.abs(smooth.astype(int) - 32).max() < 8
        assert resize(stripes, (8, 8), interpolation, antialias=False).max() == 0


@BACKENDS
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_files_that_are_cut_off_raise(tmp_path, backend, name):
    data = Path(save(tmp_path / name, picture(200, 300))).read_bytes()
    header = read_header(data)
    with pytest.raises((OSError, ValueError)):
        decode(data[: len(data) * 2 // 3], header, 1, backend)


def test_more_than_eight_bits(tmp_path):
    Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257).save(tmp_path / "grey.png")
    assert np.array_equal(load(tmp_path / "grey.png", "cv2")[..., 1], PICTURE[..., 0])
    cv2.imwrite(str(tmp_path / "colours.png"), PICTURE.astype(np.uint16) * 257)
    for name in ("grey.png", "colours.png"):  # which Pillow cuts to 8 bits itself
        with pytest.raises(ValueError, match=r"more than 8 bits; backend='cv2' reads it"):
            load(tmp_path / name, "pillow")
