"""Tiny-ImageNet: its files, the decoded cache, and what may be wrong with them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dmmix.datasets import DecodedImages, InMemory, TinyImageNet
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.images import decode_all
from dmmix.datasets.sources import tiny_imagenet
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout
from tests.datasets.pictures import picture, pixels, save
from tests.datasets.small_data import append

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def root(tmp_path):
    return make_layout("tiny_imagenet", tmp_path, classes=3, per_class=4)


def config(root, **options):
    return dict(type="TinyImageNet", data_root=root, **options)


def caches(root):
    return sorted(path.name for path in Path(root).glob("*.npy"))


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("cache", [True, False])
def test_all_images_in_memory(root, split, cache):
    source = TinyImageNet(root, split=split)
    assert source.test_mode == (split == "val")
    assert source.metainfo["classes"] == ("thing 0", "thing 1", "thing 2")
    listed = Path(root, "val", "val_annotations.txt").read_text(encoding="utf-8").splitlines()
    listed = dict(line.split("\t")[:2] for line in listed)
    for _ in range(2):  # decoded, and from the cache
        dataset = InMemory(config(root, split=split, cache=cache))
        assert len(dataset) == 12
        assert dataset.metainfo == source.metainfo
        assert np.bincount(dataset.get_gt_labels()).tolist() == [4, 4, 4]
        for i in range(12):
            info = source.get_data_info(i)
            with Image.open(info["img_path"]) as image:
                expected = np.asarray(image.convert("RGB")).astype(int)
            sample = dataset[i]
            assert sample["labels"] == info["gt_label"]
            assert np.abs(pixels(sample) - expected).mean() < 2
            name = os.path.basename(info["img_path"])
            wnid = name.split("_")[0] if split == "train" else listed[name]
            assert sorted(source.wnids)[info["gt_label"]] == wnid
    assert len(caches(root)) == cache


def test_later_runs_read_the_cache(root, monkeypatch):
    first = InMemory(config(root))
    monkeypatch.setattr(tiny_imagenet, "decode_all", None)
    again = InMemory(config(root))
    assert torch.equal(first[3]["inputs"], again[3]["inputs"])
    mapped, labels = TinyImageNet(root, mmap=True).arrays()
    assert isinstance(mapped, MappedArray)
    assert np.array_equal(mapped.take(3), pixels(first[3]))
    assert labels.tolist() == first.get_gt_labels().tolist()
    assert InMemory(config(root, mmap=True)).__getitems__([1, 3])["inputs"].shape == (2, 3, 64, 64)


def test_what_does_not_fit_is_mapped(root, monkeypatch):
    InMemory(config(root))
    size = 12 * 64 * 64 * 3
    for available, kind in ((4 * size, np.ndarray), (4 * size - 1, MappedArray)):
        monkeypatch.setattr("dmmix.datasets.arrays.memory.available_memory", lambda a=available: a)
        assert isinstance(TinyImageNet(root).arrays()[0], kind)
        assert isinstance(TinyImageNet(root, mmap=False).arrays()[0], np.ndarray)


def test_an_image_that_was_overwritten_is_decoded_again(root):
    """And what else changes the name of the cache: see test_decoded_cache."""
    path = Path(root, "train", "n01440764", "images", "n01440764_0.JPEG")
    before = InMemory(config(root))[0]["inputs"]
    save(path, picture(64, 64, 7))
    after = InMemory(config(root))[0]["inputs"]
    assert not torch.equal(after, before)
    assert torch.equal(after, InMemory(config(root, cache=False))[0]["inputs"])
    InMemory(config(root, backend="pillow"))
    assert len(caches(root)) == 3


def test_a_damaged_cache_is_made_again(root):
    expected = InMemory(config(root))
    (name,) = caches(root)
    path = Path(root, name)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:40], b"", b"\x93NUMPY\x03\x00" + whole[8:]):
        path.write_bytes(damaged)
        assert torch.equal(InMemory(config(root))[5]["inputs"], expected[5]["inputs"])
        assert path.read_bytes() == whole


def test_where_nothing_can_be_written(root, tmp_path, monkeypatch):
    elsewhere = tmp_path / "cache"
    InMemory(config(root, cache=str(elsewhere)))
    assert caches(root) == []
    assert len(caches(elsewhere)) == 1
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    count = []
    work = tiny_imagenet.decode_all
    monkeypatch.setattr(tiny_imagenet, "decode_all", lambda *a: count.append(1) or work(*a))
    assert len(InMemory(config(root, cache=str(tmp_path / "file" / "cache")))) == 12
    assert len(count) == 1


def test_a_subset_decodes_no_more(root, monkeypatch):
    seen = []
    work = tiny_imagenet.decode_all
    monkeypatch.setattr(
        tiny_imagenet, "decode_all", lambda paths, *a: seen.extend(paths) or work(paths, *a)
    )
    few = InMemory(config(root), subset=dict(labels_per_class=2, seed=1))
    assert few.get_gt_labels().tolist() == [0, 0, 1, 1, 2, 2]
    assert len(seen) == 6
    assert caches(root) == []
    whole = InMemory(config(root))
    from_cache = InMemory(config(root), subset=dict(labels_per_class=2, seed=1))
    assert from_cache.rows.tolist() == few.rows.tolist()
    for i, row in enumerate(few.rows):
        assert torch.equal(few[i]["inputs"], whole[row]["inputs"])
        assert torch.equal(few[i]["inputs"], from_cache[i]["inputs"])


def test_it_is_a_dataset_of_files_as_well(root):
    dataset = DecodedImages(config(root), size=32, seed=1)
    assert dataset[0]["inputs"].shape == (3, 32, 32)
    assert not dataset.test_mode
    assert DecodedImages(config(root, split="val"), size=32).test_mode
    pipeline = [dict(type="LoadImageFromFile"), dict(type="PackLabels")]
    single = DATASETS.build({**config(root, pipeline=pipeline), "_scope_": "dmmix"})
    assert single[0]["inputs"].shape == (3, 64, 64)


def damage(root, *names):
    for name in names:
        path = Path(root, "train", name.split("_")[0], "images", name)
        path.write_bytes(path.read_bytes()[:200])


def test_corrupt_images(root):
    damage(root, "n01440764_2.JPEG", "n01484850_0.JPEG")
    with pytest.raises(
        ValueError, match=r"n01440764_2\.JPEG is no image or damaged: .*\(1 more are, too\)"
    ):
        InMemory(config(root))
    assert caches(root) == []
    source = TinyImageNet(root, corrupt="skip")
    images, labels = source.arrays()
    assert len(images) == len(labels) == 10
    assert labels.tolist() == [0] * 3 + [1] * 4 + [2] * 3
    assert source.corrupt_count == 2
    assert source.corrupt_files[0].endswith("n01440764_2.JPEG")
    assert caches(root) == []  # they may be put right
    assert (images.reshape(10, -1).max(1) > 0).all()
    assert len(InMemory(config(root, corrupt="skip"))) == 10


def subset(root, labels_per_class, **options):
    dataset = InMemory(config(root, **options), subset=dict(labels_per_class=labels_per_class))
    return dataset, dataset.rows.tolist()


def test_a_corrupt_image_of_a_label_subset_is_replaced(root):
    """By another of its class, which rows tells."""
    whole = InMemory(config(root, cache=False))
    before = subset(root, 2)[1]
    bad, stays = before[2:4]
    damage(root, f"n01443537_{bad - 4}.JPEG")
    with pytest.raises(ValueError, match=rf"n01443537_{bad - 4}\.JPEG is no image or damaged"):
        subset(root, 2)
    source = TinyImageNet(root, corrupt="skip")
    few = InMemory(source, subset=dict(labels_per_class=2))
    rows = few.rows.tolist()
    assert source.corrupt_count == 1
    assert rows == sorted(rows)
    assert rows[:2] + rows[4:] == before[:2] + before[4:]
    assert stays in rows
    assert bad not in rows
    assert few.get_gt_labels().tolist() == [0, 0, 1, 1, 2, 2]
    for i, row in enumerate(rows):
        assert torch.equal(few[i]["inputs"], whole[row]["inputs"])
    assert caches(root) == []


def test_a_class_with_too_few_images_for_its_subset(root):
    damage(root, *(f"n01440764_{i}.JPEG" for i in range(3)))
    few, rows = subset(root, 4, corrupt="skip")
    assert rows == list(range(3, 12))
    assert few.get_gt_labels().tolist() == [0] + [1] * 4 + [2] * 4
    damage(root, "n01440764_3.JPEG")
    with pytest.raises(ValueError, match=r"n01440764_\d\.JPEG is no image .*='skip' leaves it out"):
        subset(root, 1)
    says = r"n01440764_\d\.JPEG is no image .*, and so is every image of its class"
    with pytest.raises(ValueError, match=says):
        subset(root, 1, corrupt="skip")


def test_an_image_of_another_size(root):
    save(Path(root, "train", "n01440764", "images", "n01440764_1.JPEG"), picture(64, 63))
    with pytest.raises(ValueError, match=r"n01440764_1\.JPEG .*: it is 64 x 63, not \(64, 64\)"):
        InMemory(config(root))


LISTED = "val/val_annotations.txt"
WRONG = [
    ("val", lambda r: append(r / LISTED, "val_9.JPEG\tn0\t0\t0\t1\t1\n"),
     ValueError, r"val_annotations\.txt, line 13: class 'n0' is not in wnids"),
    ("val", lambda r: append(r / LISTED, "val_99.JPEG\tn01440764\n"),
     FileNotFoundError, r"line 13: there is no .*val/images/val_99\.JPEG"),
    ("val", lambda r: (r / LISTED).write_bytes(b""), ValueError, "annotations.txt lists no"),
    ("val", lambda r: (r / LISTED).unlink(), FileNotFoundError, r"annotations\.txt does not exist"),
    ("val", lambda r: [p.write_bytes(b"") for p in (r / "val/images").glob("*")],
     ValueError, "none of the 12 images in"),
    ("train", lambda r: [p.unlink() for p in (r / "train/n01443537/images").glob("*")],
     ValueError, r"n01443537/images has no images: class n01443537 is empty"),
    ("train", lambda r: append(r / "wnids.txt", "n09999999\n"),
     FileNotFoundError, r"no folder .*n09999999/images; there is only .*train"),
    ("train", lambda r: append(r / "wnids.txt", "n01440764\n"),
     ValueError, r"wnids\.txt must list classes, each once"),
    ("train", lambda r: (r / "wnids.txt").unlink(),
     FileNotFoundError, r"has no wnids\.txt: is it tiny-imagenet-200\?"),
]  # fmt: skip


@pytest.mark.parametrize(("split", "change", "error", "says"), WRONG)
def test_files_that_are_wrong(root, split, change, error, says):
    change(Path(root))
    with pytest.raises(error, match=says):
        InMemory(config(root, split=split, corrupt="skip"))


def test_the_folder_around_it_is_told(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is .*/tiny-imagenet-200 \(dmmix data prep"):
        TinyImageNet(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"does not exist; did you mean '.*imagenet-200'"):
        TinyImageNet(root + "0")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(split="test"), r"split must be 'train' or 'val', got 'test'"),
        (dict(mmap="no"), "mmap must be True or False or 'auto', got 'no'"),
        (dict(mmap=True, cache=False), "mmap=True maps the file that cache=False does without"),
    ],
)
def test_bad_arguments(options, says):
    with pytest.raises(ValueError, match=says):
        TinyImageNet("nowhere", **options)


def test_names_are_optional(root):
    Path(root, "words.txt").unlink()
    assert TinyImageNet(root).metainfo["classes"] == ("n01440764", "n01443537", "n01484850")


def test_many_images_show_progress(root, capsys, monkeypatch):
    monkeypatch.setattr(decode_all, "_MANY", 5)
    monkeypatch.setattr(decode_all, "_PIECE", 2)
    InMemory(config(root))
    shown = capsys.readouterr().err
    assert "Tiny-ImageNet train" in shown
    assert "12/12" in shown
    assert "bytes" not in shown
