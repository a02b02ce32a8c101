"""What lies in a folder of images."""

import re
from pathlib import Path

import pytest
from PIL import Image

from dmmix.datasets.own.parts import find_parts
from dmmix.datasets.own.sizes import image_size


@pytest.fixture
def make(tmp_path):
    """Makes images of 8 x 6 pixels at these paths below a folder, whose path it returns."""

    def write(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".jpg":
                Image.new("RGB", (6, 8)).save(path)
            else:
                path.write_text("", encoding="utf-8")
        return str(tmp_path)

    return write


def test_named_parts(make):
    root = make(
        "Train/cat/1.jpg", "Train/cat/deep/2.jpg", "Train/dog/1.jpg", "Train/notes.txt",
        "validation/cat/1.jpg", "validation/dog/1.jpg",
        "unlabeled/1.jpg", "unlabeled/more/2.jpg", ".cache/x/1.jpg",
    )  # fmt: skip
    data = find_parts(root)
    assert (data.train.classes, data.train.counts) == (("cat", "dog"), (2, 1))
    assert data.train.images == 3
    assert data.val.where.endswith("validation")
    assert data.val.images == 2
    assert data.test is None
    assert (data.unlabelled.classes, data.unlabelled.images) == ((), 2)


def test_a_folder_of_classes(make):
    data = find_parts(make("cat/1.jpg", "dog/1.jpg", "dog/2.jpg", "dog/label.csv"))
    assert (data.train.classes, data.train.counts) == (("cat", "dog"), (1, 2))
    assert data.train.passed_over == "1 files with other endings (1 .csv)"
    assert data.val is data.test is data.unlabelled is None


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "has neither folders nor images"),
        (["1.jpg", "2.jpg"], "has 2 images but no class folders: .*class_name/1.jpg"),
        (["cat/1.jpg"], r"one class alone \(cat\)"),
        (["cat/1.jpg", "dog/1.txt"], r"1 of 2 class folders have no images \(dog\)"),
        (["cat/1.txt", "dog/1.txt"], "no images in its 2 folders"),
        (["val/cat/1.jpg"], "has val but no folder train"),
        (["train/a/1.jpg", "training/a/1.jpg"], "both train and training|both training and train"),
        (["train/a/1.jpg", "train/b/1.jpg", "unlabelled/1.txt"], "unlabelled has no images"),
    ],
)
def test_what_is_no_data_set_is_told(make, names, says):
    root = make(*names)
    with pytest.raises(ValueError, match=says) as error:
        find_parts(root)
    assert root in str(error.value)


def test_no_such_folder(make):
    root = make("photos/cat/1.jpg")
    with pytest.raises(FileNotFoundError, match=re.escape(f"did you mean '{root}/photos'")):
        find_parts(f"{root}/photo")
    file = f"{root}/photos/cat/1.jpg"
    with pytest.raises(FileNotFoundError, match=re.escape(f"{file} is a file, and must be a")):
        find_parts(file)


def test_sizes(make):
    train = find_parts(make("cat/1.jpg", "dog/1.jpg", "dog/2.jpg")).train
    names = [f"{train.where}/{name}" for name in ("cat/1.jpg", "dog/1.jpg", "dog/2.jpg")]
    assert list(train.files) == names
    assert image_size(train) == image_size(train, most=1) == (8, 6)
    for file in train.files:
        Path(file).write_text("no image", encoding="utf-8")
    assert image_size(train) is None
