"""Wrappers of mmengine, mmpretrain and torch around data sets of ours hide nothing of them."""

import copy

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils import data

from dmmix.datasets import (
    DecodedFolder,
    RepeatAugSampler,
    SemiDataset,
    Unwrapped,
    set_epoch,
    unwrap,
)
from dmmix.datasets.interface import class_names, epoch_sources, makes_repeats
from dmmix.engine import DmmixRunner
from dmmix.registry import DATASETS
from tests.datasets.pictures import picture, save

pytestmark = pytest.mark.openmmlab

COUNTS = {"ant": 2, "bee": 6}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    seed = 0
    for name, count in COUNTS.items():
        (folder / name).mkdir()
        for i in range(count):
            seed += 1
            save(folder / name / f"{i}.png", picture(40, 50, seed))
    return str(folder)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("dmmix")


def leaf(root, kind="DecodedFolder", **options):
    if kind == "InMemory":
        return dict(type="InMemory", dataset=dict(type="Digits", split="train"))
    return dict(type="DecodedFolder", data_root=root, size=16, seed=3, **options)


def build(config):
    return DATASETS.build(config)


class Opaque(data.Dataset):
    """A wrapper that nobody has heard of."""

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index]


WRAPPERS = {
    "balanced": lambda d: build(dict(type="ClassBalancedDataset", oversample_thr=1.0, dataset=d)),
    "repeat": lambda d: build(dict(type="RepeatDataset", times=2, dataset=d)),
    "concat": lambda d: build(dict(type="ConcatDataset", datasets=[d, copy.deepcopy(d)])),
    "k-fold": lambda d: build(dict(type="KFoldDataset", fold=1, num_splits=4, seed=0, dataset=d)),
    "subset": lambda d: data.Subset(build(d), [5, 1, 1, 0]),
    "split": lambda d: data.random_split(
        build(d), [0.5, 0.5], torch.Generator().manual_seed(0))[1],
    "torch concat": lambda d: data.ConcatDataset([build(d), build(d)]),
    "nested": lambda d: data.Subset(
        build(dict(type="RepeatDataset", times=2,
                   dataset=dict(type="KFoldDataset", num_splits=4, dataset=d))), [0, 3, 2]),
    "opaque": lambda d: Opaque(build(d)),
}  # fmt: skip


def loader(dataset, collate="default_collate", sampler=None, runner=DmmixRunner, **options):
    sampler = sampler or dict(type="DefaultSampler", shuffle=False)
    config = dict(dataset=dataset, batch_size=4, num_workers=0, sampler=sampler)
    return runner.build_dataloader({**config, "collate_fn": dict(type=collate), **options}, seed=0)


def pixels(made, epoch):
    set_epoch(made.dataset, epoch)
    return torch.cat([batch["inputs"] for batch in made])


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize(
    "workers", [dict(), pytest.param(dict(num_workers=2, persistent_workers=True),
                                     marks=pytest.mark.slow)])  # fmt: skip
def test_a_wrapper_froze_the_random_crops(root, name, workers):
    made = loader(WRAPPERS[name](leaf(root)), **workers)
    first, second = pixels(made, 0), pixels(made, 1)
    assert first.shape == second.shape == (len(made.dataset), 3, 16, 16)
    assert (first != second).flatten(1).any(dim=1).all()
    assert torch.equal(pixels(made, 0), first)
    fresh = loader(WRAPPERS[name](leaf(root)))
    assert torch.equal(pixels(fresh, 1), second)


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name != "opaque"])
def test_the_first_copy_of_an_image_is_cropped_as_without_the_wrapper(root, name):
    wrapped = WRAPPERS[name](leaf(root))
    made = loader(wrapped).dataset
    set_epoch(made, 2)
    seen = set()
    for i in range(len(made)):
        one, other = wrapped[i]["inputs"], made[i]["inputs"]
        same = torch.equal(one, other)
        number = one.numpy().tobytes()  # the wrapper's own copies are all alike
        assert same == (number not in seen)
        if name not in ("concat", "torch concat"):  # there two data sets have the same images
            seen.add(number)


@pytest.mark.parametrize("name", ["repeat", "balanced", "subset"])
def test_copies_of_an_image_were_alike(root, name):
    """Within an epoch, and in repeated augmentation."""
    made = unwrap(WRAPPERS[name](leaf(root)))
    n = len(made)
    images = {made[i + k * n]["inputs"].numpy().tobytes() for i in range(n) for k in range(3)}
    assert len(images) == 3 * n
    assert max(RepeatAugSampler(made, seed=0)) >= n


