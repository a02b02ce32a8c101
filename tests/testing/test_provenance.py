"""The check that labels say what is in the pixels: right mixes pass, each wrong one is caught."""

import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, cutmix, draw_centers, draw_lam, draw_pairing, mixup
from dmmix.mixups import CutMix, Mixup, RandomMix
from dmmix.testing import assert_labels_match_pixels, recover_shares


def draws(n, seed=3):
    g = torch.Generator().manual_seed(seed)
    return draw_lam(n, 1.0, g), draw_pairing(n, g, fixed_points=False), draw_centers(n, g)


def right_mixup(images, labels):
    lam, index, _ = draws(len(images))
    return mixup(images, labels, lam, index)


def right_cutmix(images, labels):
    return cutmix(images, labels, *draws(len(images)))


def registered(mix, seed=5):
    return lambda images, labels: mix.mix(images, labels, torch.Generator().manual_seed(seed))


RIGHT = {
    "mixup": right_mixup,
    "cutmix": right_cutmix,
    "registered": registered(RandomMix([Mixup(), CutMix()], per_sample=True, fraction=0.8)),
    "untouched": lambda images, labels: (images, torch.eye(len(images))),
    "as attributes": lambda images, labels: SimpleNamespace(
        images=images.flip(0), labels=labels.new_ones(len(images)).diag().flip(0).double()
    ),
    "list, more than two": lambda images, labels: [images, torch.eye(len(images)), "mask"],
}


# -- what is right -------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", RIGHT)
@pytest.mark.parametrize(("n", "size"), [(1, (8, 8)), (2, (13, 1)), (7, (9, 14))])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_a_right_mix_passes(mix, n, channels, size):
    assert_labels_match_pixels(RIGHT[mix], n, size, channels=channels)


@pytest.mark.parametrize("channels", [None, 3])
def test_half_precision(channels):
    options = dict(channels=channels, dtype=torch.bfloat16)
    for mix in (right_mixup, right_cutmix):
        assert_labels_match_pixels(mix, **options, atol=2**-8)
    with pytest.raises(AssertionError, match=r"sample \d: .* of the pixels come from image \d"):
        assert_labels_match_pixels(right_mixup, **options, atol=1e-7)


def test_the_images_are_as_asked_for():
    seen = []

    def spy(images, labels):
        seen.append(images)
        assert labels.tolist() == [0, 1, 2]
        return right_mixup(images, labels)

    size = dict(n=3, size=(4, 5))
    recover_shares(spy, **size, memory_format=torch.channels_last, dtype=torch.float64)
    (images,) = seen
    assert images.shape == (3, 3, 4, 5)
    assert images.dtype == torch.float64
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images.sum((2, 3)), 20 * torch.eye(3).double())
    seen.clear()
    recover_shares(spy, **size, channels=2)
    assert [images.shape for images in seen] == [(3, 2, 4, 5)] * 3
    assert torch.equal(torch.stack([images.mean((1, 2, 3)) for images in seen]), torch.eye(3))


def test_shares_are_recovered():
    def dense(images, labels):
        lam, index, _ = draws(len(images))
        return mixup(images, torch.eye(len(images)), lam, index)

    lam, index, _ = draws(7)
    expected = torch.diag(lam) + torch.zeros(7, 7).double().scatter(1, index[:, None], 1) * (
        1 - lam[:, None]
    )
    for mix, channels in ((right_mixup, None), (right_mixup, 3), (dense, None)):
        found, told = recover_shares(mix, channels=channels)
        assert found.dtype == told.dtype == torch.float64
        assert_close(found, expected, rtol=0, atol=1e-6)
        assert_close(told, expected, rtol=0, atol=1e-6)


def test_content_is_there_for_mixes_that_look():
    seen = []

    def looks(images, labels):
        seen.append(images)
        lam = images[:, :3].mean((1, 2, 3))
        return mixup(images, labels, lam, labels.roll(1))

    for seed in (0, 0, 1):
        assert_labels_match_pixels(looks, n=5, content=3, seed=seed)
    assert seen[0].shape == (5, 8, 9, 14)
    assert seen[0][:, :3].std() > 0.2
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    assert torch.equal(seen[0][:, 3:], seen[2][:, 3:])


def test_more_mixed_images_than_sources():
    def twice(images, labels):
        mixed = right_mixup(images, labels)
        return (
            torch.cat([images, mixed.images]),
            torch.cat([torch.eye(len(images)), mixed.labels.dense(len(images))]),
        )

    for channels in (None, 3):
        assert recover_shares(twice, channels=channels)[0].shape == (14, 7)
        assert_labels_match_pixels(twice, channels=channels)


# -- what is wrong -------------------------------------------------------------------------------


def labels_swapped(images, labels):
    lam, index, _ = draws(len(images))
    return mixup(images, labels, lam, index).images, pair(labels, index, 1 - lam)


