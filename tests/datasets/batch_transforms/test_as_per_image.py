"""The same as mmpretrain's transforms of single images: arguments, and what they draw."""

import inspect
import math

import numpy as np
import pytest
import torch

from dmmix.datasets import batch_transforms
from dmmix.datasets.batch_transforms import (
    BatchColorJitter,
    BatchCutout,
    BatchRandomCrop,
    BatchRandomErasing,
    BatchRandomFlip,
    BatchRandomResizedCrop,
)
from dmmix.registry import TRANSFORMS
from tests.functional.transforms.pictures import generator, pictures
from tests.functional.transforms.test_draws import chi_square

NOT_HERE = {"backend", "hue", "swap_seg_labels", "kwargs"}
OTHER_DEFAULTS = {
    "RandomFlip": {"prob"},  # has none there
    "Cutout": {"shape"},
    "RandomErasing": {"fill_color", "fill_std"},  # in units of the normalised images
}


@pytest.fixture
def numpy_seed():
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


@pytest.mark.parametrize(
    "name",
    ["RandomCrop", "RandomResizedCrop", "RandomFlip", "RandomErasing", "Cutout", "ColorJitter"],
)
def test_a_config_moves_by_writing_batch(name):
    theirs = inspect.signature(TRANSFORMS.get(f"mmpretrain.{name}")).parameters
    ours = inspect.signature(getattr(batch_transforms, f"Batch{name}")).parameters
    assert [k for k in theirs if k not in NOT_HERE] == list(ours)
    differ = {k for k, p in ours.items() if p.default != theirs[k].default}
    assert differ == OTHER_DEFAULTS.get(name, set())


def coded(height=7, width=9):
    """An image whose pixels differ, none 0."""
    return np.arange(1, height * width + 1, dtype=np.uint8).reshape(height, width, 1)


def as_batch(image, n):
    return torch.from_numpy(image).permute(2, 0, 1).expand(n, -1, -1, -1)


@pytest.mark.parametrize(
    "options",
    [
        dict(crop_size=(5, 6)),
        dict(crop_size=(7, 9), padding=1),
        dict(crop_size=6, padding=(1, 0, 2, 1), pad_val=200),
        dict(crop_size=(9, 7), pad_if_needed=True, padding_mode="reflect"),
        dict(crop_size=(10, 8), pad_if_needed=True, padding_mode="edge"),
    ],
)
def test_the_same_crops_equally_often(options, numpy_seed):
    n, image = 6000, coded()
    single = TRANSFORMS.build(dict(type="mmpretrain.RandomCrop", **options))
    ours = BatchRandomCrop(**options)(as_batch(image, n), generator()).numpy()
    theirs = [single.transform(dict(img=image.copy()))["img"] for _ in range(1500)]
    frequencies = {}
    for crop in ours:
        frequencies[crop.tobytes()] = frequencies.get(crop.tobytes(), 0) + 1
    assert {np.ascontiguousarray(crop).tobytes() for crop in theirs} == set(frequencies)
    counts = torch.tensor(list(frequencies.values()))
    assert len(counts) > 2
    assert chi_square(counts, torch.full((len(counts),), n / len(counts))) < 4


def sides_of(painted):
    """Heights and widths of what is not 0, (n,) each."""
    boxes = painted[:, 0] != 0
    return boxes.any(2).sum(1).double(), boxes.any(1).sum(1).double()


def test_boxes_have_the_sides_that_are_said():
    """How they are distributed: see test_draws."""
    images = torch.zeros(500, 3, 40, 50)
    rows, columns = sides_of(BatchCutout((8, 15), 1, 1.0)(images, generator()))
    assert (rows.max(), columns.max()) == (8, 15)
    kind = BatchRandomErasing(1.0, 0.1, 0.2, aspect_range=(0.5, 0.6), fill_color=1)
    rows, columns = sides_of(kind(images, generator()))
    assert 0.09 < (rows * columns / 2000).min() < 0.11
    assert 0.19 < (rows * columns / 2000).max() < 0.21
    assert 0.46 < (rows / columns).min() < (rows / columns).max() < 0.65


