"""Parts that remember: alignment, thresholds, the teacher."""

import copy

import pytest
import torch
from torch import nn

from dmmix.functional.semi import align_distribution, flexmatch_thresholds
from dmmix.models.semi import (
    DistributionAlignment,
    FlexThreshold,
    Guess,
    MeanTeacher,
    frozen_statistics,
)
from tests.mixups.waits import Waits

from ..small import make


def predictions(n, c=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, c, generator=generator).softmax(dim=1)


def asked(part, confidence, classes, index):
    """Which of these pseudo-labels count."""
    values = (torch.as_tensor(each) for each in (classes, confidence))
    return part(Guess(None, None, *values, index=torch.as_tensor(index)))


def thresholds(size, threshold=0.6, **options):
    part = FlexThreshold(3, threshold, **options)
    part.resize(size)
    return part


def remembering(size):
    part = thresholds(size)
    asked(part, [0.9, 0.7, 0.4], [2, 1, 0], [0, 3, 1])
    return part


# -- a step on a device ------------------------------------------------------------------


def step(part, device="cpu"):
    probs, index = predictions(6).to(device), torch.arange(6, device=device)
    if isinstance(part, DistributionAlignment):
        return part(probs)
    return asked(part, *probs.max(dim=1), index)


@pytest.mark.parametrize("make_one", [lambda: DistributionAlignment(3, 2), lambda: thresholds(8)])
def test_nothing_waits_and_nothing_depends_on_a_value(make_one):
    """Meta tensors have no values, and no tensor of a step is left on the CPU."""
    part = make_one()
    with Waits() as waits:
        for _ in range(3):
            step(part)
    assert waits.found == []
    assert len(step(make_one().to("meta"), "meta")) == 6


# -- distribution alignment --------------------------------------------------------------


@pytest.mark.parametrize("target", [None, [1.0, 2.0, 1.0]])
def test_alignment_by_the_last_batches(target):
    part = DistributionAlignment(3, window=4, target=target)
    means = []
    for k in range(10):
        probs = predictions(6, seed=k).requires_grad_()
        means.append(probs.detach().mean(dim=0))
        found = part(probs)
        assert not found.requires_grad
        running = sum(means[-4:]) / len(means[-4:])
        shares = torch.tensor([1.0, 1.0, 1.0] if target is None else target)
        expected = align_distribution(probs.detach(), running, shares / shares.sum())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_mean_is_that_of_float32(dtype):
    part, probs = DistributionAlignment(3, window=2), predictions(500).to(dtype)
    part(probs)
    torch.testing.assert_close(part.recent[0], probs.double().mean(dim=0).float())


class Labels:
    def get_gt_labels(self):
        return [0, 0, 0, 0, 1, 2, 2, 2]


def test_a_target_that_is_known_later():
    """Of the labels, that a dataset tells; one that was given stays."""
    part, first = DistributionAlignment(3), DistributionAlignment(3, target=[0.5, 0.125, 0.375])
    assert part.target.tolist() == pytest.approx([1 / 3] * 3)
    part.see_dataset(Labels())
    assert part.target.tolist() == [0.5, 0.125, 0.375]
    assert torch.equal(part(predictions(5)), first(predictions(5)))
    with pytest.raises(ValueError, match="target must be 3 shares, 0 or more"):
        part.set_target([1, 2])
    assert part.target.tolist() == [0.5, 0.125, 0.375]
    given = DistributionAlignment(3, target=[1.0, 1.0, 2.0])
    given.see_dataset(Labels())
    assert given.target.tolist() == [0.25, 0.25, 0.5]


def test_a_ring_goes_on_after_a_checkpoint():
    """Saved in the middle of the window, and not at its start."""
    whole = DistributionAlignment(3, window=4)
    for k in range(6):
        whole(predictions(5, seed=k))
    again = DistributionAlignment(3, window=4, target=[1.0, 2.0, 3.0])
    again.load_state_dict(whole.state_dict())
    for k in range(6, 9):
        probs = predictions(5, seed=k)
        assert torch.equal(whole(probs), again(probs))
    assert torch.equal(whole.recent, again.recent)


# -- FlexMatch's thresholds --------------------------------------------------------------


@pytest.mark.parametrize("warmup", [True, False])
def test_thresholds_step_by_step(warmup):
    """Against a dict of what was learned; at the start all count."""
    classes, size, tau = 3, 12, 0.6
    part = thresholds(size, tau, warmup=warmup)
    learned = {}
    passed = []
    for k in range(15):
        generator = torch.Generator().manual_seed(k)
        index = torch.randint(size, (8,), generator=generator)  # some of them twice
        confidence, found = predictions(8, classes, seed=k).max(dim=1)
        counts = [sum(c == k for c in learned.values()) for k in range(classes)]
        limits = flexmatch_thresholds(
            torch.tensor(counts), torch.tensor(size - sum(counts)), tau, warmup
        ).tolist()
        assert part.thresholds().tolist() == pytest.approx(limits)
        mask = asked(part, confidence, found, index)
        expected = [
            p >= limits[c] for p, c in zip(confidence.tolist(), found.tolist(), strict=True)
        ]
        assert mask.tolist() == expected
        passed += expected
        for i, p, c in zip(index.tolist(), confidence.tolist(), found.tolist(), strict=True):
            if p >= tau:
                learned[i] = c
        assert part.learned.tolist() == [learned.get(i, -1) for i in range(size)]
    assert all(passed[:8])
    assert not all(passed)


