"""What SemiDataset says of arguments and data that do not fit."""

import json

import numpy as np
import pytest

from dmmix.datasets import Digits, InMemory
from tests.datasets.semi.small import photos, semi

pytestmark = pytest.mark.openmmlab


FEW = [  # subset
    (dict(num_labels=45), "num_labels=45 is not the same number"),
    (dict(num_labels=5), "take a multiple of 10"),
    (dict(num_labels=0), "num_labels must be an int of at least 1, got 0"),
    (dict(num_labels="40"), "num_labels must be an int .*, got '40'"),
    (dict(num_labels=10000), "10000 is 1000 of each of the 10 .* class 8 has only 87 samples"),
    (dict(num_labels=40, labels_per_class=4), "num_labels=40 and labels_per_class=4: only one"),
    (40, "subset must be a dict or"),
    (dict(seed=1), "subset needs labels_per_class"),
    (dict(labels_per_class=1000), "labels_per_class=1000, but class .* has only"),
    (dict(num_lables=40), "'num_lables'.*did you mean 'num_labels'"),
]
NOT_PACKED = dict(type="Digits", pipeline=[dict(type="PackInputs")])
MISTAKES = [
    *((dict(subset=subset), says) for subset, says in FEW),
    (dict(subset=dict(label_fraction=1.0), unlabelled="rest"), "'rest': no unlabelled .* all 898"),
    (dict(dataset=[1, 2]), r"dataset must be a dict or .*got \[1, 2\]"),
    (dict(dataset=dict(type="Digits")), r"dataset must have samples of inputs \(ch, H, W\) and "
     "labels, those of Digits have .*img.*: wrap its images in an InMemory"),
    (dict(dataset=NOT_PACKED), r"those of Digits have inputs \(1, 8, 8\), data_samples"),
    (dict(unlabelled="none"), "unlabelled must be 'all' or 'rest' or .*'none'"),
    (dict(unlabelled=[1, 2]), r"unlabelled must be .*'rest' or a dict .*got \[1, 2\]"),
    (dict(unlabelled=None), "unlabelled must be .* or a dict .*got None"),
    (dict(views=0), "views must be an int of at least 1, got 0"),
    (dict(views=True), "views must be an int of at least 1, got True"),
    (dict(views=2), "views=2 is for image files.* got InMemory: take views=1"),
    (dict(hidden_labels="no"), "hidden_labels must be True or False, got 'no'"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "says"), MISTAKES)
def test_mistakes(options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        semi(**options)


@pytest.mark.parametrize("subset", [40, dict(num_lables=40), dict(num_labels=-1), dict(seed=1)])
def test_mistakes_are_found_before_images_are_read(monkeypatch, subset):
    monkeypatch.setattr(
        "dmmix.datasets.semi.semi_dataset._built", lambda *args: pytest.fail("too late")
    )
    with pytest.raises((TypeError, ValueError), match="subset"):
        semi(subset)


def test_an_empty_dataset():
    class Empty:
        def get_gt_labels(self):
            return np.zeros(0, np.int64)

        def __len__(self):
            return 0

    with pytest.raises(ValueError, match="unlabelled: Empty has no images"):
        semi(unlabelled=Empty())
    with pytest.raises(ValueError, match="dataset: Empty has no images"):
        semi(dataset=Empty())


def test_images_of_another_size(tmp_path):
    files = dict(type="DecodedFolder", data_root=photos(tmp_path), size=16)
    with pytest.raises(ValueError, match=r"its images are \(3, 16, 16\), the labelled ones \(1, 8"):
        semi(unlabelled=files)


def test_a_class_without_a_label(tmp_path):
    file = tmp_path / "split.json"
    semi(dict(num_labels=10, file=str(file)))
    text = json.loads(file.read_text(encoding="utf-8"))
    first, text["indices"] = text["indices"][0], text["indices"][1:]
    text["samples"] = 9
    for name in ("labels_per_class", "seed"):  # a choice of somebody's own
        del text[name]
    file.write_text(json.dumps(text), encoding="utf-8")
    label = int(InMemory(Digits(split="train")).get_gt_labels()[first])
    says = rf"subset: 1 of 10 classes have no labelled sample: {label} \('{label}'\)"
    with pytest.raises(ValueError, match=says):
        semi(dict(file=str(file)))
