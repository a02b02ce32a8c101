"""DecodedImages: any list of image files; what DecodedFolder's tests do not show."""

import copy
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from scipy.io import loadmat, savemat
from torch.utils.data import DataLoader

from dmmix.datasets import DecodedFolder, DecodedImages
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout
from tests.datasets.pictures import picture, save
from tests.datasets.small_data import append, replace
from tests.machine import START_METHODS

pytestmark = pytest.mark.openmmlab

SIZE = (24, 32)
READERS = {
    "imagenet": ("ImageNet", "train", "val"),
    "cub200": ("CUB", "train", "test"),
    "fgvc_aircraft": ("FGVCAircraft", "trainval", "test"),
    "stanford_cars": ("StanfordCars", "train", "test"),
}


def reader(name, root, split=None, **options):
    kind, train, _ = READERS[name]
    return dict(type=kind, data_root=root, split=split or train, **options)


def inputs(dataset, indices=None):
    return torch.stack([dataset[i]["inputs"] for i in indices or range(len(dataset))])


@pytest.fixture
def birds(tmp_path):
    return make_layout("cub200", tmp_path, classes=3, per_class=3)


def of_birds(birds, split=None, **options):
    return DecodedImages(reader("cub200", birds, split), size=SIZE, seed=1, **options)


@pytest.fixture
def logged(monkeypatch):
    """Warnings, as they are logged."""
    lines = []
    logger = MMLogger.get_instance("test")
    handler = logging.Handler()
    handler.setLevel("WARNING")
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    return lines


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("testing", [False, True])
def test_samples(tmp_path, name, testing):
    root = make_layout(name, tmp_path, classes=3, per_class=2)
    split = READERS[name][2 if testing else 1]
    config = reader(name, root, split)
    dataset = DecodedImages(config, size=SIZE, seed=1)
    source = DATASETS.build({**config, "_scope_": "dmmix"})
    assert dataset.test_mode == testing  # as the split says
    assert len(dataset) == len(source) == 6
    assert dataset.metainfo == source.metainfo
    assert dataset.get_gt_labels().tolist() == source.get_gt_labels().tolist()
    for i in range(6):
        info = source.get_data_info(i)
        assert dataset.get_data_info(i) == {**info, "sample_idx": i}
        assert dataset.get_cat_ids(i) == [info["gt_label"]]
        assert dataset[i]["inputs"].shape == (3, *SIZE)
    given = DecodedImages(source, size=SIZE, seed=1, test_mode=testing)
    assert torch.equal(inputs(given), inputs(dataset))


def one_picture(tmp_path):
    (tmp_path / "a").mkdir()
    save(tmp_path / "a" / "0.png", picture(90, 140, 3))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("size", "ratio", "edge"), [(224, 0.875, 256), (224, 0.95, 236), (64, 1, 64)]
)
def test_crop_ratio(tmp_path, size, ratio, edge):
    root = one_picture(tmp_path)
    found = DecodedFolder(root, size=size, test_mode=True, crop_ratio=ratio)
    assert torch.equal(
        found[0]["inputs"],
        DecodedFolder(root, size=size, test_mode=True, resize_edge=edge)[0]["inputs"],
    )


@pytest.mark.parametrize("size", [20, (17, 24)])
@pytest.mark.parametrize("options", [dict(), dict(square=True), dict(antialias=False)])
def test_ten_crops_are_torchvisions(tmp_path, size, options):
    from torchvision.transforms import TenCrop  # when dmmix has made it importable

    root = one_picture(tmp_path)
    height, width = (size, size) if isinstance(size, int) else size
    options = dict(resize_edge=31, test_mode=True, **options)
    found = DecodedFolder(root, size=size, ten_crop=True, **options)[0]
    assert found["inputs"].shape == (10, 3, height, width)
    assert found["inputs"].dtype == torch.uint8
    assert found["inputs"].is_contiguous()
    assert found["labels"].shape == ()
    whole = {**options, "square": True}  # which cuts nothing off
    if not options.get("square"):
        # All of an image of 90 x 140, its short edge resized to 31.
        whole = dict(size=(31, 48), scale=(1, 1), ratio=(14 / 9, 14 / 9))
        whole["antialias"] = options.get("antialias", True)
    resized = DecodedFolder(root, **{"size": 31, **whole})[0]["inputs"]
    assert torch.equal(found["inputs"], torch.stack(TenCrop((height, width))(resized)))
    middle = DecodedFolder(root, size=size, **options)[0]["inputs"]
    assert torch.equal(found["inputs"][4], middle)