def test_exactly_the_threshold_counts():
    part = thresholds(2, 0.5)
    assert asked(part, [0.0, 0.0], [0, 2], [0, 1]).all()  # thresholds of 0
    asked(part, [0.5, 0.5], [0, 0], [0, 1])
    assert part.learned.tolist() == [0, 0]
    assert part.thresholds().tolist() == [0.5, 0, 0]
    assert asked(part, [0.5, 0.5], [0, 0], [0, 1]).all()


def test_what_a_checkpoint_of_thresholds_brings():
    first = remembering(5)
    assert first.learned.tolist() == [2, -1, -1, 1, -1]
    unsized, same = FlexThreshold(3), thresholds(5)  # for testing nobody said how many there are
    for part in (unsized, same):
        part.load_state_dict(first.state_dict())
        assert torch.equal(part.learned, first.learned)
    assert torch.equal(same.thresholds(), first.thresholds())
    with pytest.raises(ValueError, match="remembers 6 unlabelled images, the data has 5"):
        first.load_state_dict(thresholds(6).state_dict())
    assert torch.equal(first.learned, same.learned)
    first.resize(3)
    assert first.learned.tolist() == [-1] * 3
    assert first.learned.dtype == torch.int64


def test_a_checkpoint_of_before_the_data_was_known():
    """It has no images: there is room for those of the data all the same."""
    inner = nn.Sequential(remembering(4))
    given = nn.Sequential(FlexThreshold(3)).state_dict()
    inner.load_state_dict(given)
    assert inner[0].learned.tolist() == [-1] * 4
    assert given["0.learned"].shape == (0,)  # the caller's


def aligned(**options):
    return DistributionAlignment(**{"num_classes": 2, **options})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: aligned(num_classes=0), "num_classes must be an int of at least 1"),
        (lambda: aligned(window=0), "window must be an int of at least 1"),
        (lambda: aligned(target=[1.0, 2.0, 1.0]), "target must be 2 shares"),
        (lambda: aligned(target=[1.0, -0.5]), "target must be 2 shares, 0 or more"),
        (lambda: aligned(target=[0.0, 0.0]), "target must be 2 shares"),
        (lambda: aligned(target=[float("inf"), 1.0]), "target must be"),
        (lambda: aligned(target=[float("nan"), 1.0]), "target must be"),
        (lambda: aligned()(predictions(4, 5)), r"probs must be \(N, 2\), got \(4, 5\)"),
        (lambda: FlexThreshold(0), "num_classes must be an int of at least 1"),
        (lambda: FlexThreshold(3, 1.2), r"threshold must be a number in \[0, 1\], got 1.2"),
        (lambda: FlexThreshold(3).resize(0), "num_unlabelled must be at least 1, got 0"),
        (lambda: asked(FlexThreshold(3), [0.5], [0], [0]), "needs to know the unlabelled images"),
    ],
)
def test_bad_arguments(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# -- the teacher -------------------------------------------------------------------------


def test_the_teacher_in_closed_form():
    """After n updates m^n theta_0 + (1 - m) sum_k m^(n - k) theta_k, buffers included."""
    model = make(MeanTeacher, normalise=True, teacher_momentum=0.9)
    with torch.no_grad():
        model.head.fc.weight.fill_(3.0)  # loaded after it was made
    model.start_training()
    assert (model.teacher.network.head.fc.weight == 3).all()
    names = [name for name, _ in model.teacher.network.named_parameters()]
    names += ["backbone.norm.running_mean", "backbone.norm.running_var"]
    history = []
    for update in range(6):
        if update:
            with torch.no_grad():
                for value in [*model.backbone.parameters(), *model.head.parameters()]:
                    value += torch.randn(value.shape, dtype=value.dtype) * 0.1
            model.backbone.norm.running_mean += 1.0
            model.backbone.norm.running_var *= 1.5
            model.backbone.norm.num_batches_tracked += 1
            model.after_update()
        history.append(copy.deepcopy(model.state_dict()))
    averaged = model.teacher.network.state_dict()
    assert len(names) == 6
    for name in names:
        expected = 0.9**5 * history[0][name]
        for k in range(1, 6):
            expected = expected + 0.1 * 0.9 ** (5 - k) * history[k][name]
        torch.testing.assert_close(averaged[name], expected, rtol=1e-6, atol=1e-8)
    assert averaged["backbone.norm.num_batches_tracked"] == 5


def test_the_teacher_is_what_is_tested():
    """Of ten crops too."""
    model = make(MeanTeacher)
    model.start_training()
    with torch.no_grad():
        model.teacher.network.head.fc.weight.mul_(-1)
    model.eval()
    images, labels = torch.randn(4, 2, 4, 4, dtype=torch.float64), torch.zeros(4).long()
    found = model.predict(images, labels=labels)
    expected = model.teacher(images).softmax(dim=1)
    torch.testing.assert_close(found.scores, expected)
    assert not torch.allclose(found.scores, model(images).softmax(dim=1))
    crops = torch.randn(3, 10, 2, 4, 4, dtype=torch.float64)
    found = model.predict(crops, labels=labels[:3]).scores
    expected = torch.stack([model.teacher(image).softmax(dim=1).mean(dim=0) for image in crops])
    torch.testing.assert_close(found, expected)


def test_frozen_statistics():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False)).train()
    before = copy.deepcopy(module.state_dict())
    images = torch.randn(8, 2) + 3
    with frozen_statistics(module):
        out = module(images)
    assert out.mean().abs() < 1e-5  # by the statistics of the batch
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert [layer.track_running_stats for layer in module] == [True, False]
    with pytest.raises(RuntimeError, match="stop"), frozen_statistics(module):
        raise RuntimeError("stop")
    assert module[0].track_running_stats
