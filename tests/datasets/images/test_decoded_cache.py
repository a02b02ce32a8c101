"""The name of the file of decoded images says which images it has."""

import os

import numpy as np
import pytest
from mmengine.logging import MMLogger

from dmmix.datasets.images.decoded_cache import DecodedCache
from tests.machine import needs_symbolic_links

pytestmark = pytest.mark.openmmlab


@needs_symbolic_links
def test_all_that_matters_changes_the_name(tmp_path, monkeypatch):
    for file in ("a/1.jpg", "a/2.jpg", "b/2.jpg", "b/3.jpg"):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image")
        os.utime(path, (1, 1))
    data = str(tmp_path / "data")

    def name(names=("a/1.jpg", "b/2.jpg"), labels=(0, 1), backend="cv2", split="train"):
        paths = [os.path.join(data, name) for name in names]
        cache = DecodedCache(str(tmp_path), split, paths, bytes(labels), data, backend)
        return cache.path

    first = name()
    assert name() == first
    others = [
        name(names=("a/1.jpg", "b/3.jpg")), name(names=("b/2.jpg", "a/1.jpg")),
        name(names=("a/1.jpg", "a/2.jpg")), name(labels=(0, 2)), name(backend="pillow"),
        name(split="val"),
    ]  # fmt: skip
    for module, backend in (("cv2", "cv2"), ("PIL", "pillow")):
        with monkeypatch.context() as patched:
            patched.setattr(f"dmmix.datasets.images.decoded_cache.{module}.__version__", "0.0.1")
            others.append(name(backend=backend))
    changed = tmp_path / "data" / "b" / "2.jpg"
    os.utime(changed, (1, 2))
    others.append(name())
    changed.write_bytes(b"images")
    os.utime(changed, (1, 2))
    others.append(name())
    changed.unlink()
    changed.symlink_to("nowhere")
    others.append(name())
    assert len({first, *others}) == 1 + len(others)
    os.rename(tmp_path / "data", tmp_path / "moved")  # elsewhere, it is the same
    before, data = others[-1], str(tmp_path / "moved")
    assert name() == before


def test_it_is_written_and_read(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    paths = [str(tmp_path / f"{i}.jpg") for i in range(5)]
    cache = DecodedCache(str(tmp_path / "new"), "x", paths, b"", str(tmp_path), "cv2")
    assert not cache.is_there()
    cache.write(images)
    assert cache.is_there()
    assert np.array_equal(cache.read(None, mmap=False), images)
    assert np.array_equal(cache.read(np.array([3, 1]), mmap=False), images[[3, 1]])
    assert np.array_equal(cache.read(np.array([3, 1]), mmap=True).take(slice(None)), images[[3, 1]])
    more = DecodedCache(str(tmp_path / "new"), "x", paths, b"", str(tmp_path), "cv2")
    more.count = 6
    assert not more.is_there()


def test_those_of_other_images_are_told(tmp_path, caplog):
    """They take a gigabyte each, and nobody removes them."""
    images = np.zeros((2, 4, 3, 3), np.uint8)
    MMLogger.get_instance("test").addHandler(caplog.handler)
    made, root = [], str(tmp_path)
    paths = [str(tmp_path / f"{i}.jpg") for i in range(2)]
    for backend in ("cv2", "pillow"):
        cache = DecodedCache(root, "[x]", paths, b"", root, backend)
        with caplog.at_level("INFO", logger="test"):
            cache.write(images)
        made.append(cache.path)
    (message,) = [record.getMessage() for record in caplog.records]
    assert made[0] in message
    assert made[1] not in message
