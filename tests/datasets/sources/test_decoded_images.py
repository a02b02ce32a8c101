"""DecodedImages: any list of image files; what DecodedFolder's tests do not show."""

import copy
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv import imresize
from mmengine.logging import MMLogger
from PIL import Image
from scipy.io import loadmat, savemat
from torch.utils.data import DataLoader

from dmmix.datasets import DecodedFolder, DecodedImages
from dmmix.datasets.images.crops import draw_crop_box
from dmmix.registry import DATASETS, TRANSFORMS
from dmmix.testing.layouts import make_layout
from tests.datasets.pictures import picture, pixels, save
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
        sample = dataset[i]
        assert sample["inputs"].shape == (3, *SIZE)
        assert (sample["inputs"].dtype, sample["labels"].dtype) == (torch.uint8, torch.int64)
        assert sample["labels"].shape == ()
        assert sample["labels"].item() == info["gt_label"]
    given = DecodedImages(source, size=SIZE, seed=1, test_mode=testing)
    assert torch.equal(inputs(given), inputs(dataset))


def test_it_makes_what_decoded_folder_makes(tmp_path):
    root = make_layout("image_folder", tmp_path, classes=2, per_class=3) + "/train"
    for options in (dict(scale=(0.2, 0.9)), dict(test_mode=True, resize_edge=40)):
        folder = DecodedFolder(root, size=SIZE, seed=3, **options)
        custom = dict(type="CustomDataset", data_root=root)
        images = DecodedImages(custom, size=SIZE, seed=3, **options)
        assert torch.equal(inputs(folder), inputs(images))


def one_picture(tmp_path, height=90, width=140):
    image = picture(height, width, 3)
    (tmp_path / "a").mkdir()
    save(tmp_path / "a" / "0.png", image)
    return str(tmp_path), image


def test_boxes_of_a_square_have_the_shape_of_the_image(tmp_path):
    root, image = one_picture(tmp_path)
    dataset = DecodedFolder(root, size=20, seed=3, square=True, scale=(0.3, 1), resize_edge=256)
    for epoch in range(5):
        dataset.set_epoch(epoch)
        rng = np.random.default_rng((3, epoch, 0))
        top, left, h, w = draw_crop_box(256, 256, (0.3, 1), (3 / 4, 4 / 3), rng)
        rows = slice(round(top * 90 / 256), round((top + h) * 90 / 256))
        columns = slice(round(left * 140 / 256), round((left + w) * 140 / 256))
        expected = cv2.resize(image[rows, columns], (20, 20), interpolation=cv2.INTER_AREA)
        assert np.array_equal(pixels(dataset[0]), expected)


def test_testing_with_a_square(tmp_path):
    root, image = one_picture(tmp_path)
    dataset = DecodedFolder(root, size=20, square=True, resize_edge=30, test_mode=True)
    expected = cv2.resize(image, (30, 30), interpolation=cv2.INTER_AREA)[5:25, 5:25]
    assert np.array_equal(pixels(dataset[0]), expected)


@pytest.mark.parametrize(
    ("size", "ratio", "edge"), [(224, 0.875, 256), (224, 0.95, 236), (64, 1, 64)]
)
def test_crop_ratio(tmp_path, size, ratio, edge):
    root, _ = one_picture(tmp_path)
    found = DecodedFolder(root, size=size, test_mode=True, crop_ratio=ratio)
    assert torch.equal(
        found[0]["inputs"],
        DecodedFolder(root, size=size, test_mode=True, resize_edge=edge)[0]["inputs"],
    )


def test_bicubic_is_pillows(tmp_path):
    root, image = one_picture(tmp_path)
    whole = dict(size=(30, 47), scale=(1, 1), ratio=(140 / 90, 140 / 90))
    dataset = DecodedFolder(root, interpolation="bicubic", **whole)
    expected = np.asarray(Image.fromarray(image).resize((47, 30), Image.Resampling.BICUBIC))
    assert np.array_equal(pixels(dataset[0]), expected)
    assert not torch.equal(DecodedFolder(root, **whole)[0]["inputs"], dataset[0]["inputs"])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_without_antialiasing_a_crop_is_mmpretrains(tmp_path, interpolation):
    root, image = one_picture(tmp_path)
    options = dict(size=20, seed=3, scale=(0.3, 1), interpolation=interpolation)
    dataset = DecodedFolder(root, antialias=False, **options)
    rng = np.random.default_rng((3, 0, 0))
    top, left, h, w = draw_crop_box(90, 140, (0.3, 1), (3 / 4, 4 / 3), rng)
    box = image[top : top + h, left : left + w]
    expected = imresize(box, (20, 20), interpolation=interpolation, backend="cv2")
    found = pixels(dataset[0])
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert not torch.equal(DecodedFolder(root, **options)[0]["inputs"], dataset[0]["inputs"])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_without_antialiasing_testing_is_mmpretrains(tmp_path, interpolation):
    """Its transforms, on the same picture."""
    root, image = one_picture(tmp_path)
    options = dict(size=20, resize_edge=31, test_mode=True, interpolation=interpolation)
    resized = TRANSFORMS.build(
        dict(type="ResizeEdge", scale=31, edge="short", interpolation=interpolation)
    )
    cropped = TRANSFORMS.build(dict(type="CenterCrop", crop_size=20))
    expected = cropped(resized({"img": image}))["img"]
    found = pixels(DecodedFolder(root, antialias=False, **options)[0])
    assert np.abs(found.astype(int) - expected).max() <= 1
    smooth = pixels(DecodedFolder(root, **options)[0])
    assert np.abs(smooth.astype(int) - expected).max() > 1


