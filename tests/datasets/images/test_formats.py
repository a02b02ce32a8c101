"""Images of all kinds are read, and what is not is told."""

import os

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from PIL import Image
from torch.utils.data import DataLoader

from dmmix.configuration.errors import explain
from dmmix.datasets import DecodedFolder
from dmmix.datasets.images import decoding
from dmmix.datasets.images.formats import image_endings, opencv_reads
from tests.datasets.pictures import picture, pixels, save

pytestmark = pytest.mark.openmmlab

PICTURE = picture(24, 24)


@pytest.fixture
def lines(monkeypatch):
    found = []
    monkeypatch.setattr(MMLogger, "warning", lambda self, text, *args: found.append(text % args))
    monkeypatch.setattr(decoding, "_TOLD", [])
    return found


def folder(root, *names):
    (root / "ant").mkdir(exist_ok=True)
    for name in names:
        save(root / "ant" / name, PICTURE, **({"quality": 95} if "jp" in name else {}))
    return str(root)


def middle(root, **options):
    return DecodedFolder(str(root), size=24, resize_edge=24, test_mode=True, **options)


LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".jp2", ".gif")


@pytest.mark.parametrize("ending", [e for e in image_endings() if e not in (".pbm", ".pgm")])
@pytest.mark.parametrize("backend", ["cv2", "pillow"])
def test_images_of_this_kind_were_passed_over(tmp_path, lines, ending, backend):
    folder(tmp_path, f"a{ending}", f"B{ending.upper()}")
    dataset = middle(tmp_path, backend=backend)
    assert len(dataset) == 2
    difference = pixels(dataset[0]).astype(int) - PICTURE
    assert np.abs(difference).mean() < (8 if ending in LOSSY else 1e-9)
    assert lines == []


def test_the_usual_kinds_are_among_them():
    assert {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"} <= {*image_endings()}


def test_pillow_takes_over_where_opencv_cannot(tmp_path, monkeypatch):
    root = folder(tmp_path, "a.webp")
    usual = middle(root)[0]["inputs"]
    monkeypatch.setattr(decoding, "opencv_reads", lambda kind: kind != "WEBP")
    monkeypatch.setattr(decoding, "_decode_cv2", None)
    assert (middle(root)[0]["inputs"].int() - usual.int()).abs().max() <= 3
    assert opencv_reads("JPEG")
    assert opencv_reads("PNG")
    assert not opencv_reads("PDF")


def test_what_is_passed_over_was_not_told(tmp_path, lines):
    folder(tmp_path, "a.png")
    for name in ("b.heic", "c.HEIC", "d.txt", "noending", ".hidden"):
        (tmp_path / "ant" / name).write_bytes(b"x")
    os.symlink(tmp_path / "gone.png", tmp_path / "ant" / "link.png")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    dataset = middle(tmp_path)
    assert len(dataset) == 1
    assert dataset.metainfo["classes"] == ("ant",)
    assert lines == [
        f"{tmp_path}: passed over 4 files with other endings (2 .heic, 1 without an ending, 1 .txt)"
        f" and 1 broken links ({tmp_path}/ant/link.png)"
    ]


def test_links_are_followed_and_not_in_a_ring(tmp_path):
    folder(tmp_path, "a.png")
    elsewhere = tmp_path / ".elsewhere"
    elsewhere.mkdir()
    save(elsewhere / "b.png", PICTURE)
    os.symlink(elsewhere, tmp_path / "ant" / "more")
    os.symlink(tmp_path / "ant", tmp_path / "ant" / "again")
    assert len(middle(tmp_path)) == 2


def test_images_without_class_folders(tmp_path):
    save(tmp_path / "a.png", PICTURE)
    assert middle(tmp_path, with_label=False).get_gt_labels().tolist() == [-1]


def test_given_classes_were_counted_off_in_the_order_of_the_folders(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "a.png", PICTURE)
    swapped = middle(tmp_path, classes=["dog", "bee", "ant"], allow_empty=True)
    assert swapped.get_gt_labels().tolist() == [2, 1]
    assert middle(tmp_path, classes=["Ameise", "Biene"]).get_gt_labels().tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"folders that are not among the classes: bee"):
        middle(tmp_path, classes=["ant", "eel"])
    with pytest.raises(ValueError, match=r"2 folders for 3 classes"):
        middle(tmp_path, classes=["x", "y", "z"])


# Depth


@pytest.mark.parametrize("ending", ["png", "tiff", "ppm"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_12_bits_in_16_were_a_black_image_without_a_word(tmp_path, lines, ending, bits):
    (tmp_path / "ant").mkdir()
    values = PICTURE.astype(np.uint32) * (2**bits - 1) // 255
    cv2.imwrite(str(tmp_path / "ant" / f"a.{ending}"), values.astype(np.uint16)[..., ::-1])
    dataset = middle(tmp_path)
    image = pixels(dataset[0]).astype(int)
    dataset[0]
    if bits == 16:
        assert np.abs(image - PICTURE).max() <= 1
        assert lines == []
        return
    assert image.max() < 16
    assert len(lines) == 1  # once a process
    assert lines[0].startswith(f"{tmp_path}/ant/a.{ending} has 16 bits a channel and uses {bits}: ")


def test_numbers_without_a_white(tmp_path):
    (tmp_path / "ant").mkdir()
    Image.fromarray(PICTURE[..., 0].astype(np.float32)).save(tmp_path / "ant" / "a.tiff")
    with pytest.raises(ValueError, match=r"a.tiff is .*: its pixels are floating-point numbers"):
        middle(tmp_path)[0]


@pytest.mark.slow
def test_a_corrupt_file_that_a_worker_meets_is_one_line(tmp_path):
    root = folder(tmp_path, "a.png")
    (tmp_path / "ant" / "b.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="Original Traceback") as caught:
        list(DataLoader(middle(root), num_workers=1))
    assert explain(caught.value) == (
        f"ValueError: {tmp_path}/ant/b.jpg is no image or damaged: it is empty, 0 bytes; "
        "corrupt='skip' passes such files over"
    )
