"""What the commands say of odd images and folders."""

import os
import re

import pytest

from tests.cli.messages import error_of
from tests.cli.photos import SMALL, write_photos

pytestmark = pytest.mark.openmmlab

TRAIN = ["train", "own/resnet18_32_cutmix_dm", "--data", "photos"]


@pytest.fixture
def photos(tmp_path):
    write_photos(tmp_path / "photos", 10)
    return tmp_path / "photos"


def remove(photos, keep):
    for path in photos.glob("*/*.jpg"):
        if int(path.stem) >= keep.get(path.parent.name, 10):
            path.unlink()


def test_what_may_be_a_mistake_is_told_before_training_and_by_a_check(call, photos):
    (photos / "bright").rename(photos / "Dark")
    (photos / "grey" / "Thumbs.db").write_text("", encoding="utf-8")
    remove(photos, {"grey": 2})
    got = call(*TRAIN, "--dry-run", *SMALL)
    assert got.status == 0, got.err
    looked = call("data check", "photos")
    assert looked.status == 1
    for line in (
        "photos: passed over 1 files with other endings (1 .db)",
        "classes: Dark and dark differ in case or spaces alone: are they one?",
        "held out: none of grey, which have less than three images",
    ):
        assert line in " ".join(got.err.split()), line
        assert line in looked.out.splitlines(), line
    assert "That is at most 2 of a class: the best checkpoint is chosen by little" in " ".join(
        got.err.split()
    )


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        (dict(dark=1, grey=1, bright=1), "photos: no class has three images, so that none can be"),
        (dict(dark=2, grey=2, bright=1), "photos: no class has three images, so that none can be"),
        (dict(dark=0, grey=1, bright=1), r"1 of 3 class folders have no images \(dark\)"),
    ],
)
def test_too_few_images(call, photos, tmp_path, keep, says):
    remove(photos, keep)
    assert re.search(says, error_of(call(*TRAIN, *SMALL)))
    assert not (tmp_path / "work_dirs").exists()


def test_a_folder_that_may_not_be_read(call, photos, monkeypatch):
    scandir = os.scandir

    def locked(path="."):
        if str(path).endswith("grey"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert "photos/grey may not be read by you: change that" in error_of(call(*TRAIN))


def test_a_damaged_image_is_a_line_and_training_goes_on(call, photos):
    remove(photos, dict(dark=3))
    for number in range(3):
        (photos / "dark" / f"{number}.jpg").write_text("no image", encoding="utf-8")
    (photos / "val").mkdir()
    for name in ("dark", "grey", "bright"):
        (photos / name).rename(photos / "val" / name)
    (photos / "val").rename(photos / "train")
    write_photos(photos / "val", 2)
    got = call(*TRAIN, "--epochs", 1, "--work-dir", "run", *SMALL)
    assert got.status == 0, got.err
    told = got.out + got.err
    line = r"dark/0.jpg is no image or damaged: 8 bytes of no known image format: skipped, another"
    assert len(re.findall(line, told)) == 1, told


def test_a_flat_folder_without_labels_in_a_config(call, photos, tmp_path):
    for number, path in enumerate(photos.glob("*/*.jpg")):
        (tmp_path / "flat" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "flat" / ("deep" if number % 2 else "") / f"{number}.jpg").write_bytes(
            path.read_bytes()
        )
    (tmp_path / "flat.py").write_text(
        """
_base_ = "dmmix::own/fixmatch.py"
train_dataloader = dict(
    num_workers=0, batch_size=4, batch_sampler=dict(mu=2),
    dataset=dict(
        dataset=dict(data_root="photos", data_prefix=""),
        subset=dict(labels_per_class=4),
        unlabelled=dict(
            _delete_=True, type="DecodedFolder", data_root="flat", size=96, with_label=False)))
val_dataloader = dict(
    num_workers=0, dataset=dict(data_root="photos", data_prefix=""))
test_dataloader = dict(
    num_workers=0, dataset=dict(data_root="photos", data_prefix=""))
data_preprocessor = dict(num_classes=3)
val_evaluator = dict(topk=(1,))
test_evaluator = dict(topk=(1,))
model = dict(
    backbone=dict(base_channels=16, stem_channels=16),
    head=dict(in_channels=128, num_classes=3))
""",
        encoding="utf-8",
    )
    got = call("train", "flat.py", "--dry-run")
    assert got.status == 0, got.err
    assert "loss_unlabelled" in got.out