def test_ten_crops_are_for_testing(birds):
    with pytest.raises(ValueError, match=r"ten_crop=True is for testing.*: say test_mode=True"):
        DecodedImages(reader("cub200", birds), ten_crop=True, lazy_init=True)
    dataset = of_birds(birds, "test", ten_crop=True)
    assert next(iter(DataLoader(dataset, batch_size=2)))["inputs"].shape == (2, 10, 3, *SIZE)


def damage(dataset, *indices):
    paths = [dataset.get_data_info(i)["img_path"] for i in indices]
    for path in paths:
        Path(path).write_bytes(Path(path).read_bytes()[:300])
    return paths


@pytest.mark.parametrize("test_mode", [False, True])
def test_a_corrupt_image_is_skipped_and_counted(birds, logged, test_mode):
    dataset = of_birds(birds, corrupt="skip", test_mode=test_mode)
    fine = [dataset[i] for i in range(9)]
    paths = damage(dataset, 3, 4, 8)
    logged.clear()
    found = [dataset[i] for i in range(9)]
    for i, takes in enumerate([0, 1, 2, 5, 5, 5, 6, 7, 0]):
        assert torch.equal(found[i]["inputs"], fine[takes]["inputs"])
        assert found[i]["labels"] == fine[takes]["labels"]
    assert dataset.corrupt_count == 3
    assert dataset.corrupt_files == paths
    assert len(logged) == 3  # each once, though 4 was met twice
    assert logged[0].startswith(f"{paths[0]} is no image or damaged: ")
    dataset.set_epoch(1)
    assert logged[3].startswith(
        f"3 of 9 images are corrupt and were replaced by others so far: {paths[0]}, "
    )
    dataset.set_epoch(2)
    assert len(logged) == 4  # nothing new
    damage(dataset, *{*range(9)} - {3, 4, 8})
    with pytest.raises(ValueError, match="none of the 9 images of CUB can be decoded"):
        dataset[0]


#: Of the ways to start a process.
SPEED = dict(spawn=pytest.mark.slow, forkserver=pytest.mark.slow)


@pytest.mark.parametrize(
    "context", [pytest.param(c, marks=SPEED.get(c, ())) for c in START_METHODS]
)
def test_workers_count_together(birds, context):
    dataset = of_birds(birds, corrupt="skip")
    damage(dataset, 0, 3, 8)
    expected = inputs(dataset)
    fresh = of_birds(birds, corrupt="skip")
    loader = DataLoader(fresh, batch_size=3, num_workers=2, multiprocessing_context=context)
    # New workers in each epoch; how they are started makes no difference to that.
    for _ in range(2 if context == "fork" else 1):
        assert torch.equal(torch.cat([batch["inputs"] for batch in loader]), expected)
        assert fresh.corrupt_count == 3


def test_workers_hear_of_a_copy_too(birds):
    """mmengine copies a dataset that it is given."""
    given = of_birds(birds, corrupt="skip")
    damage(given, 3)
    dataset = copy.deepcopy(given)
    loader = DataLoader(dataset, batch_size=9, num_workers=1, persistent_workers=True)
    seen = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        seen.append(next(iter(loader))["inputs"])
        assert dataset.corrupt_count == 1
        assert torch.equal(seen[-1], inputs(dataset))
    assert not torch.equal(*seen)
    assert given.corrupt_count == 0


