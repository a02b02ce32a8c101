"""Views of two streams."""

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.datasets.batch_transforms import BatchTransform
from dmmix.models.semi import SemiDataPreprocessor

pytestmark = pytest.mark.openmmlab

VIEWS = {
    "labelled": ("labelled", "weak"),
    "weak": ("unlabelled", "weak"),
    "strong": ("unlabelled", "strong"),
}


class Add(BatchTransform):
    """Adds a number, and one that is drawn for each image to the last pixel."""

    def __init__(self, number, after_normalize=False):
        self.number = number
        self.after_normalize = after_normalize
        self.calls = []

    def __call__(self, images, generator):
        self.calls.append(len(images))
        out = images + self.number
        drawn = torch.randint(100, (len(images),), generator=generator)
        out[:, 0, -1, -1] = drawn.to(out.dtype)
        return out


def made(views=VIEWS, **options):
    weak, strong = Add(10), Add(20)
    options = {"weak_transforms": [weak], "strong_transforms": [strong], **options}
    processor = SemiDataPreprocessor(mean=[1.0], std=[2.0], num_classes=10, views=views, **options)
    return processor, weak, strong


def batch(b=3, mu=2):
    """Images whose first pixel is their number."""
    labelled = torch.zeros(b, 1, 4, 4, dtype=torch.uint8)
    unlabelled = torch.zeros(b * mu, 1, 4, 4, dtype=torch.uint8)
    labelled[:, 0, 0, 0] = torch.arange(b)
    unlabelled[:, 0, 0, 0] = torch.arange(100, 100 + b * mu)
    return {
        "labelled": {"inputs": labelled, "labels": torch.arange(b)},
        "unlabelled": {"inputs": unlabelled, "index": torch.arange(b * mu) + 7},
    }


def test_views():
    late = Add(1000, after_normalize=True)
    views = {**VIEWS, "plain": ("unlabelled", "none"), "again": ("unlabelled", "weak")}
    processor, weak, _ = made(views, strong_transforms=[strong := Add(20), late])
    given = batch()
    given["unlabelled"] |= dict(labels=torch.zeros(6).long(), hidden_labels=torch.ones(6).long())
    data = processor(given, training=True)
    assert set(data) == {"inputs", "labels", "index", "hidden_labels"}
    assert list(data["inputs"]) == list(views)
    for name, stream in batch().items():  # nothing is written to
        assert torch.equal(given[name]["inputs"], stream["inputs"])
    assert data["labels"].tolist() == [0, 1, 2]
    assert data["index"].tolist() == list(range(7, 13))
    assert data["hidden_labels"].tolist() == [1] * 6
    for name, added, numbers, more in (
        ("labelled", 10, torch.arange(3), 0),
        ("weak", 10, torch.arange(100, 106), 0),
        ("again", 10, torch.arange(100, 106), 0),
        ("strong", 20, torch.arange(100, 106), 1000),
        ("plain", 0, torch.arange(100, 106), 0),
    ):
        images = data["inputs"][name]
        assert images.dtype == torch.float32
        expected = (numbers + added - 1.0) / 2.0 + more  # normalised
        assert torch.equal(images[:, 0, 0, 0], expected)
    plain = (batch()["unlabelled"]["inputs"].float() - 1) / 2
    assert torch.equal(data["inputs"]["plain"], plain)
    assert not torch.equal(data["inputs"]["weak"], data["inputs"]["again"])
    assert weak.calls == [15]  # one call for all views of a kind
    assert strong.calls == late.calls == [6]


def test_same_step_same_views(monkeypatch):
    processor, *_ = made()
    found = []
    for seed in (1, 1, 2):
        monkeypatch.setattr(
            "dmmix.models.semi.preprocessor.step_generator",
            lambda stream, seed=seed: torch.Generator().manual_seed(seed + 10 * stream),
        )
        found.append(processor(batch(), training=True)["inputs"])
    assert all(torch.equal(found[0][name], found[1][name]) for name in VIEWS)
    assert not torch.equal(found[0]["weak"], found[2]["weak"])


