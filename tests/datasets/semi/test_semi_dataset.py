"""A labelled and an unlabelled stream of one dataset."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dmmix.datasets import DecodedFolder, Digits, InMemory
from dmmix.registry import DATASETS

DIGITS = dict(type="InMemory", dataset=dict(type="Digits", split="train"))


def semi(subset=None, **options):
    config = dict(type="SemiDataset", dataset=DIGITS, subset=subset or dict(num_labels=40))
    return DATASETS.build({"_scope_": "dmmix", **config, **options})


@pytest.fixture(scope="module")
def whole():
    return InMemory(Digits(split="train"))


def test_what_is_labelled(whole):
    dataset = semi(dict(num_labels=40, seed=3))
    labels = whole.get_gt_labels()
    assert dataset.sources == (40, len(whole))
    assert len(dataset) == 40 + len(whole)
    assert dataset.num_classes == 10
    assert np.bincount(dataset.get_gt_labels()).tolist() == [4] * 10
    assert dataset.get_gt_labels().tolist() == labels[dataset.labelled_rows].tolist()
    same = semi(dict(labels_per_class=4, seed=3))
    assert same.labelled_rows.tolist() == dataset.labelled_rows.tolist()
    assert semi(dict(num_labels=40, seed=4)).labelled_rows.tolist() != same.labelled_rows.tolist()


def test_a_batch(whole):
    dataset = semi()
    index = [3, 39, 0, 40, 40 + 7, 40 + len(whole) - 1]
    batch = dataset.__getitems__(index)
    assert set(batch) == {"labelled", "unlabelled"}
    assert set(batch["labelled"]) == {"inputs", "labels"}
    assert set(batch["unlabelled"]) == {"inputs", "index"}  # no labels
    assert batch["labelled"]["inputs"].dtype == torch.uint8
    for k, i in enumerate(index[:3]):
        expected = whole[int(dataset.labelled_rows[i])]
        assert torch.equal(batch["labelled"]["inputs"][k], expected["inputs"])
        assert batch["labelled"]["labels"][k] == expected["labels"]
    for k, j in enumerate((0, 7, len(whole) - 1)):
        assert torch.equal(batch["unlabelled"]["inputs"][k], whole[j]["inputs"])
        assert batch["unlabelled"]["index"][k] == j


def test_hidden_labels(whole):
    dataset = semi(hidden_labels=True)
    batch = dataset.__getitems__([0, 45, 50])
    labels = whole.get_gt_labels()
    assert batch["unlabelled"]["hidden_labels"].tolist() == labels[[5, 10]].tolist()


def test_one_stream_alone():
    dataset = semi()
    assert set(dataset[0]) == {"labelled"}
    assert set(dataset[45]) == {"unlabelled"}
    with pytest.raises(IndexError, match="index -1 is out of range"):
        dataset[-1]


def test_later_draws_are_the_same_images_in_memory():
    dataset = semi()
    first, later = (
        dataset.__getitems__([1, 60]),
        dataset.__getitems__([1 + len(dataset), 60 + 3 * len(dataset)]),
    )
    for name in first:
        assert torch.equal(first[name]["inputs"], later[name]["inputs"])


def test_the_rest(whole):
    dataset = semi(unlabelled="rest")
    assert dataset.num_unlabelled == len(whole) - 40
    assert not set(dataset.unlabelled_rows) & set(dataset.labelled_rows)
    batch = dataset.__getitems__([40])
    row = int(dataset.unlabelled_rows[0])
    assert torch.equal(batch["unlabelled"]["inputs"][0], whole[row]["inputs"])


def test_another_dataset(whole):
    test = dict(type="InMemory", dataset=dict(type="Digits", split="test"))
    dataset = semi(unlabelled=test)
    other = InMemory(Digits(split="test"))
    assert dataset.num_unlabelled == len(other)
    batch = dataset.__getitems__([0, 40 + 5])
    assert torch.equal(batch["unlabelled"]["inputs"][0], other[5]["inputs"])
    row = int(dataset.labelled_rows[0])
    assert torch.equal(batch["labelled"]["inputs"][0], whole[row]["inputs"])


def test_a_stored_split(tmp_path):
    file = tmp_path / "split.json"
    first = semi(dict(num_labels=20, seed=5, file=str(file)))
    second = semi(dict(file=str(file)))
    assert first.labelled_rows.tolist() == second.labelled_rows.tolist()
    assert file.is_file()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of large photos, no two pixels alike."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for k in range(4):
            noise = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / name / f"{k}.png")
    return str(root)


def test_image_files_are_cropped_anew_at_each_draw(folder):
    files = dict(type="DecodedFolder", data_root=folder, size=16, seed=1, scale=(0.2, 0.4))
    dataset = semi(dict(num_labels=2, seed=0), dataset=files)
    plain = DecodedFolder(folder, size=16, seed=1, scale=(0.2, 0.4))
    n, row = len(dataset), int(dataset.labelled_rows[0])
    found = []
    for draw in range(3):
        found.append(dataset[draw * n]["labelled"]["inputs"][0])
        expected = plain[row + 2 * draw * len(plain)]["inputs"]
        assert torch.equal(found[-1], expected)
        # The same image in the other stream has crops of its own.
        found.append(dataset[draw * n + 2 + row]["unlabelled"]["inputs"][0])
    assert len({image.numpy().tobytes() for image in found}) == 6
    assert torch.equal(dataset[n]["labelled"]["inputs"][0], found[2])


def test_metainfo(whole):
    dataset = semi()
    assert dataset.metainfo == whole.metainfo
    assert dataset.CLASSES == whole.CLASSES
    assert "40" in repr(dataset)
    assert "num_labels" not in repr(dataset)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (dict(unlabelled="none"), ValueError, "unlabelled must be one of .*'all', 'rest'.*'none'"),
        (dict(subset=dict(num_labels=45)), ValueError, "num_labels=45 is not the same number"),
        (dict(subset=dict(num_labels=5)), ValueError, "at least one for each of the 10 classes"),
        (
            dict(subset=dict(num_labels=40, labels_per_class=4)),
            ValueError,
            "num_labels and labels_per_class: only one",
        ),
        (
            dict(subset=dict(labels_per_class=1000)),
            ValueError,
            "labels_per_class=1000, but class .* has only",
        ),
        (dict(subset=dict(num_lables=40)), ValueError, "unknown key 'num_lables'"),
        (
            dict(subset=dict(label_fraction=1.0), unlabelled="rest"),
            ValueError,
            "unlabelled='rest': no unlabelled images; 898 of 898 are labelled",
        ),
        (dict(dataset=[1, 2]), TypeError, "dataset must be an InMemory.*got list"),
        (dict(unlabelled=[1, 2]), TypeError, "unlabelled must be an InMemory.*got list"),
    ],
)
def test_mistakes(options, error, says):
    with pytest.raises(error, match=says):
        semi(options.pop("subset", None), **options)


def test_images_of_another_size(folder):
    files = dict(type="DecodedFolder", data_root=folder, size=16)
    with pytest.raises(ValueError, match=r"its images are \(3, 16, 16\), the labelled ones \(1, 8"):
        semi(unlabelled=files)


def test_a_class_without_a_label(tmp_path):
    file = tmp_path / "split.json"
    semi(dict(num_labels=10, file=str(file)))
    text = json.loads(file.read_text())
    first, text["indices"] = text["indices"][0], text["indices"][1:]
    text["samples"] = 9
    for name in ("labels_per_class", "seed"):  # a choice of somebody's own
        del text[name]
    file.write_text(json.dumps(text))
    label = int(InMemory(Digits(split="train")).get_gt_labels()[first])
    says = rf"subset: 1 of 10 classes have no labelled sample: {label} \('{label}'\)"
    with pytest.raises(ValueError, match=says):
        semi(dict(file=str(file)))


def test_nothing_is_written_to(whole):
    dataset = semi()
    batch = dataset.__getitems__([0, 50])
    before = dataset[0]["labelled"]["inputs"].clone()
    batch["labelled"]["inputs"].zero_()
    assert torch.equal(dataset[0]["labelled"]["inputs"], before)
