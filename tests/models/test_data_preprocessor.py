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


@pytest.mark.parametrize("options", [
    {},
    {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]},
    {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "to_rgb": True},
    {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "pad_size_divisor": 4, "pad_value": 7},
])  # fmt: skip
@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_images_are_those_of_mmpretrain(options, stacked, training):
    inputs = images() if stacked else list(images())
    expected = STOCK(**options)({"inputs": inputs}, training)["inputs"]
    found = MixupDataPreprocessor(**options)(batch(inputs), training)["inputs"]
    assert found.dtype == torch.float32
    assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_transforms_see_the_images_of_the_dataset_and_come_before_normalising():
    shift = Shift()
    preprocessor = MixupDataPreprocessor([10.0] * 3, [2.0] * 3, batch_transforms=[shift])
    given = batch()
    kept = given["inputs"].clone()
    found = preprocessor(given, training=True)
    ((seen, coins),) = shift._seen
    assert torch.equal(seen, kept)
    assert seen.dtype == torch.uint8
    expected = (kept.float() + coins[:, None, None, None] - 10) / 2
    assert_close(found["inputs"], expected)
    assert torch.equal(given["inputs"], kept)
    assert torch.equal(found["labels"], LABELS)


def test_nothing_is_transformed_in_evaluation():
    shifts = [Shift(), Shift(after_normalize=True)]
    preprocessor = MixupDataPreprocessor(batch_transforms=shifts)
    found = preprocessor(batch(), training=False)["inputs"]
    assert torch.equal(found, images().float())
    assert not shifts[0]._seen
    assert not shifts[1]._seen


def test_transforms_after_normalising_see_normalised_images():
    first, last = Shift(), Shift(after_normalize=True)
    preprocessor = MixupDataPreprocessor([10.0] * 3, [2.0] * 3, batch_transforms=[first, last])
    preprocessor(batch(), training=True)
    seen, coins = first._seen[0]
    assert_close(last._seen[0][0], (seen.float() + coins[:, None, None, None] - 10) / 2)


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


def test_a_list_of_images_is_stacked_for_the_transforms():
    shift = Shift()
    MixupDataPreprocessor(batch_transforms=[shift])(batch(list(images())), training=True)
    assert torch.equal(shift._seen[0][0], images())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", [{}, {"mean": [1.0] * 3, "std": [2.0] * 3, "to_rgb": True}])
def test_channels_last(training, options):
    preprocessor = MixupDataPreprocessor(**options)
    expected = preprocessor(batch(), training)["inputs"]
    preprocessor.channels_last = True
    found = preprocessor(batch(), training)["inputs"]
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, expected)


# Mistakes


def test_transforms_of_normalised_images_must_be_the_last():
    with pytest.raises(ValueError, match=r"must be the last, got \['Shift', 'Shift'\]"):
        MixupDataPreprocessor(batch_transforms=[Shift(after_normalize=True), Shift()])


def test_a_transform_of_single_images_is_refused():
    with pytest.raises(TypeError, match="is no batch transform; their names start with Batch"):
        MixupDataPreprocessor(batch_transforms=[{"type": "RandomCrop", "crop_size": 4}])


@pytest.mark.parametrize("given", [{"type": "BatchRandomFlip"}, None, 3])
def test_something_else_than_a_list_is_refused(given):
    with pytest.raises(TypeError, match="batch_transforms must be a list"):
        MixupDataPreprocessor(batch_transforms=given)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (
            {"type": "BatchRandomFlip", "prob": 1.5},
            ValueError,
            r"prob must be a number in \[0, 1\] or .*, got 1.5",
        ),
        (
            {"type": "BatchCutout", "shape": "4"},
            TypeError,
            "shape must be an int of",
        ),
    ],
)
def test_a_bad_argument_is_told_with_the_transform_that_has_it(config, error, message):
    flip = {"type": "BatchRandomFlip", "prob": 0.5}
    with pytest.raises(error, match=f"{config['type']}: .*{message}") as raised:
        MixupDataPreprocessor(batch_transforms=[flip, config])
    assert str(raised.value).count(config["type"]) == 1


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


@pytest.mark.parametrize("options", [
    {},
    {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "to_rgb": True},
    {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "pad_size_divisor": 4, "pad_value": 7},
])  # fmt: skip
def test_several_crops_of_an_image_are_each_as_one(options):
    preprocessor = MixupDataPreprocessor(**options, batch_transforms=[Shift()])
    crops = torch.stack([images(), images().flip(3), 255 - images()], dim=1)
    found = preprocessor(batch(crops))["inputs"]
    assert found.shape[:2] == (4, 3)
    for k in range(3):
        assert torch.equal(found[:, k], preprocessor(batch(crops[:, k]))["inputs"])


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.float16])
@pytest.mark.parametrize("options", [{}, {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}])
def test_other_integers_are_cast_as_mmpretrain_does(dtype, options):
    """int64 images were refused where mmpretrain takes them."""
    inputs = images().to(dtype)
    expected = STOCK(**options)({"inputs": inputs})["inputs"]
    assert_close(MixupDataPreprocessor(**options)(batch(inputs))["inputs"], expected)
