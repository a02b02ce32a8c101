"""Index files of label subsets: made once, read by all, checked against data and arguments."""

import hashlib
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from dmmix.datasets import check_subset, subset_indices
from dmmix.datasets.subsets import subset_file
from tests.machine import FASTEST_START

pytestmark = pytest.mark.openmmlab

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [20, 30, 41]))
FEW = dict(labels_per_class=4, seed=0)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "splits" / "few.json")


def change(path, **changes):
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    Path(path).write_text(json.dumps({**data, **changes}), encoding="utf-8")


def test_it_is_made_once_and_then_decides(path):
    made = subset_indices(LABELS, dict(FEW, file=path))
    assert np.array_equal(made, subset_indices(LABELS, FEW))
    # Someone else's choice, of the same kind.
    others = np.sort(np.concatenate([np.flatnonzero(c == LABELS)[-4:] for c in range(3)]))
    assert not np.array_equal(others, made)
    change(path, indices=others.tolist())
    before = os.stat(path).st_mtime_ns
    for subset in (dict(FEW, file=path), dict(file=path), dict(file=path, seed=0)):
        found = subset_indices(LABELS, subset)
        assert found.dtype == np.int64
        assert np.array_equal(found, others)
    assert os.stat(path).st_mtime_ns == before
    assert os.listdir(os.path.dirname(path)) == ["few.json"]


def test_what_it_says(path):
    indices = subset_indices(LABELS, dict(label_fraction=0.15, seed=3, file=path), ["a", "b", "ä"])
    text = Path(path).read_text(encoding="utf-8")
    assert json.loads(text) == {
        "format": "dmmix label subset",
        "version": 1,
        "label_fraction": 0.15,
        "seed": 3,
        "samples": 14,
        "dataset_samples": 91,
        "dataset_labels_sha256": subset_file.labels_checksum(LABELS),
        "dataset_samples_per_class": [20, 30, 41],
        "classes": ["a", "b", "ä"],
        "indices": indices.tolist(),
    }
    assert max(map(len, text.splitlines())) <= 100
    assert "ä" in text


def test_the_checksum_is_of_the_labels_in_their_order_and_not_of_their_type():
    checksum = subset_file.labels_checksum(np.array([1, 0, 300]))
    expected = b"".join(n.to_bytes(8, "little") for n in (1, 0, 300))
    assert checksum == hashlib.sha256(expected).hexdigest()
    assert checksum == subset_file.labels_checksum(np.array([1, 0, 300], dtype=np.int16))
    assert checksum != subset_file.labels_checksum(np.array([0, 1, 300]))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (dict(labels_per_class=5), r"made with labels_per_class=4, seed=0, asked for is labels_per_"
         r"class=5, seed=0: name another"),
        (dict(labels_per_class=4, seed=1), "asked for is labels_per_class=4, seed=1"),
        (dict(label_fraction=0.2), "asked for is label_fraction=0.2, seed=0"),
        (dict(seed=1), "asked for is seed=1"),
    ],
)  # fmt: skip
def test_other_arguments_are_told_before_there_is_data(path, asked, says):
    subset_indices(LABELS, dict(FEW, file=path))
    with pytest.raises(ValueError, match=rf"few.json was.*{says}"):
        check_subset(dict(asked, file=path))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (LABELS[1:], "dataset of 91 samples, this one has 90"),
        (np.where(LABELS == 2, 3, LABELS), "3 classes, this one has 4"),
        (np.where(np.arange(91) == np.argmax(LABELS == 0), 1, LABELS), "20 samples of class 0, t.*"
         "has 19"),
        (LABELS[::-1], "another order"),
    ],
)  # fmt: skip
def test_other_data(path, labels, says):
    subset_indices(LABELS, dict(FEW, file=path))
    with pytest.raises(ValueError, match=rf"few.json was made for a.*{says}"):
        subset_indices(labels, dict(FEW, file=path))


def test_a_file_that_keeps_not_what_it_promises(path):
    made = subset_indices(LABELS, dict(FEW, file=path)).tolist()
    change(path, indices=made[1:], samples=11)
    with pytest.raises(ValueError, match=r"has 3 samples of class \d, but labels_per_class=4"):
        subset_indices(LABELS, dict(file=path))