@pytest.mark.parametrize("prob", [0.0, 0.3, 1.0])
def test_how_often(prob):
    n = 3000
    images = pictures(1, size=(5, 6)).repeat(n, 1, 1, 1)
    for kind in (
        BatchRandomFlip(prob),
        BatchRandomFlip(prob, "vertical"),
        BatchCutout(2, 0, prob),
    ):
        changed = (kind(images, generator()) != images).flatten(1).any(1).double().mean()
        assert abs(changed - prob) <= 4 * math.sqrt(prob * (1 - prob) / n)
    for mode in ("const", "rand"):
        kind = BatchRandomErasing(prob, min_area_ratio=0.2, mode=mode)
        floats = images.float() + 1
        changed = (kind(floats, generator()) != floats).flatten(1).any(1).double().mean()
        assert abs(changed - prob) <= 4 * math.sqrt(prob * (1 - prob) / n)


@pytest.mark.parametrize(
    ("prob", "expected"), [(0.6, (0.3, 0.3)), ([0.1, 0.6], (0.1, 0.6)), ([0.5, 0.5], (0.5, 0.5))]
)
def test_at_most_one_direction(prob, expected):
    n = 4000
    images = pictures(1, size=(5, 6)).repeat(n, 1, 1, 1)
    out = BatchRandomFlip(prob, ["horizontal", "diagonal"])(images, generator())
    for dims, p in zip(([3], [2, 3]), expected, strict=True):
        found = (out == images.flip(dims)).flatten(1).all(1).double().mean()
        assert abs(found - p) <= 4 * math.sqrt(p * (1 - p) / n)
    vertical = (out == images.flip(2)).flatten(1).all(1)
    assert not vertical.any()


def test_a_random_colour_jitter():
    """Factors recovered from images of one colour, that no operation cuts off."""
    n = 4000
    images = torch.full((n, 1, 2, 2), 0.25)
    out = BatchColorJitter(brightness=0.4)(images, generator())
    factor = out[:, 0, 0, 0] / 0.25
    assert 0.6 <= factor.min() < 0.601
    assert 1.399 < factor.max() <= 1.4001
    assert abs(factor.mean() - 1) < 0.02
    out = BatchColorJitter(brightness=(0.2, 0.3))(images, generator())
    assert abs(out.mean() / 0.25 - 0.25) < 0.005


def test_noise_of_erasing():
    images = torch.full((300, 3, 12, 12), 50.0).contiguous(memory_format=torch.channels_last)
    kind = BatchRandomErasing(1.0, 0.3, 0.4, mode="rand", fill_color=(0, 5, -5), fill_std=(1, 2, 0))
    out = kind(images, generator())
    for channel, (mean, std) in enumerate(zip((0, 5, -5), (1, 2, 0), strict=True)):
        noise = out[:, channel][out[:, channel] != 50]
        assert abs(noise.mean() - mean) < 0.05
        assert abs(noise.std() - std) < 0.05


def test_erasing_with_mmpretrains_colours_warns():
    with pytest.warns(UserWarning, match="leave both out"):
        BatchRandomErasing(mode="rand", fill_color=(103.5, 116.3, 123.7), fill_std=(57, 57, 58))


def test_images_that_do_not_fit():
    with pytest.raises(TypeError, match=r"normalised images, floats, got torch\.uint8"):
        BatchRandomErasing()(pictures(2), generator())
    with pytest.raises(ValueError, match=r"crop_size \(10, 10\).*9 x 12.*pad_if_needed=True"):
        BatchRandomCrop(10)(pictures(2), generator())


