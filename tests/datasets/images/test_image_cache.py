"""A cache of decoded images: the same crops, made once, bounded, and made anew where it must be."""

import copy
import multiprocessing
import os

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image
from torch.utils.data import DataLoader

from dmmix.datasets import DecodedFolder
from dmmix.datasets.images import image_cache, kept_images
from tests.machine import FASTEST_START

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def photos(tmp_path):
    """Odd sizes, grey, transparent, turned by EXIF, PNG, 16 bits, and large enough to reduce."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"

    def save(name, mode, height, width, **options):
        path = folder / "ab"[len(list(folder.rglob("*.*"))) % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((width, height)).convert(mode)
        image.save(path, **options)

    save("plain.jpg", "RGB", 37, 53)
    save("grey.jpg", "L", 41, 29)
    for orientation in (3, 6, 7):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(f"turned{orientation}.jpg", "RGB", 47, 91, exif=exif)
    save("through.png", "RGBA", 23, 31)
    save("palette.gif", "P", 25, 33)
    save("large.jpg", "RGB", 333, 447)
    save("panorama.jpg", "RGB", 20, 400)
    deep = rng.integers(0, 2**16, (30, 20), dtype=np.uint16)
    Image.fromarray(deep).save(folder / "a" / "deep.png")
    return folder


@pytest.fixture
def told(caplog):
    MMLogger.get_instance("test").addHandler(caplog.handler)
    caplog.set_level("INFO", logger="test")

    def told():
        lines = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return lines

    return told


def samples(dataset, epochs=(0, 1)):
    got = []
    for epoch in epochs:
        dataset.set_epoch(epoch)
        got += [dataset[i]["inputs"] for i in range(len(dataset))]
    return torch.stack(got)


def folder_of(photos, **options):
    return DecodedFolder(str(photos), **{"size": 24, "seed": 1, **options})


@pytest.mark.parametrize("where", ["memory", "folder"])
@pytest.mark.parametrize(
    "options",
    [
        dict(), dict(reduced=False), dict(square=True, resize_edge=30, interpolation="bicubic"),
        dict(scale=(0.01, 0.1), antialias=False), dict(test_mode=True), dict(size=(20, 33)),
        dict(test_mode=True, square=True, ten_crop=True), dict(cache_limit=2e-4),
        dict(subset=dict(label_fraction=0.5, seed=0)),
    ],
    ids=str,
)  # fmt: skip
def test_the_same_pixels(photos, tmp_path, monkeypatch, where, options):
    monkeypatch.setattr(kept_images, "_BLOCK", 20_000)
    cache = where if where == "memory" else str(tmp_path / "kept")
    plain = folder_of(photos, **{**options, "cache_limit": None})
    cached = folder_of(photos, cache=cache, **options)
    assert torch.equal(samples(cached), samples(plain))
    assert torch.equal(samples(copy.deepcopy(cached)), samples(plain))
    assert torch.equal(samples(cached.in_the_middle()), samples(plain.in_the_middle()))
    some = [2, 0]
    assert torch.equal(samples(cached.get_subset(some)), samples(plain.get_subset(some)))
    if where == "folder":
        again = folder_of(photos, cache=cache, **options)
        assert torch.equal(samples(again), samples(plain))


@pytest.mark.parametrize("test_mode", [False, True])
def test_files_are_not_read_again(photos, monkeypatch, test_mode):
    cached = folder_of(photos, cache="memory", test_mode=test_mode)
    monkeypatch.setattr(image_cache, "read_file", None)
    samples(cached, range(20))


@pytest.mark.parametrize(
    ("where", "method"), [("memory", FASTEST_START), ("folder", FASTEST_START), ("memory", "spawn")]
)
def test_workers(photos, tmp_path, where, method):
    cache = where if where == "memory" else str(tmp_path / "kept")
    cached, plain = folder_of(photos, cache=cache), folder_of(photos)
    loader = DataLoader(cached, 4, num_workers=2, multiprocessing_context=method)
    cached.set_epoch(1)
    got = torch.cat([batch["inputs"] for batch in loader])
    assert torch.equal(got, samples(plain, [1]))


def test_it_is_made_once_and_anew_where_an_image_changed(photos, tmp_path, told):
    cache = str(tmp_path / "kept")

    def made():
        folder_of(photos, cache=cache)
        lines = [line for line in told() if " images, " in line]
        return ["decoded" if "decoded, are in" in line else line for line in lines]

    assert made() == ["decoded"]
    (line,) = made()
    assert "10 of 10 images, of an earlier run, are in " in line
    assert [name for name in os.listdir(cache) if not name.endswith(".npy")] == []
    image = photos / "a" / "plain.jpg"
    Image.new("RGB", (60, 50), "red").save(image)
    assert made() == ["decoded"]
    assert torch.equal(
        samples(folder_of(photos, cache=cache)), samples(folder_of(photos))
    )  # fmt: skip
    (file, _) = sorted(tmp_path.glob("kept/*.npy"), key=os.path.getmtime, reverse=True)
    file.write_bytes(file.read_bytes()[:-1])  # cut off
    told()
    assert made() == ["decoded"]


def _make(photos, cache, number):
    torch.save(samples(folder_of(photos, cache=cache)), f"{cache}-{number}.pt")


def test_processes_that_begin_together(photos, tmp_path):
    cache = str(tmp_path / "kept")
    context = multiprocessing.get_context(FASTEST_START)
    processes = [context.Process(target=_make, args=(photos, cache, k)) for k in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    expected = samples(folder_of(photos))
    assert all(torch.equal(torch.load(f"{cache}-{k}.pt"), expected) for k in range(2))
    assert len(os.listdir(cache)) == 1


@pytest.mark.parametrize("limit", [1e-9, 5e-6, 2e-4])
@pytest.mark.parametrize("where", ["memory", "folder"])
def test_what_does_not_fit_is_told_once(photos, tmp_path, told, where, limit):
    cache = where if where == "memory" else str(tmp_path / "kept")
    cached = folder_of(photos, cache=cache, cache_limit=limit)
    assert 0 <= len(cached._kept) < 10
    assert cached._kept.nbytes <= max(1, limit * 2**30)
    (line,) = [line for line in told() if "do not fit" in line]
    assert f"{10 - len(cached._kept)} of 10 images do not fit into the cache" in line
    samples(cached)
    assert told() == []


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_damaged_files_are_told_when_they_are_needed(photos, tmp_path, where):
    cache = where if where == "memory" else str(tmp_path / "kept")
    (photos / "a" / "zz_empty.jpg").write_bytes(b"")
    cut = (photos / "b" / "large.jpg") if (photos / "b" / "large.jpg").exists() else None
    cut = cut or photos / "a" / "large.jpg"
    cut.write_bytes(cut.read_bytes()[:3000])
    with pytest.raises(ValueError, match="is no image or damaged"):
        samples(folder_of(photos, cache=cache))
    cached = folder_of(photos, cache=cache, corrupt="skip")
    assert torch.equal(samples(cached), samples(folder_of(photos, corrupt="skip")))
    assert cached.corrupt_count == 2


def test_a_place_that_cannot_be_written_to(photos, tmp_path, told):
    (tmp_path / "file").write_text("", encoding="utf-8")
    cached = folder_of(photos, cache=str(tmp_path / "file" / "below"))
    assert any("Decoded images are not kept" in line for line in told())
    assert torch.equal(samples(cached), samples(folder_of(photos)))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(cache="Memory"), "must be 'memory' or a folder"),
        (dict(cache=""), "must be 'memory' or a folder"),
        (dict(cache="s3://bucket/x"), "a folder of this machine"),
        (dict(cache=__file__), "is a file: name a folder"),
        (dict(cache_limit=2), "goes with cache="),
        (dict(cache="memory", cache_limit=0), "cache_limit"),
    ],
)
def test_mistakes(photos, options, says):
    with pytest.raises(ValueError, match=says):
        folder_of(photos, **options)