def test_a_choice_that_came_from_somewhere_else(path):
    subset_indices(LABELS, dict(FEW, file=path))
    change(path, labels_per_class=None, seed=None, indices=[3, 5], samples=2)
    assert subset_indices(LABELS, dict(file=path)).tolist() == [3, 5]
    with pytest.raises(ValueError, match="was made with no arguments, asked for is labels_per"):
        subset_indices(LABELS, dict(FEW, file=path))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(format="coco"), "no index file of a label subset: 'format' is not"),
        (dict(version=2), "has version 2 of the format, this dmmix reads 1"),
        (dict(samples=13), "is damaged: samples is 13, there are 12 indices"),
        (dict(indices=[*range(10), 5, 6]), "indices must rise, 9 is followed by 5"),
        (dict(indices=[*range(11), 11.5]), "indices must be whole numbers"),
        (dict(indices=[*range(11), 91]), "indices must be below 91 .* the last is 91"),
        (dict(indices=[], samples=0), "at least one, the last is none"),
        (dict(dataset_samples=90), "dataset_samples is 90, its classes have 91"),
        (dict(dataset_samples_per_class="many"), "dataset_samples_per_class must be"),
        (dict(dataset_labels_sha256=None), "dataset_labels_sha256 is None"),
    ],
)
def test_damaged_files(path, changes, says):
    subset_indices(LABELS, dict(FEW, file=path))
    change(path, **changes)
    with pytest.raises(ValueError, match=rf"few.json.*{says}"):
        check_subset(dict(file=path))


def test_files_that_are_none_or_not_there(path, tmp_path):
    for subset, says in (
        (dict(file=path), "; to make it, say labels"),
        (dict(file=path, seed=0), ""),
    ):
        with pytest.raises(FileNotFoundError, match=rf"few.json does not exist{says}"):
            check_subset(subset)
    with pytest.raises(ValueError, match="is a folder, not an index file"):
        check_subset(dict(file=str(tmp_path)))
    subset_indices(LABELS, dict(FEW, file=path))
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    whole = json.dumps(data).encode()
    del data["indices"]
    for content, says in (
        (whole[:-9], "no index file"),
        (json.dumps(data).encode(), "is damaged: no 'indices'"),
        (b"\xff\xfe\x00", "no index file"),
    ):
        Path(path).write_bytes(content)
        with pytest.raises(ValueError, match=rf"few.json.*{says}"):
            check_subset(dict(file=path))


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    subset_indices(LABELS, dict(FEW, file="~/few.json"))
    assert (tmp_path / "few.json").is_file()


def test_the_slower_of_two_keeps_the_file_of_the_faster(path):
    first = subset_file.SubsetFile.of(LABELS, np.array([1, 2]), {})
    second = subset_file.SubsetFile.of(LABELS, np.array([3, 4]), {})
    assert subset_file.write_subset_file(path, first) is True
    assert subset_file.write_subset_file(path, second) is False
    assert subset_file.read_subset_file(path).indices.tolist() == [1, 2]
    assert os.listdir(os.path.dirname(path)) == ["few.json"]


def _race(gate, path, seed, results):
    gate.wait()
    try:
        results.put(subset_indices(LABELS, dict(labels_per_class=4, seed=seed, file=path)).tolist())
    except ValueError as error:
        results.put(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(0, 0, 0, 0), (0, 1, 0, 1)])
def test_processes_that_start_at_once(path, seeds):
    """All of one kind agree; those that ask for something else are told, not mixed up."""
    context = multiprocessing.get_context(FASTEST_START)
    for k in range(5):
        gate, results = context.Barrier(len(seeds)), context.Queue()
        processes = [
            context.Process(target=_race, args=(gate, f"{path}{k}", seed, results))
            for seed in seeds
        ]
        for process in processes:
            process.start()
        found = [results.get(timeout=60) for _ in seeds]
        for process in processes:
            process.join()
        chosen = [x for x in found if isinstance(x, list)]
        assert chosen
        assert all(x == chosen[0] for x in chosen)
        assert len(chosen) == (4 if seeds[1] == 0 else 2)
        assert all("was made with" in x for x in found if isinstance(x, str))