BAD = [
    (BatchRandomCrop, dict(crop_size=0), ValueError, "crop_size must be"),
    (BatchRandomCrop, dict(crop_size=(1, 2, 3)), ValueError, "crop_size must be"),
    (BatchRandomCrop, dict(crop_size=2.5), TypeError, "crop_size must be"),
    (BatchRandomCrop, dict(crop_size=4, padding=(1, 2, 3)), ValueError, "padding must be"),
    (BatchRandomCrop, dict(crop_size=4, pad_val="red"), TypeError, "pad_val must be"),
    (BatchRandomCrop, dict(crop_size=4, padding_mode="wrap"), ValueError, "padding_mode must be"),
    (BatchRandomFlip, dict(prob=1.5), ValueError, r"prob must be a number in \[0, 1\]"),
    (BatchRandomFlip, dict(prob=None), TypeError, "prob must be a number"),
    (BatchRandomFlip, dict(direction="up"), ValueError, "direction must be"),
    (BatchRandomFlip, dict(prob=[0.5, 0.1]), ValueError, "one number a direction"),
    (
        BatchRandomFlip,
        dict(prob=[0.7, 0.7], direction=["horizontal", "vertical"]),
        ValueError,
        "prob must sum to at most 1",
    ),
    (BatchRandomResizedCrop, dict(scale=-1), ValueError, "scale must be"),
    (BatchRandomResizedCrop, dict(scale=8, crop_ratio_range=(1, 0.5)), ValueError, "smaller one"),
    (BatchRandomResizedCrop, dict(scale=8, crop_ratio_range=0.5), TypeError, "a list of 2"),
    (BatchRandomResizedCrop, dict(scale=8, aspect_ratio_range=(0, 1)), ValueError, "above 0"),
    (BatchRandomResizedCrop, dict(scale=8, interpolation="area"), ValueError, "interpolation must"),
    (BatchRandomResizedCrop, dict(scale=8, max_attempts=-1), ValueError, "max_attempts must be"),
    (BatchCutout, dict(shape=0), ValueError, "shape must be"),
    (BatchCutout, dict(shape=3, prob=-0.1), ValueError, "prob must be"),
    (BatchCutout, dict(shape=3, pad_val=()), ValueError, "pad_val must be"),
    (BatchRandomErasing, dict(erase_prob=2), ValueError, "erase_prob must be"),
    (BatchRandomErasing, dict(min_area_ratio=0.5), ValueError, "min_area_ratio"),
    (BatchRandomErasing, dict(max_area_ratio=1.5), ValueError, "max_area_ratio"),
    (BatchRandomErasing, dict(aspect_range=0), TypeError, "aspect_range must be"),
    (BatchRandomErasing, dict(aspect_range=(0, 1)), ValueError, "aspect_range must be"),
    (BatchRandomErasing, dict(mode="pixel"), ValueError, "mode must be"),
    (BatchRandomErasing, dict(fill_std=-1), ValueError, "fill_std must be"),
    (BatchRandomErasing, dict(fill_color=float("nan")), ValueError, "fill_color must be a finite"),
    (BatchColorJitter, dict(brightness=-1), ValueError, "brightness must be"),
    (BatchColorJitter, dict(contrast=(-1, 1)), ValueError, "contrast must be"),
    (BatchColorJitter, dict(hue=0.1), TypeError, "unexpected keyword argument 'hue'"),
    (BatchColorJitter, dict(saturation=True), TypeError, "saturation must be"),
]


@pytest.mark.parametrize(("kind", "options", "error", "message"), BAD)
def test_bad_arguments(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(**options)


def test_one_number_stands_for_bounds():
    assert BatchRandomErasing(aspect_range=4).aspect_range == (0.25, 4.0)
    assert BatchRandomErasing(aspect_range=0.25).aspect_range == (0.25, 4.0)
    jitter = BatchColorJitter(brightness=1.5, contrast=(0.5, 3))
    assert jitter.brightness == (0.0, 2.5)
    assert jitter.contrast == (0.5, 3.0)
    assert jitter.saturation is None
