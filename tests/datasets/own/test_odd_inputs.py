"""Odd files and folders: what becomes of each, as docs/own_images.md has it."""

import os
import re
import time
import unicodedata
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from dmmix.datasets import DecodedImages
from dmmix.datasets.own.part import alike
from dmmix.datasets.own.parts import find_parts

pytestmark = pytest.mark.openmmlab

COLOUR = (200, 100, 50)


def encoded(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(mode="RGB", colour=COLOUR, size=(40, 36)):
    return Image.new(mode, size, colour)


def palette(**options):
    image = plain("P", 3)
    image.putpalette([0, 0, 0] * 3 + list(COLOUR))
    return encoded(image, **options)


def sideways():
    """Red above, blue below once its EXIF turns it."""
    image = plain(colour=(255, 0, 0), size=(40, 40))
    image.paste((0, 0, 255), (20, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, "JPEG", quality=95, exif=exif)


def noise(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    return encoded(Image.fromarray(pixels), kind)


DEEP = np.full((36, 40, 3), (50 * 256 + 7, 100 * 256 + 8, 200 * 256 + 9), np.uint16)
ANIMATED = dict(save_all=True, append_images=[plain(colour=(0, 0, 255))])

IMAGES = {
    "CMYK JPEG": ("1.jpg", encoded(plain().convert("CMYK"), "JPEG", quality=95), COLOUR),
    "alpha": ("1.png", encoded(plain("RGBA", (*COLOUR, 0))), COLOUR),
    "grey and alpha": ("1.png", encoded(plain("LA", (77, 128))), (77, 77, 77)),
    "grey": ("1.jpg", encoded(plain("L", 77), "JPEG"), (77, 77, 77)),
    "palette": ("1.png", palette(), COLOUR),
    "palette with a transparent colour": ("1.png", palette(transparency=3), COLOUR),
    "1 bit": ("1.png", encoded(plain("1", 1)), (255, 255, 255)),
    "16 bits": ("1.png", cv2.imencode(".png", DEEP)[1].tobytes(), COLOUR),
    "animated GIF": ("1.gif", encoded(plain(), "GIF", **ANIMATED), COLOUR),
    "PNG called .jpg": ("1.jpg", encoded(plain()), COLOUR),
    "1 x 1 pixel": ("1.png", encoded(plain(size=(1, 1))), COLOUR),
    "2000 x 3": ("1.png", encoded(plain(size=(2000, 3))), COLOUR),
    "3 x 2000": ("1.png", encoded(plain(size=(3, 2000))), COLOUR),
    "60000 x 1": ("1.png", encoded(plain(size=(60000, 1))), COLOUR),
    "a long name": (f"{'x' * 251}.png", encoded(plain()), COLOUR),
    "a long path": ("/".join(["y" * 200] * 6) + "/1.png", encoded(plain()), COLOUR),
    "an odd name": ("ä\t#%[1] 金.png", encoded(plain()), COLOUR),
    "0 bytes": ("1.jpg", b"", "it is empty, 0 bytes"),
    "text": ("1.jpg", b"This is no image. " * 9, "162 bytes of no known image format"),
    "half a JPEG": ("1.jpg", noise("JPEG")[:9000], "the JPEG is cut off"),
    "half a PNG": ("1.png", noise("PNG")[:60000], "OpenCV cannot decode it"),
}


def write(root, files):
    """Files with their bytes, those of a good image for ``None``."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(plain()) if data is None else data)
    return str(root)


def dataset(root, **options):
    source = dict(type="OwnImages", data=str(root))
    return DecodedImages(source, size=8, seed=0, **options)


def pixel(sample):
    return sample["inputs"].float().mean(dim=(1, 2)).tolist()


@pytest.mark.parametrize("testing", [False, True], ids=["training", "testing"])
@pytest.mark.parametrize(("name", "data", "becomes"), IMAGES.values(), ids=IMAGES)
def test_images(tmp_path, name, data, becomes, testing):
    write(tmp_path, {f"cat/{name}": data, "dog/1.png": None})
    made = dataset(tmp_path, test_mode=testing)
    assert len(made) == 2
    begin = time.process_time()
    if isinstance(becomes, str):
        with pytest.raises(ValueError, match=rf"cat/{re.escape(name)} is no image.*{becomes}"):
            made[0]
        skipping = dataset(tmp_path, test_mode=testing, corrupt="skip")
        assert pixel(skipping[0]) == list(COLOUR)
        assert skipping.corrupt_files == [str(tmp_path / "cat" / name)]
    else:
        assert pixel(made[0]) == pytest.approx(becomes, abs=2)
    assert time.process_time() - begin < 2


def test_an_image_on_its_side_is_turned(tmp_path):
    write(tmp_path, {"cat/1.jpg": sideways(), "dog/1.png": None})
    rows = dataset(tmp_path, test_mode=True)[0]["inputs"].float().mean(dim=2)
    assert rows[:, 0].tolist() == pytest.approx([255, 0, 0], abs=30)
    assert rows[:, -1].tolist() == pytest.approx([0, 0, 255], abs=30)


def test_of_a_long_image_the_middle_is_taken(tmp_path):
    image = plain(size=(600, 3))
    image.paste((0, 0, 0), (0, 0, 290, 3))
    write(tmp_path, {"cat/1.png": encoded(image), "dog/1.png": None})
    columns = dataset(tmp_path, test_mode=True)[0]["inputs"].float().mean(dim=(0, 1))
    assert columns.tolist() == pytest.approx([350 / 3] * 8, abs=1)


def test_an_image_of_more_pixels_than_anybody_means(tmp_path, monkeypatch):
    write(tmp_path, {"cat/1.png": None, "dog/1.png": None})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(ValueError, match=r"cat/1.png is no image or damaged: Image size \(1440"):
        dataset(tmp_path)[0]


def test_an_image_that_changes_while_training(tmp_path):
    write(tmp_path, {"cat/1.png": None, "dog/1.png": None})
    made = dataset(tmp_path)
    assert pixel(made[0]) == list(COLOUR)
    write(tmp_path, {"cat/1.png": encoded(plain(colour=(1, 2, 3)))})
    assert pixel(made[0]) == [1, 2, 3]
    (tmp_path / "cat" / "1.png").unlink()
    with pytest.raises(ValueError, match=r"cat/1.png is no image or damaged: .*No such file"):
        made[0]


TWO = {"cat/1.png": None, "dog/1.png": None}
FOLDERS = {
    "hidden files": ({"cat/.DS_Store": b"", "cat/._1.png": b"", ".cache/x/1.png": None}, None),
    "__MACOSX": ({"__MACOSX/cat/._1.png": b"", "cat/__MACOSX/2.png": None}, None),
    "Thumbs.db": (
        {"cat/Thumbs.db": b"", "cat/desktop.ini": b""},
        "2 files with other endings (1 .db, 1 .ini)",
    ),
    "images beside the class folders": ({"5.png": None}, "1 images in no class folder (5.png)"),
    "labels beside the class folders": ({"labels.csv": b"", "README": b""}, None),
}


@pytest.mark.parametrize(("files", "told"), FOLDERS.values(), ids=FOLDERS)
def test_folders(tmp_path, files, told):
    train = find_parts(write(tmp_path, {**TWO, **files})).train
    assert (train.classes, train.counts) == (("cat", "dog"), (1, 1))
    assert train.passed_over == told


def test_nested_folders_are_of_the_class_above(tmp_path):
    files = {"cat/a/b/2.png": None, "cat/a/1.png": None}
    assert find_parts(write(tmp_path, {**TWO, **files})).train.counts == (3, 1)


def test_folders_beside_the_parts(tmp_path):
    data = find_parts(write(tmp_path, {f"{part}/{name}": None for part in ("train", "backup")
                                       for name in TWO}))  # fmt: skip
    assert data.train.images == 2
    assert data.train.passed_over == "1 folders beside it (backup)"


def test_broken_links(tmp_path):
    write(tmp_path, TWO)
    links = [tmp_path / "cat" / "2.png", tmp_path / "emu"]
    for link in links:
        link.symlink_to(tmp_path / "nothing")
    train = find_parts(str(tmp_path)).train
    assert train.counts == (1, 1)
    assert train.passed_over == f"2 broken links ({links[0]}, {links[1]})"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({f"photos/{name}": None for name in TWO}, r"one folder alone \(photos\).*say .*/photos$"),
        (
            {f"{unicodedata.normalize(form, 'Äpfel')}/1.png": None for form in ("NFC", "NFD")},
            "two folders Äpfel",
        ),
    ],
)
def test_what_is_no_data_set(tmp_path, files, says):
    with pytest.raises(ValueError, match=says) as error:
        find_parts(write(tmp_path, files))
    assert str(tmp_path) in str(error.value)


def test_names_of_classes(tmp_path):
    names = ("Cat", "cat", "red apple", "red_apple", "Äpfel", "金 银")
    train = find_parts(write(tmp_path, {f"{name}/1.png": None for name in names})).train
    assert train.classes == tuple(sorted(names))
    assert alike(train.classes) == [("Cat", "cat"), ("red apple", "red_apple")]


def test_a_column_without_a_single_1(tmp_path):
    lines = "file,cat,dog,emu\ncat/1.png,1,0,0\ndog/1.png,0,1,0\n"
    write(tmp_path, {**TWO, "labels.csv": lines.encode()})
    train = find_parts(os.path.join(tmp_path, "labels.csv")).train
    assert train.classes == ("cat", "dog")
    assert train.passed_over == "1 columns without a single 1 (emu)"
    lines = f"file,label\ncat/1.png,cat\n{'z' * 300}.png,dog\n"
    write(tmp_path, {"long.csv": lines.encode()})
    with pytest.raises(ValueError, match="1 of 2 files are not there, the first is zzz"):
        find_parts(os.path.join(tmp_path, "long.csv"))
