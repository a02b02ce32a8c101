"""Decoding: size first, then the pixels, upright, at a fraction where that is enough."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcv import imresize
from PIL import Image, ImageOps

from dmmix.datasets.images import decoding
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import image_crop
from dmmix.datasets.images.decoding import ImageHeader, decode, read_header, reduction, resize
from dmmix.datasets.images.jpeg_header import jpeg_size
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


@pytest.mark.parametrize("test_mode", [True, False])
@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_images_of_one_channel_have_three_equal_ones(tmp_path, mode, test_mode):
    grey = PICTURE[..., 1] // 128 * 255 if mode == "1" else PICTURE[..., 1]
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    (deep if mode == "I;16" else Image.fromarray(grey).convert(mode)).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "colours.png")
    found, expected = (
        image_crop((tmp_path / name).read_bytes(), CropOptions((32, 32), test_mode), (1, 2))
        for name in ("grey.png", "colours.png")
    )
    assert found.shape == (32, 32, 3)
    assert np.array_equal(found, expected)


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
    "a part": lambda x: x[7:43, 11:64],
    "bgr": lambda x: x[..., ::-1],
    "mirrored": lambda x: x[:, ::-1],
    "turned": lambda x: x.transpose(1, 0, 2),
}
PILLOWS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("interpolation", PILLOWS)
@pytest.mark.parametrize("size", [(20, 30), (100, 90), (20, 90), (36, 53)])
def test_resizing(size, interpolation, view):
    """However the image lies in memory: as Pillow does it, or without antialiasing as mmcv."""
    image = view(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    plain = np.ascontiguousarray(image)
    expected = Image.fromarray(plain).resize(size[::-1], PILLOWS[interpolation])
    found = resize(image, size, interpolation)
    assert np.abs(found.astype(int) - np.asarray(expected)).max() <= 1
    expected = imresize(plain, size[::-1], interpolation=interpolation, backend="cv2")
    found = resize(image, size, interpolation, antialias=False)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_other_processors_give_the_same_pixels(tmp_path):
    """What torch does without vector instructions."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    np.save(tmp_path / "in.npy", noise)
    code = """
import sys, numpy
from dmmix.datasets.images.decoding import resize
numpy.save(sys.argv[2], resize(numpy.load(sys.argv[1]), (31, 40)))
"""
    files = [str(tmp_path / name) for name in ("in.npy", "out.npy")]
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    subprocess.run([sys.executable, "-c", code, *files], env=environment, check=True)
    found = np.load(files[1]).astype(int)
    assert np.abs(found - resize(noise, (31, 40))).max() <= 1


def test_antialiasing_takes_all_pixels():
    """Of stripes as wide as a pixel: the mean, or what is hit."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = 255
    for interpolation in ("bilinear", "bicubic"):
        smooth = resize(stripes, (8, 8), interpolation)[:, 1:-1]
        assert np.abs(smooth.astype(int) - 32).max() < 8
        assert resize(stripes, (8, 8), interpolation, antialias=False).max() == 0


KINDS_OF_JPEG = {
    "usual": dict(),
    "progressive": dict(progressive=True),
    "with a comment and a profile": dict(comment="words", icc_profile=b"1" * 70000),
    "grey": dict(mode="L"),
    "CMYK": dict(mode="CMYK"),
}


@pytest.mark.parametrize("options", KINDS_OF_JPEG.values(), ids=KINDS_OF_JPEG)
def test_the_size_of_a_jpeg_is_found_without_pillow(tmp_path, options):
    image = Image.fromarray(PICTURE).convert(options.get("mode", "RGB"))
    image.save(tmp_path / "a.jpg", **{k: v for k, v in options.items() if k != "mode"})
    data = (tmp_path / "a.jpg").read_bytes()
    assert jpeg_size(data) == (50, 70)
    shown = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(load(tmp_path / "a.jpg", "cv2") - shown).mean() < 3
    for end in range(0, 200, 7):  # cut off, it is Pillow that says what is wrong
        assert jpeg_size(data[:end]) in (None, (50, 70))


def test_what_else_there_may_be_is_left_to_pillow(tmp_path):
    upright = Path(save(tmp_path / "a.jpg", PICTURE, 6)).read_bytes()
    usual = Path(save(tmp_path / "b.jpg", PICTURE)).read_bytes()
    frame = usual.index(b"\xff\xc0")
    deep = usual[: frame + 4] + b"\x0c" + usual[frame + 5 :]  # 12 bits
    second = usual[:2] + b"\xff\xe2\x00\x08MPF\0..." + usual[2:]
    for data in (upright, deep, second, usual[:2] + b"\xff" + usual[2:], b"", b"\x89PNG" * 9):
        assert jpeg_size(data) is None


@pytest.mark.skipif(not hasattr(cv2, "IMREAD_COLOR_RGB"), reason="OpenCV before 4.11")
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_an_older_opencv_gives_the_same(tmp_path, factor):
    path = save(tmp_path / "a.jpg", PICTURE)
    flags = decoding._REDUCED[factor] | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    expected = cv2.imdecode(np.fromfile(path, np.uint8), flags)[..., ::-1]
    assert np.array_equal(load(path, "cv2", factor), expected)


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
