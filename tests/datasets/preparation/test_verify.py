"""What --check finds in a folder that is unpacked."""

import re
import shutil
from pathlib import Path

import pytest
from scipy.io import loadmat, savemat

from dmmix.datasets.preparation import DATA_SETS, check
from tests.datasets.preparation.archives import publish

NAMES = sorted(set(DATA_SETS) - {"cifar10", "cifar100"})


@pytest.fixture
def made(tmp_path, monkeypatch):
    """(entry of the table, unpacked folder) by name."""

    def make(name):
        data_set, _, root = publish(name, tmp_path, monkeypatch)
        return data_set, root

    return make


def wrong(data_set, root, **options):
    return check(data_set, str(root), **options)[1]


IMAGES = {
    "tiny_imagenet": "train/n01443537/images",
    "imagenet": "train/n01443537",
    "cub200": "images/002.Bird_2",
    "fgvc_aircraft": "data/images",
    "stanford_cars": "cars_train",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_and_an_empty_image(made, name):
    data_set, root = made(name)
    paths = sorted((root / IMAGES[name]).glob("*.*"))
    paths[0].write_bytes(b"")
    assert wrong(data_set, root) == [
        f"{paths[0]} ({next(iter(data_set.counts))}) is missing or empty"
    ]
    for path in paths[:3:2] if name == "cub200" else paths[:2]:  # of one split
        path.unlink()
    says = rf"{re.escape(str(paths[0]))} \(.* is missing or empty, as are 1 more"
    if name == "tiny_imagenet":
        says = "10 train images, there should be 12"  # no list names them
    assert re.search(says, "\n".join(wrong(data_set, root)))


@pytest.mark.parametrize("name", NAMES)
def test_a_corrupt_image(made, name):
    data_set, root = made(name)
    path = sorted((root / IMAGES[name]).glob("*.*"))[1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10])
    assert wrong(data_set, root) == []
    (problem,) = wrong(data_set, root, decode=True)
    assert problem.startswith(f"{path} is no image or damaged: ")


@pytest.mark.parametrize("name", ["tiny_imagenet", "imagenet", "cub200", "fgvc_aircraft"])
def test_an_empty_class(made, name):
    data_set, root = made(name)
    if name in ("tiny_imagenet", "imagenet"):
        shutil.rmtree(root / "meta", ignore_errors=True)
        if name == "imagenet":  # in folders, both
            shutil.rmtree(root / "val")
            shutil.copytree(root / "train", root / "val")
        for path in (root / IMAGES[name]).iterdir():
            path.unlink()
        says = "no train images of 1 classes: n01443537"
    elif name == "cub200":
        listed = root / "classes.txt"
        listed.write_text(listed.read_text(encoding="utf-8") + "4 004.Bird_4\n", encoding="utf-8")
        says = "no train images of 1 classes: 004.Bird_4"
    else:
        listed = root / "data" / "variants.txt"
        listed.write_text(listed.read_text(encoding="utf-8") + "747-100\n", encoding="utf-8")
        says = "no trainval images of 1 classes: 747-100"
    assert any(problem.endswith(says) for problem in wrong(data_set, root))


@pytest.mark.parametrize(
    ("name", "listed", "old", "new", "says"),
    [
        ("cub200", "image_class_labels.txt", "3 1\n", "3 9\n",
         "image_class_labels.txt: image 3 has the class 9, which is not in classes.txt"),
        ("imagenet", "meta/val.txt", "00000001.JPEG 0", "00000001.JPEG 3",
         "00000001.JPEG has the label 3, labels must be at least 0 and below 3"),
        ("fgvc_aircraft", "data/images_variant_test.txt", "707-320", "no plane",
         "has the variant 'no plane', which is not in variants.txt"),
        ("cub200", "images.txt", None, "1\n", "images.txt: '1' must be two columns"),
    ],
)  # fmt: skip
def test_lists_with_other_lines(made, name, listed, old, new, says):
    data_set, root = made(name)
    path = root / listed
    text = path.read_text(encoding="utf-8")
    assert old is None or old in text
    path.write_text(new if old is None else text.replace(old, new, 1), encoding="utf-8")
    assert says in wrong(data_set, root)[0]


def test_tables_of_cars(made):
    data_set, root = made("stanford_cars")
    path = root / "devkit" / "cars_train_annos.mat"
    whole, table = path.read_bytes(), loadmat(path)["annotations"]
    table["class"][0, 0] = 4
    savemat(path, {"annotations": table})
    assert "00001.jpg has the class 4, classes are 1 to 3" in wrong(data_set, root)[0]
    path.write_bytes(whole[:200])
    (problem,) = wrong(data_set, root)
    assert problem.startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tiny_imagenet", "wnids.txt"), ("tiny_imagenet", "val/val_annotations.txt"),
        ("imagenet", "train"), ("cub200", "images.txt"), ("cub200", "train_test_split.txt"),
        ("fgvc_aircraft", "data/images_variant_trainval.txt"),
        ("stanford_cars", "devkit/cars_test_annos_withlabels.mat"),
        ("stanford_cars", "devkit/cars_meta.mat"),
    ],
)  # fmt: skip
def test_a_list_that_is_missing(made, name, path):
    data_set, root = made(name)
    target = root / path
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    (problem,) = wrong(data_set, root)
    assert problem == f"{target} is missing"


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar(made, name):
    data_set, root = made(name)
    assert check(data_set, str(root))[1] == []
    first = next(Path(root).rglob("*test*"))
    first.write_bytes(first.read_bytes() + b"x")
    (problem,) = wrong(data_set, root)
    assert problem.startswith(f"{first}: wrong checksum, MD5 ")
    assert wrong(data_set, root, checksums=False) == []
    first.unlink()
    assert wrong(data_set, root, checksums=False) == [f"{first} is missing"]


def test_no_folder(tmp_path):
    assert wrong(DATA_SETS["cub200"], tmp_path / "none") == [f"there is no folder {tmp_path}/none"]
