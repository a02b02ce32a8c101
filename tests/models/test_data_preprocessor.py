"""MixupDataPreprocessor: labels in one piece, and augmentation of the whole batch."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.datasets.batch_transforms import BatchTransform
from dmmix.mixups import RandomStream
from dmmix.models import MixupDataPreprocessor

pytestmark = pytest.mark.openmmlab

STOCK = MixupDataPreprocessor.__base__  # mmpretrain's
LABELS = torch.arange(4)


class Shift(BatchTransform):
    """Adds 1 to each image that a coin falls for; keeps what it saw."""

    def __init__(self, after_normalize=False):
        self.after_normalize = after_normalize
        self._seen = []

    def __call__(self, images, generator):
        self._seen.append((images, torch.randint(2, (len(images),), generator=generator)))
        return images + self._seen[-1][1].to(images)[:, None, None, None]


def images(channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 255, (4, channels, 5, 6), dtype=torch.uint8, generator=generator)


def batch(inputs=None):
    return {"inputs": images() if inputs is None else inputs, "labels": LABELS}


NORMALISED = {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}
options = pytest.mark.parametrize("options", [
    {},
    NORMALISED,
    {**NORMALISED, "to_rgb": True},
    {**NORMALISED, "pad_size_divisor": 4, "pad_value": 7},
])  # fmt: skip
DTYPES = [torch.uint8, torch.int64, torch.int32, torch.int16, torch.float16]


@options
@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_images_are_those_of_mmpretrain(options, stacked, training, dtype):
    """In any layout, and of other integers too, which were refused."""
    inputs = images().to(dtype)
    inputs = inputs if stacked else list(inputs)
    expected = STOCK(**options)({"inputs": inputs}, training)["inputs"]
    preprocessor = MixupDataPreprocessor(**options)
    found = preprocessor(batch(inputs), training)["inputs"]
    assert found.dtype == torch.float32
    assert_close(found, expected, rtol=1e-6, atol=1e-6)
    preprocessor.channels_last = True
    last = preprocessor(batch(inputs), training)["inputs"]
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, found)


@pytest.mark.parametrize("stacked", [True, False])
def test_transforms_see_the_images_of_the_dataset_or_normalised_ones(stacked):
    shifts = [Shift(), Shift(after_normalize=True)]
    preprocessor = MixupDataPreprocessor([10.0] * 3, [2.0] * 3, batch_transforms=shifts)
    given, kept = batch(images() if stacked else list(images())), images()
    plain = preprocessor(given, training=False)["inputs"]
    assert torch.equal(plain, (kept.float() - 10) / 2)
    assert shifts[0]._seen == shifts[1]._seen == []  # nothing in evaluation
    found = preprocessor(given, training=True)
    ((seen, coins),), ((late, more),) = (shift._seen for shift in shifts)
    assert torch.equal(seen, kept)
    assert seen.dtype == torch.uint8
    assert_close(late, (kept.float() + coins[:, None, None, None] - 10) / 2)
    assert_close(found["inputs"], late + more[:, None, None, None])
    assert torch.equal(torch.stack(list(given["inputs"])), kept)
    assert torch.equal(found["labels"], LABELS)


def test_random_numbers_are_those_of_the_step_and_not_those_of_the_mix(monkeypatch):
    streams = []
    monkeypatch.setattr(
        "dmmix.models.data_preprocessor.step_generator",
        lambda stream: streams.append(stream) or torch.Generator().manual_seed(5),
    )
    shifts = [Shift(), Shift(), Shift(after_normalize=True)]
    MixupDataPreprocessor(batch_transforms=shifts)(batch(), training=True)
    assert streams == [RandomStream.AUGMENTATION]
    generator = torch.Generator().manual_seed(5)
    for shift in shifts:  # one generator goes through all of them
        assert torch.equal(shift._seen[0][1], torch.randint(2, (4,), generator=generator))


# Mistakes


FLIP = {"type": "BatchRandomFlip", "prob": 0.5}


@pytest.mark.parametrize(("transforms", "error", "says"), [
    ([Shift(after_normalize=True), Shift()], ValueError, r"be the last, got \['Shift', 'Shift'\]"),
    ([{"type": "RandomCrop", "crop_size": 4}], TypeError, "is no batch transform; their names st"),
    (FLIP, TypeError, "batch_transforms must be a list"),
    (None, TypeError, "batch_transforms must be a list"),
    (3, TypeError, "batch_transforms must be a list"),
    # What is bad is told once, with the transform that has it.
    ([FLIP, {**FLIP, "prob": 1.5}], ValueError, r"^BatchRandomFlip: prob must be .*, got 1\.5$"),
    ([FLIP, {"type": "BatchCutout", "shape": "4"}], TypeError, "^BatchCutout: shape must be an in"),
])  # fmt: skip
def test_bad_transforms(transforms, error, says):
    with pytest.raises(error, match=says):
        MixupDataPreprocessor(batch_transforms=transforms)


def test_images_of_several_sizes_are_refused():
    inputs = [torch.zeros(3, 4, 4), torch.zeros(3, 5, 4)]
    preprocessor = MixupDataPreprocessor(batch_transforms=[Shift()])
    with pytest.raises(ValueError, match=r"need images of one size.*\(3, 4, 4\), \(3, 5, 4\)"):
        preprocessor({"inputs": inputs, "labels": LABELS[:2]}, training=True)


@pytest.mark.parametrize(("mean", "std", "message"), [
    ([0.0] * 3, [1.0, 0.0, 1.0], r"std must be above 0, .*got \[1.0, 0.0, 1.0\]"),
    ([10**20], [1.0], r"mean must be in \[-65535, 65535\].*got \[1000"),
    (None, [1.0], "std is given without mean"),
    ([1.0], None, "mean is given without std"),
])  # fmt: skip
def test_what_no_pixel_can_have_is_refused(mean, std, message):
    with pytest.raises(ValueError, match=message):
        MixupDataPreprocessor(mean, std)


@options
def test_several_crops_of_an_image_are_each_as_one(options):
    preprocessor = MixupDataPreprocessor(**options, batch_transforms=[Shift()])
    crops = torch.stack([images(), images().flip(3), 255 - images()], dim=1)
    found = preprocessor(batch(crops))["inputs"]
    assert found.shape[:2] == (4, 3)
    for k in range(3):
        assert torch.equal(found[:, k], preprocessor(batch(crops[:, k]))["inputs"])