def test_views_stay_paired_in_real_transforms():
    """Images of one grey value each, in transforms that keep most of an image's pixels."""
    processor = SemiDataPreprocessor(
        mean=[0.0],
        std=[1.0],
        views={**VIEWS, "plain": ("unlabelled", "none"), "again": ("unlabelled", "strong")},
        weak_transforms=[dict(type="BatchRandomCrop", crop_size=16, padding=2)],
        strong_transforms=[
            dict(type="BatchRandomCrop", crop_size=16, padding=2),
            dict(type="BatchRandomFlip", prob=0.5),
            dict(type="BatchRandAugment", policies=[dict(type="Rotate", magnitude_range=(0, 20))]),
            dict(type="BatchCutout", shape=6, prob=1.0),
            dict(type="BatchRandomErasing", erase_prob=0.5, max_area_ratio=0.1),
        ],
    )
    data = batch(b=8, mu=4)
    for stream, first in (("labelled", 1), ("unlabelled", 50)):
        n = len(data[stream]["inputs"])
        grey = torch.arange(first, first + n, dtype=torch.uint8)
        data[stream]["inputs"] = grey[:, None, None, None].expand(-1, 1, 16, 16)
    views = processor(data, training=True)["inputs"]
    for name, images in views.items():
        most = images.flatten(1).mode(dim=1).values
        first = 1 if name == "labelled" else 50
        assert most.tolist() == list(range(first, first + len(images))), name
    pairs = (("weak", "strong"), ("weak", "plain"), ("strong", "again"))
    assert not any(torch.equal(views[one], views[other]) for one, other in pairs)


def test_several_crops_of_each_image():
    """Views of a stream take them in turn, and begin again where they are used up."""
    views = {
        "a": ("unlabelled", "weak"),
        "labelled": ("labelled", "weak"),
        "b": ("unlabelled", "strong"),
        "c": ("unlabelled", "weak"),
        "more": ("labelled", "none"),
    }
    data = batch()
    for stream in data.values():
        first, second = stream["inputs"], stream["inputs"] + 50
        stream["inputs"] = torch.stack([first, second], dim=1)
    views = made(views)[0](data, training=True)["inputs"]
    unlabelled, labelled = torch.arange(100, 106), torch.arange(3)
    for name, numbers, crop, added in (
        ("a", unlabelled, 0, 10),
        ("b", unlabelled, 50, 20),
        ("c", unlabelled, 0, 10),
        ("labelled", labelled, 0, 10),
        ("more", labelled, 50, 0),
    ):
        expected = (numbers + crop + added - 1.0) / 2.0
        assert torch.equal(views[name][:, 0, 0, 0], expected), name


def test_channels_last():
    processor, *_ = made()
    processor.channels_last = True
    data = {
        name: {**stream, "inputs": stream["inputs"].expand(-1, 3, -1, -1)}
        for name, stream in batch().items()
    }
    images = processor(data, training=True)["inputs"]["strong"]
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert not images.is_contiguous()


def test_evaluation_is_as_ever():
    processor, weak, strong = made()
    images = batch()["labelled"]["inputs"]
    found = processor({"inputs": images, "labels": torch.arange(3)})
    assert torch.equal(found["inputs"], (images.float() - 1) / 2)
    samples = [DataSample().set_gt_label(k) for k in range(3)]
    found = processor({"inputs": images, "data_samples": samples})
    assert [int(sample.gt_label) for sample in found["data_samples"]] == [0, 1, 2]
    assert weak.calls == strong.calls == []


def test_a_batch_of_one_stream():
    processor, *_ = made()
    images = batch()["labelled"]["inputs"]
    with pytest.raises(ValueError, match=r"lacks \['labelled', 'unlabelled'\]: .*SemiDataset"):
        processor({"inputs": images, "labels": torch.arange(3)}, training=True)
    labelled = {"labelled": batch()["labelled"]}
    for half in (labelled, {**labelled, "unlabelled": {"index": torch.arange(6)}}):
        with pytest.raises(ValueError, match=r"lacks \['unlabelled'\]"):
            processor(half, training=True)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (dict(batch_transforms=[dict(type="BatchRandomFlip")]), ValueError, "weak_transforms and"),
        (dict(weak_transforms=dict(type="x")), TypeError, "weak_transforms must be a list"),
        (
            dict(strong_transforms=[Add(1, after_normalize=True), Add(2)]),
            ValueError,
            "strong_transforms: those that see normalised images must be the last",
        ),
        (dict(views={"a": ("unlabeled", "weak")}), ValueError, r"views\['a'\] must be"),
        (dict(views={"a": ("labelled", "hard")}), ValueError, r"views\['a'\] must be"),
        (dict(views={"a": ("labelled",)}), ValueError, r"views\['a'\] must be"),
        (dict(views={"a": None}), ValueError, r"views\['a'\] must be .*, got None"),
    ],
)
def test_bad_arguments(options, error, says):
    with pytest.raises(error, match=says):
        made(**options)
    with pytest.raises(ValueError, match=r"needs views to train; .*model\.type='FixMatch'"):
        made({})[0](batch(), training=True)
