"""The tiny data sets are what the dataset classes of the real ones read."""

import numpy as np
import pytest

import dmmix.datasets  # noqa: F401
from dmmix.registry import DATASETS
from dmmix.testing.layouts import LAYOUTS, make_layout

pytestmark = pytest.mark.openmmlab

READERS = {
    "cifar10": (dict(type="CIFAR10", checksums=False), ("train", "test"), 10),
    "cifar100": (dict(type="CIFAR100", checksums=False), ("train", "test"), 100),
    "tiny_imagenet": (dict(type="TinyImageNet"), ("train", "val"), 4),
    "imagenet": (dict(type="ImageNet"), ("train", "val"), 4),
    "cub200": (dict(type="CUB"), ("train", "test"), 4),
    "fgvc_aircraft": (dict(type="FGVCAircraft"), ("trainval", "test"), 4),
    "stanford_cars": (dict(type="StanfordCars"), ("train", "test"), 4),
}


def build(name, root, split, **options):
    return DATASETS.build(
        {**READERS[name][0], "data_root": root, "split": split, "_scope_": "dmmix", **options}
    )


def test_all_are_read_here():
    assert set(LAYOUTS) == {*READERS, "npz", "image_folder"}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("per_class", [1, 3])
def test_each_class_has_as_many_images_as_wanted(tmp_path, name, per_class):
    root = make_layout(name, tmp_path, per_class=per_class)
    _, splits, classes = READERS[name]
    for split in splits:
        labels = build(name, root, split).get_gt_labels()
        assert np.bincount(labels).tolist() == [per_class] * classes, split


@pytest.mark.parametrize("name", READERS)
def test_the_published_classes_can_all_be_there(tmp_path, name):
    most = {"cifar10": 10, "cifar100": 100, "fgvc_aircraft": 100, "stanford_cars": 196}
    classes = {"imagenet": 12}.get(name, most.get(name, 200))
    root = make_layout(name, tmp_path, classes=classes, per_class=1, size=(8, 8))
    labels = build(name, root, READERS[name][1][0]).get_gt_labels()
    assert sorted(labels.tolist()) == list(range(classes))


def test_folders_of_all_imagenet_classes_need_no_list(tmp_path):
    root = make_layout("imagenet", tmp_path, classes=1000, per_class=1, size=(2, 2))
    assert not (tmp_path / "imagenet" / "meta" / "train.txt").exists()
    assert sorted(build("imagenet", root, "train").get_gt_labels()) == list(range(1000))
    assert sorted(build("imagenet", root, "val").get_gt_labels()) == list(range(1000))


def test_arrays_and_folders(tmp_path):
    file = make_layout("npz", tmp_path, classes=3, per_class=2, size=(9, 7))
    dataset = DATASETS.build(dict(type="NPZDataset", data_file=file, _scope_="dmmix"))
    assert dataset.get_gt_labels().tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset[0]["img"].shape == (9, 7, 3)
    root = make_layout("image_folder", tmp_path, classes=3, per_class=2)
    for split in ("train", "val"):
        folder = dict(type="DecodedFolder", data_root=root, data_prefix=split, size=8)
        dataset = DATASETS.build({**folder, "_scope_": "dmmix"})
        assert dataset.get_gt_labels().tolist() == [0, 0, 1, 1, 2, 2]
        assert dataset[0]["inputs"].shape == (3, 8, 8)


def test_the_seed_decides(tmp_path):
    images = []
    for k, seed in enumerate((0, 0, 1)):
        root = make_layout("image_folder", tmp_path / str(k), classes=1, per_class=1, seed=seed)
        images.append((tmp_path / root / "train" / "class_000" / "0.jpg").read_bytes())
    assert images[0] == images[1] != images[2]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(name="cifar"), "name must be one of cifar10, .*, got 'cifar'"),
        (dict(classes=0), "classes must be from 1 to 200 for cub200, got 0"),
        (dict(classes=201), "classes must be from 1 to 200 for cub200, got 201"),
        (dict(per_class=0), "per_class must be at least 1, got 0"),
    ],
)
def test_bad_arguments(tmp_path, options, says):
    with pytest.raises(ValueError, match=says):
        make_layout(**{"name": "cub200", "root": tmp_path / "new", **options})
    assert not (tmp_path / "new").exists()
