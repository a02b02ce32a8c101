"""The code on the page about data is run, and its configs make batches."""

import re
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from dmmix.datasets import set_epoch, unwrap
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout
from tests.datasets.pictures import picture, save
from tests.datasets.small_data import SmallCIFAR10, write_cifar

pytestmark = pytest.mark.openmmlab

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"
PARTS = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = {title: BLOCK.findall(text) for title, text in zip(PARTS[1::2], PARTS[2::2], strict=True)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The data that the page takes for granted, in the folder that it is run in."""
    monkeypatch.chdir(tmp_path)
    write_cifar(tmp_path / "data" / "cifar10", SmallCIFAR10)
    make_layout("cub200", tmp_path / "data")
    make_layout("tiny_imagenet", tmp_path / "data")
    for split in ("train", "val"):
        for name in ("ant", "bee"):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            save(folder / "1.jpg", picture(240, 300))


def batch_of(config):
    config = {**config, "num_workers": 0}
    if config["dataset"].get("dataset", {}).get("type") == "CIFAR10":
        config["dataset"]["dataset"]["type"] = SmallCIFAR10
    return next(iter(Runner.build_dataloader(config, seed=0)))


def test_all_of_it_is_run():
    assert [title for title, blocks in CODE.items() if blocks] == [
        "Your own arrays",
        "CIFAR and MNIST",
        "Digits",
        "InMemory",
        "Folders of photos",
        "Image files",
        "Tiny-ImageNet",
        "Wrapped data sets",
        "Fewer labels",
    ]


@pytest.mark.parametrize(
    ("title", "key", "shape"),
    [
        ("Your own arrays", "train_dataloader", (16, 3, 32, 32)),
        ("CIFAR and MNIST", "train_dataloader", (60, 3, 32, 32)),
        ("Folders of photos", "train_dataloader", (2, 3, 224, 224)),
        ("Folders of photos", "val_dataloader", (2, 3, 224, 224)),
        ("Image files", "train_dataloader", (16, 3, 224, 224)),
        ("Tiny-ImageNet", "train_dataloader", (16, 3, 64, 64)),
    ],
)
def test_configs_make_batches(title, key, shape):
    init_default_scope("dmmix")
    names = {}
    for block in CODE[title]:
        exec(block, names)
    batch = batch_of(names[key])
    assert batch["inputs"].shape == shape
    assert batch["labels"].shape == shape[:1]


def test_digits():
    names = {}
    exec(CODE["Digits"][0], names)
    assert len(DATASETS.build(names["dataset"])) == 100


def test_wrapped_data_sets():
    names = {}
    exec(CODE["Wrapped data sets"][0], names)
    init_default_scope("dmmix")
    made = unwrap(DATASETS.build(names["dataset"]))
    assert len(made) == 4  # two classes of one image, twice each
    assert set_epoch(made, 1)


def test_fewer_labels():
    names = {}
    exec(CODE["Fewer labels"][0], names)
    names["dataset"]["dataset"]["type"] = SmallCIFAR10
    names["dataset"]["dataset"]["download"] = False
    assert 9 <= len(DATASETS.build(names["dataset"])) < 30  # of 60, in ten classes


def test_plain_pytorch():
    names = {}
    exec(CODE["Your own arrays"][0], names)
    exec(CODE["InMemory"][0], names)
    assert names["images"].shape == (16, 3, 32, 32)
    assert names["labels"].shape == (16,)