@pytest.mark.parametrize("size", [20, (17, 24)])
@pytest.mark.parametrize("options", [dict(), dict(square=True), dict(antialias=False)])
def test_ten_crops_are_torchvisions(tmp_path, size, options):
    from torchvision.transforms import TenCrop  # when dmmix has made it importable

    root, _ = one_picture(tmp_path)
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


def test_a_corrupt_image_is_named(birds):
    dataset = of_birds(birds)
    (path,) = damage(dataset, 4)
    with pytest.raises(ValueError, match=f"{path} is no image or damaged: "):
        dataset[4]
    Path(path).unlink()
    with pytest.raises(ValueError, match=f"{path} is no image or damaged: .*No such file"):
        dataset[4]
    assert dataset.corrupt_count == 0


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


def test_nothing_to_put_in_its_place(birds):
    dataset = of_birds(birds, corrupt="skip")
    damage(dataset, *range(9))
    with pytest.raises(ValueError, match="none of the 9 images of CUB can be decoded"):
        dataset[0]


def test_a_label_out_of_range(tmp_path):
    root = make_layout("imagenet", tmp_path)
    listed = Path(root, "meta", "train.txt")
    append(listed, "n01440764/more.JPEG 1000\n")
    with pytest.raises(
        ValueError,
        match=r"train/n01440764/more\.JPEG has the label 1000, .* and below 1000; 1 of 17",
    ):
        DecodedImages(reader("imagenet", root))
    DecodedImages(reader("imagenet", root), num_classes=1001)
    birds = make_layout("cub200", tmp_path, classes=3)
    listed = Path(birds, "image_class_labels.txt")
    replace(listed, "5 1\n", "5 0\n")
    with pytest.raises(ValueError, match=r"001\.Bird_1/.*\.jpg has the label -1, labels must be"):
        of_birds(birds)
    folder = make_layout("image_folder", tmp_path, classes=3)
    with pytest.raises(ValueError, match=r"class_002/.* has the label 2, .* and below 2; 4 of 12"):
        DecodedFolder(folder + "/val", num_classes=2)


def test_classes_without_images_are_told(birds, logged):
    of_birds(birds)
    assert logged == ["CUB: 197 of 200 classes have no image: 3 ('Groove_billed_Ani'), "
                      "4 ('Crested_Auklet'), 5 ('Least_Auklet'), ..."]  # fmt: skip
    of_birds(birds, "test")
    assert len(logged) == 1


def test_a_class_folder_without_images(tmp_path):
    root = make_layout("image_folder", tmp_path, classes=3) + "/train"
    Path(root, "class_001", "notes.txt").write_text("no image", encoding="utf-8")
    for file in Path(root, "class_001").glob("*.jpg"):
        file.unlink()
    with pytest.raises(
        ValueError, match=r"train/class_001 has no images \(names that end in .*\.bmp"
    ):
        DecodedFolder(root)
    dataset = DecodedFolder(root, allow_empty=True)
    assert np.bincount(dataset.get_gt_labels()).tolist() == [4, 0, 4]


def test_images_without_labels(tmp_path):
    root = make_layout("image_folder", tmp_path, classes=3) + "/train"
    dataset = DecodedFolder(root, size=SIZE, with_label=False)
    assert len(dataset) == 12
    assert dataset[0]["labels"].item() == -1


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
    planes = make_layout("fgvc_aircraft", tmp_path)
    listed = Path(planes, "data", "images_variant_test.txt")
    append(listed, "1 No-Plane\n")
    with pytest.raises(
        ValueError, match=r"images_variant_test\.txt cannot be read as FGVCAircraft's"
    ):
        DecodedImages(reader("fgvc_aircraft", planes, "test"))
    listed = Path(birds, "image_class_labels.txt")
    append(listed, "1000 1\n")
    with pytest.raises(
        ValueError, match=r"images\.txt cannot be read as CUB's: sample_ids should be"
    ):
        of_birds(birds)
    cars = make_layout("stanford_cars", tmp_path)
    Path(cars, "devkit", "cars_test_annos_withlabels.mat").unlink()
    with pytest.raises(
        ValueError, match="stanford_cars: The dataset is incorrectly organized, please"
    ):
        DecodedImages(reader("stanford_cars", cars, "test"))
    with pytest.raises(
        FileNotFoundError, match=r"no folder .*did you mean '.*stanford_cars'.*prepare"
    ):
        DecodedImages(reader("stanford_cars", cars[:-1]))
    annotations = loadmat(Path(cars, "devkit", "cars_train_annos.mat"))["annotations"]
    savemat(Path(cars, "devkit", "cars_train_annos.mat"), {"other": annotations})
    with pytest.raises(ValueError, match=r"cars_train_annos\.mat cannot be read as StanfordCars's"):
        DecodedImages(reader("stanford_cars", cars))


def test_what_is_no_dataset_of_files():
    with pytest.raises(TypeError, match=r"needs 'img_path', Digits has .*InMemory is for"):
        DecodedImages(dict(type="Digits"))