def test_repeated_augmentation_through_a_wrapper_was_one_crop(root):
    wrapped = Opaque(build(leaf(root)))
    with pytest.raises(ValueError, match="Opaque hides that DecodedFolder crops each copy"):
        RepeatAugSampler(wrapped, seed=0)
    assert not makes_repeats(build(leaf(root, "InMemory")))


@pytest.mark.parametrize("name", WRAPPERS)
def test_whole_batches_of_wrapped_data(root, name):
    config = leaf(root, "InMemory")
    wrapped = WRAPPERS[name](config)
    made = loader(wrapped, "whole_batch", dict(type="DefaultSampler", shuffle=True))
    assert getattr(made.dataset, "batched", False) == (name != "opaque")
    order = list(made.sampler)
    got = [(x, int(y)) for b in made for x, y in zip(b["inputs"], b["labels"], strict=True)]
    for i, (image, label) in list(zip(order, got, strict=True))[::97]:
        assert torch.equal(image.cpu(), wrapped[i]["inputs"])
        assert label == int(wrapped[i]["labels"])


def test_folds_share_no_image_and_cover_all(root):
    def fold(number, test_mode):
        return unwrap(build(dict(type="KFoldDataset", fold=number, num_splits=4, seed=1,
                                 test_mode=test_mode, dataset=leaf(root))))  # fmt: skip

    seen = []
    for number in range(4):
        train, held = fold(number, False), fold(number, True)
        paths = [{d.get_data_info(i)["img_path"] for i in range(len(d))} for d in (train, held)]
        assert not paths[0] & paths[1]
        assert len(paths[0] | paths[1]) == 8
        seen += paths[1]
        for d in (train, held):
            assert d.get_gt_labels().tolist() == [d.get_cat_ids(i)[0] for i in range(len(d))]
    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize("kind", ["DecodedFolder", "InMemory"])
def test_classes_are_balanced(root, kind):
    config = leaf(root, kind)
    if kind == "InMemory":
        config["subset"] = dict(labels_per_class=5, seed=0)
    made = unwrap(WRAPPERS["balanced"](config))
    labels = made.get_gt_labels()
    per_class = np.bincount(labels)
    if kind == "DecodedFolder":  # sqrt(1 / share), rounded up: 2 of 8, and 6 of 8
        assert per_class.tolist() == [2 * 2, 6 * 2]
    else:
        assert (per_class == per_class[0]).all()
    assert labels.tolist() == [made.get_cat_ids(i)[0] for i in range(len(made))]
    sampler = data.WeightedRandomSampler(np.where(labels == 0, 1.0, 0.0), 20)
    batches = loader(made, sampler=sampler)
    assert torch.cat([batch["labels"] for batch in batches]).tolist() == [0] * 20


def test_streams_of_wrapped_images(root):
    fold = dict(type="KFoldDataset", num_splits=4, seed=1, dataset=leaf(root))
    semi = SemiDataset(fold, dict(labels_per_class=1, seed=0))
    n = len(semi)
    first, again = (semi[k * n]["labelled"]["inputs"] for k in (0, 1))
    assert not torch.equal(first, again)  # another draw, another crop
    middle = [semi.labelled_for_evaluation([0])["inputs"] for _ in range(2)]
    assert torch.equal(*middle)
    with pytest.raises(TypeError, match="SemiDataset makes batches of two streams"):
        unwrap(data.Subset(semi, [0]))


def test_a_wrapper_by_config_is_unwrapped_and_not_copied(root):
    made = loader(dict(type="RepeatDataset", times=2, dataset=leaf(root)))
    assert isinstance(made.dataset, Unwrapped)
    assert made.dataset.metainfo["classes"] == ("ant", "bee")
    assert made.dataset.CLASSES == ("ant", "bee")
    assert "RepeatDataset: 16 samples of DecodedFolder (8)" in repr(made.dataset)
    assert isinstance(loader(leaf(root)).dataset, DecodedFolder)
    assert class_names(data.Subset(build(leaf(root)), [0])) == ("ant", "bee")
    assert class_names(data.Subset(list(range(3)), [0])) is None
    assert not set_epoch(data.Subset(list(range(3)), [0]), 1)


def test_stock_runners_tell_the_epoch_too(root):
    config = dict(type="ClassBalancedDataset", oversample_thr=1.0, dataset=leaf(root))
    made = loader(config, runner=Runner)
    assert [type(source).__name__ for source in epoch_sources(made.dataset)] == ["DecodedFolder"]
    before = made.dataset[0]["inputs"]
    assert set_epoch(made.dataset, 1)
    assert not torch.equal(made.dataset[0]["inputs"], before)
