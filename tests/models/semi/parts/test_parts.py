"""Parts that remember: alignment, thresholds, the teacher."""

import copy

import pytest
import torch
from torch import nn

from dmmix.functional.semi import align_distribution, flexmatch_thresholds
from dmmix.models.semi import DistributionAlignment, FlexThresholds, MeanTeacher, frozen_statistics

from ..small import make


def predictions(n, c=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, c, generator=generator).softmax(dim=1)


# -- distribution alignment --------------------------------------------------------------


@pytest.mark.parametrize("target", [None, [1.0, 2.0, 1.0]])
def test_alignment_by_the_last_batches(target):
    part = DistributionAlignment(3, window=4, target=target)
    means = []
    for step in range(10):
        probs = predictions(6, seed=step)
        means.append(probs.mean(dim=0))
        found = part(probs)
        running = sum(means[-4:]) / len(means[-4:])
        shares = torch.tensor([1.0, 1.0, 1.0] if target is None else target)
        expected = align_distribution(probs, running, shares / shares.sum())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_alignment_has_no_gradient():
    probs = predictions(4).requires_grad_()
    assert not DistributionAlignment(3)(probs).requires_grad


def test_alignment_is_saved():
    first = DistributionAlignment(3, window=2)
    for step in range(3):
        first(predictions(4, seed=step))
    second = DistributionAlignment(3, window=2)
    second.load_state_dict(first.state_dict())
    probs = predictions(4, seed=9)
    assert torch.equal(first(probs), second(probs))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(num_classes=0), "num_classes must be an int of at least 1"),
        (dict(num_classes=3, window=0), "window must be an int of at least 1"),
        (dict(num_classes=3, target=[1.0, 2.0]), "target must be 3 shares"),
        (dict(num_classes=2, target=[1.0, -2.0]), "target must be 2 shares, 0 or more"),
        (dict(num_classes=2, target=[0.0, 0.0]), "target must be 2 shares"),
    ],
)
def test_bad_alignment(options, says):
    with pytest.raises(ValueError, match=says):
        DistributionAlignment(**options)


# -- FlexMatch's thresholds --------------------------------------------------------------


@pytest.mark.parametrize("warmup", [True, False])
def test_thresholds_step_by_step(warmup):
    """Against a dict of what was learned."""
    classes, size, tau = 3, 12, 0.6
    part = FlexThresholds(classes, tau, warmup)
    part.resize(size)
    learned = {}
    passed = []
    for step in range(15):
        generator = torch.Generator().manual_seed(step)
        index = torch.randint(size, (8,), generator=generator)  # some of them twice
        confidence, found = predictions(8, classes, seed=step).max(dim=1)
        counts = [sum(c == k for c in learned.values()) for k in range(classes)]
        limits = flexmatch_thresholds(
            torch.tensor(counts), torch.tensor(size - sum(counts)), tau, warmup
        ).tolist()
        assert part.thresholds().tolist() == pytest.approx(limits)
        mask = part(confidence, found, index)
        expected = [
            p >= limits[c] for p, c in zip(confidence.tolist(), found.tolist(), strict=True)
        ]
        assert mask.tolist() == expected
        passed += expected
        for i, p, c in zip(index.tolist(), confidence.tolist(), found.tolist(), strict=True):
            if p >= tau:
                learned[i] = c
        assert part.learned.tolist() == [learned.get(i, -1) for i in range(size)]
    assert 0 < sum(passed) < len(passed)


def test_at_the_start_all_count():
    part = FlexThresholds(3, 0.95)
    part.resize(4)
    assert part(torch.tensor([0.4, 0.5]), torch.tensor([0, 1]), torch.tensor([0, 1])).all()


def test_thresholds_are_saved():
    first, second = FlexThresholds(3, 0.4), FlexThresholds(3, 0.4)
    first.resize(5)
    first(torch.tensor([0.9, 0.8]), torch.tensor([2, 1]), torch.tensor([4, 0]))
    assert first.learned.tolist() == [1, -1, -1, -1, 2]
    second.load_state_dict(first.state_dict())  # for testing nobody said how many there are
    assert torch.equal(second.learned, first.learned)
    third = FlexThresholds(3, 0.4)
    third.resize(6)
    with pytest.raises(ValueError, match="remembers 5 unlabelled images, the data has 6"):
        third.load_state_dict(first.state_dict())


def test_bad_thresholds():
    with pytest.raises(ValueError, match="num_classes must be an int of at least 1"):
        FlexThresholds(0)
    with pytest.raises(ValueError, match=r"tau must be a number in \[0, 1\], got 1.2"):
        FlexThresholds(3, 1.2)
    with pytest.raises(ValueError, match="num_unlabelled must be at least 1, got 0"):
        FlexThresholds(3).resize(0)


# -- the teacher -------------------------------------------------------------------------


def test_the_teacher_in_closed_form():
    """After n updates m^n theta_0 + (1 - m) sum_k m^(n - k) theta_k, buffers included."""
    model = make(MeanTeacher, normalise=True, teacher_momentum=0.9)
    model.start_training()
    names = [name for name, _ in model.teacher.network.named_parameters()]
    names += ["backbone.norm.running_mean", "backbone.norm.running_var"]
    history = []
    for step in range(6):
        if step:
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


def test_a_teacher_starts_as_its_student():
    model = make(MeanTeacher)
    with torch.no_grad():
        model.head.fc.weight.fill_(3.0)  # loaded after it was made
    model.start_training()
    assert (model.teacher.network.head.fc.weight == 3).all()


def test_the_teacher_is_what_is_tested():
    model = make(MeanTeacher)
    model.start_training()
    with torch.no_grad():
        model.teacher.network.head.fc.weight.mul_(-1)
    images, labels = torch.randn(4, 2, 4, 4, dtype=torch.float64), torch.zeros(4).long()
    model.eval()
    found = model.predict(images, labels=labels)
    expected = model.teacher(images).softmax(dim=1)
    torch.testing.assert_close(found.scores, expected)
    assert not torch.allclose(found.scores, model(images).softmax(dim=1))


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


def test_ten_crops_are_those_of_the_teacher():
    model = make(MeanTeacher)
    model.start_training()
    with torch.no_grad():
        model.teacher.network.head.fc.weight.mul_(-1)
    crops, labels = torch.randn(3, 10, 2, 4, 4, dtype=torch.float64), torch.zeros(3).long()
    model.eval()
    found = model.predict(crops, labels=labels).scores
    expected = torch.stack([model.teacher(image).softmax(dim=1).mean(dim=0) for image in crops])
    torch.testing.assert_close(found, expected)