def pair(labels, index, share):
    share = share.float()
    return MixedLabels(torch.stack([labels, labels[index]], 1), torch.stack([share, 1 - share], 1))


def box(lam, center, size):
    """The ends of a box of area 1 - lam, clipped at the border: (top, bottom), (left, right)."""
    ends = []
    for length, place in zip(size, center, strict=True):
        side, middle = (1 - lam) ** 0.5 * length, place * length
        ends.append([min(max(round(v), 0), length) for v in (middle - side / 2, middle + side / 2)])
    return ends


def paste(images, index, boxes):
    mixed = images.clone()
    for i, ((top, bottom), (left, right)) in enumerate(boxes):
        mixed[i, :, top:bottom, left:right] = images[index[i], :, top:bottom, left:right]
    return mixed


def area(boxes, size):
    """What is left of the first image."""
    inside = [(bottom - top) * (right - left) for (top, bottom), (left, right) in boxes]
    return 1 - torch.tensor(inside) / (size[0] * size[1])


def boxes_of(images):
    lam, index, centers = draws(len(images))
    places = zip(lam.tolist(), centers.tolist(), strict=True)
    return index, lam, [box(*place, images.shape[2:]) for place in places]


def sides_swapped(images, labels):
    index, _, boxes = boxes_of(images)
    size = images.shape[2:]
    turned = [(columns, rows) for rows, columns in boxes]  # width for height in the pixels
    return paste(images, index, turned), pair(labels, index, area(boxes, size))


def not_updated_for_clipping(images, labels):
    index, lam, boxes = boxes_of(images)
    return paste(images, index, boxes), pair(labels, index, lam)


def one_box_in_the_labels(images, labels):
    index, _, boxes = boxes_of(images)
    share = area(boxes, images.shape[2:])[:1].expand(len(images))
    return paste(images, index, boxes), pair(labels, index, share)


def other_pairing_in_the_labels(images, labels):
    lam, index, _ = draws(len(images))
    return mixup(images, labels, lam, index).images, pair(labels, index.argsort(), lam)


def in_place(images, labels):
    lam, index, _ = draws(len(images))
    for i in range(len(images)):  # later samples are mixed with what was written before
        images[i] = lam[i] * images[i] + (1 - lam[i]) * images[index[i]]
    return images, pair(labels, index, lam)


def smoothed(images, labels):
    mixed = right_mixup(images, labels)
    return mixed.images, 0.9 * mixed.labels.dense(len(images)) + 0.1 / len(images)


def not_a_number(images, labels):
    mixed = right_mixup(images, labels)
    return mixed.images / 0 * 0, mixed.labels


WRONG = (
    *(labels_swapped, sides_swapped, not_updated_for_clipping, one_box_in_the_labels),
    *(other_pairing_in_the_labels, in_place, smoothed, not_a_number),
)


@pytest.mark.parametrize("mix", WRONG)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_a_wrong_mix_is_caught_by_sample_source_and_shares(mix, channels):
    with pytest.raises(AssertionError) as caught:
        assert_labels_match_pixels(mix, channels=channels)
    number = r"(nan|[\d.]+(?:e-?\d+)?)"
    message = re.match(
        rf"sample (\d+): {number} of the pixels come from image (\d+), its label says {number}.* "
        r"\(in all, (\d) of 7 samples are off by more than 1e-05\)$",
        str(caught.value),
    )
    sample, pixels, source, label, off = message.groups()
    found, told = recover_shares(mix, channels=channels)
    assert float(pixels) == pytest.approx(
        found[int(sample), int(source)].item(), abs=1e-6, nan_ok=True
    )
    assert float(label) == pytest.approx(told[int(sample), int(source)].item(), abs=1e-6)
    if "nan" not in pixels:
        difference = (found - told).abs()
        assert difference[int(sample), int(source)] == difference.max()
        assert int(off) == int((difference > 1e-5).any(1).sum())


@pytest.mark.parametrize(
    ("mix", "hint"),
    [
        (labels_swapped, "; the shares are right, but given to the wrong images (in all"),
        (other_pairing_in_the_labels, "; the shares are right, but given to the wrong images"),
        (smoothed, "; no share is 0: is there label smoothing, which has to be off here?"),
    ],
)
def test_hints(mix, hint):
    with pytest.raises(AssertionError, match=re.escape(hint)):
        assert_labels_match_pixels(mix)
    with pytest.raises(AssertionError) as caught:
        assert_labels_match_pixels(not_updated_for_clipping)
    assert ";" not in str(caught.value)


def test_the_tolerance():
    def slightly_off(images, labels):
        mixed = right_mixup(images, labels)
        return mixed.images * 1.001, mixed.labels

    assert_labels_match_pixels(slightly_off, atol=2e-3)
    with pytest.raises(AssertionError, match=r"off by more than 0\.0005"):
        assert_labels_match_pixels(slightly_off, atol=5e-4)