def test_labels_out_of_range(tmp_path):
    root = make_layout("imagenet", tmp_path)
    append(Path(root, "meta", "train.txt"), "n01440764/more.JPEG 1000\n")
    says = r"train/n01440764/more\.JPEG has the label 1000, .* and below 1000; 1 of 17"
    with pytest.raises(ValueError, match=says):
        DecodedImages(reader("imagenet", root))
    DecodedImages(reader("imagenet", root), num_classes=1001)
    birds = make_layout("cub200", tmp_path, classes=3)
    replace(Path(birds, "image_class_labels.txt"), "5 1\n", "5 0\n")
    with pytest.raises(ValueError, match=r"001\.Bird_1/.*\.jpg has the label -1, labels must be"):
        of_birds(birds)
    folder = make_layout("image_folder", tmp_path, classes=3)
    with pytest.raises(ValueError, match=r"class_002/.* has the label 2, .* and below 2; 4 of 12"):
        DecodedFolder(folder + "/val", num_classes=2)


def test_classes_without_images_are_told(birds, logged, tmp_path):
    of_birds(birds)
    assert logged == ["CUB: 197 of 200 classes have no image: 3 ('Groove_billed_Ani'), "
                      "4 ('Crested_Auklet'), 5 ('Least_Auklet'), ..."]  # fmt: skip
    of_birds(birds, "test")
    assert len(logged) == 1
    root = make_layout("image_folder", tmp_path, classes=3) + "/train"
    for file in Path(root, "class_001").glob("*.jpg"):
        file.rename(file.with_suffix(".txt"))
    says = r"train/class_001 has no images \(names that end in .*\.bmp"
    with pytest.raises(ValueError, match=says):
        DecodedFolder(root)
    dataset = DecodedFolder(root, allow_empty=True)
    assert np.bincount(dataset.get_gt_labels()).tolist() == [4, 0, 4]


def test_names_of_all_kinds(tmp_path):
    (tmp_path / "Äpfel").mkdir()
    names = ["a b.png", "ü.png", "金.png"]
    for seed, name in enumerate(names):
        save(tmp_path / "Äpfel" / name, picture(30, 40, seed))
    dataset = DecodedFolder(str(tmp_path), size=20)
    found = [dataset.get_data_info(i)["img_path"] for i in range(3)]
    assert found == [str(tmp_path / "Äpfel" / name) for name in sorted(names)]
    assert len({tuple(image.flatten().tolist()) for image in inputs(dataset)}) == 3


def test_annotations_that_cannot_be_read(tmp_path, birds):
    def fails(says, name, root, split=None, error=ValueError):
        with pytest.raises(error, match=says):
            DecodedImages(reader(name, root, split))

    planes = make_layout("fgvc_aircraft", tmp_path)
    append(Path(planes, "data", "images_variant_test.txt"), "1 No-Plane\n")
    says = r"images_variant_test\.txt cannot be read as FGVCAircraft's"
    fails(says, "fgvc_aircraft", planes, "test")
    append(Path(birds, "image_class_labels.txt"), "1000 1\n")
    fails(r"images\.txt cannot be read as CUB's: sample_ids should be", "cub200", birds)
    cars = make_layout("stanford_cars", tmp_path)
    kit = Path(cars, "devkit")
    (kit / "cars_test_annos_withlabels.mat").unlink()
    says = "stanford_cars: The dataset is incorrectly organized, please"
    fails(says, "stanford_cars", cars, "test")
    says = r"no folder .*did you mean '.*stanford_cars'.*prepare"
    fails(says, "stanford_cars", cars[:-1], error=FileNotFoundError)
    annotations = loadmat(kit / "cars_train_annos.mat")["annotations"]
    savemat(kit / "cars_train_annos.mat", {"other": annotations})
    fails(r"cars_train_annos\.mat cannot be read as StanfordCars's", "stanford_cars", cars)


def test_what_is_no_dataset_of_files():
    with pytest.raises(TypeError, match=r"needs 'img_path', Digits has .*InMemory is for"):
        DecodedImages(dict(type="Digits"))