# -- mixes of others -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["elem", "pair", "batch"])
@pytest.mark.parametrize(
    "options",
    [
        dict(mixup_alpha=1.0, cutmix_alpha=0.0),
        dict(mixup_alpha=0.0, cutmix_alpha=1.0),
        dict(mixup_alpha=0.8, cutmix_alpha=1.0),
        dict(mixup_alpha=0.0, cutmix_minmax=(0.2, 0.6)),
    ],
)
def test_timm(mode, options):
    timm = pytest.importorskip("timm.data.mixup")
    mix = timm.Mixup(**options, mode=mode, label_smoothing=0.0, num_classes=8)
    for seed in range(5):
        assert_labels_match_pixels(mix, n=8, seed=seed, atol=1e-6)
        assert_labels_match_pixels(mix, n=8, channels=3, seed=seed, atol=1e-6)
    smoothing = timm.Mixup(**options, mode=mode, label_smoothing=0.1, num_classes=8)
    for channels in (None, 3):
        with pytest.raises(AssertionError, match="is there label smoothing"):
            assert_labels_match_pixels(smoothing, n=8, channels=channels)


@pytest.mark.parametrize("kind", ["MixUp", "CutMix"])
def test_torchvision(kind):
    pytest.importorskip("dmmix.compat")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    mix = getattr(v2, kind)(num_classes=7)
    for seed in range(10):
        assert_labels_match_pixels(mix, seed=seed, atol=1e-6)
        assert_labels_match_pixels(mix, channels=3, seed=seed, atol=1e-6)


# -- randomness ----------------------------------------------------------------------------------


def state():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


def draws_from_all(images, labels):
    lam = torch.rand(()) * float(np.random.rand()) * random.random()
    return mixup(images, labels, lam.float().expand(len(images)), labels.roll(1))


@pytest.mark.parametrize("channels", [None, 1])
def test_the_global_random_state_is_left_alone(channels):
    before = state()
    assert_labels_match_pixels(draws_from_all, channels=channels, seed=3)
    with pytest.raises(KeyError):
        recover_shares(lambda images, labels: draws_from_all(images, labels) and {}["no"])
    assert state() == before


def test_a_seed_decides_and_nothing_else():
    shares = []
    for seed in (1, 1, 2):
        for channels in (None, 3):
            torch.rand(3)
            np.random.rand()
            random.random()
            shares.append(recover_shares(draws_from_all, channels=channels, seed=seed)[1])
    assert all(torch.equal(shares[0], other) for other in shares[1:4])
    assert torch.equal(shares[4], shares[5])
    assert not torch.equal(shares[0], shares[4])


def test_a_mix_that_goes_on_drawing():
    g = torch.Generator().manual_seed(0)

    def mix(images, labels):
        lam = torch.rand(len(images), generator=g)
        return mixup(images, labels, lam, labels.roll(1))

    assert_labels_match_pixels(mix)
    with pytest.raises(ValueError, match=r"other labels in a second call.* use channels=None"):
        assert_labels_match_pixels(mix, channels=3)


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(n=0), "n must be 1 or more, got 0"),
        (dict(size=(0, 4)), r"size must be height and width, both 1 or more, got \(0, 4\)"),
        (dict(size=(4,)), r"size must be height and width, both 1 or more, got \(4,\)"),
        (dict(channels=0), "channels must be None, or 1 or more, got 0"),
        (dict(content=-1), "content must be 0 or more, got -1"),
        (dict(content=3, channels=3), "content=3 goes with channels=None, got channels=3"),
        (dict(atol=-1.0), "atol must be 0 or more and finite, got -1"),
        (dict(atol=float("nan")), "atol must be 0 or more and finite, got nan"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        assert_labels_match_pixels(right_mixup, **options)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (lambda x, y: x, TypeError, "mix must return images and labels, got Tensor"),
        (lambda x, y: (x,), TypeError, "mix must return images and labels, got tuple"),
        (lambda x, y: (x, [1]), TypeError, "mix must return labels as a Tensor, got list"),
        (lambda x, y: (None, y), TypeError, "mix must return images as a Tensor, got NoneType"),
        (lambda x, y: (x[:, :2], torch.eye(7)), ValueError, r"the 7 channels .*got \(7, 2, 9, 14"),
        (lambda x, y: (x[0], torch.eye(7)), ValueError, r"the 7 channels .*got \(7, 9, 14\)"),
        (lambda x, y: (x, y), ValueError, r"soft labels over 7 classes, got a Tensor of \(7,\)"),
        (lambda x, y: (x, torch.eye(8)), ValueError, r"over 7 classes, got a Tensor of \(8, 8\)"),
        (lambda x, y: (x[:5], torch.eye(7)), AssertionError, "5 mixed images, but labels for 7"),
    ],
)
def test_what_a_mix_must_return(result, error, message):
    with pytest.raises(error, match=message):
        assert_labels_match_pixels(result)
