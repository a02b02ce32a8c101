"""What holds for every method, whatever its loss."""

import copy

import numpy as np
import pytest
import torch

from dmmix.models.semi import (
    UDA,
    FixMatch,
    FlexMatch,
    MeanTeacher,
    MixMatch,
    PiModel,
    PseudoLabel,
    ReMixMatch,
    StreamMix,
)

from .small import CLASSES, batch, make, total, watch

METHODS = [PseudoLabel, PiModel, MeanTeacher, MixMatch, ReMixMatch, UDA, FixMatch, FlexMatch]
MIX = dict(mixup=dict(type="CutMix", alpha=0.5), threshold=0.3, mix_threshold=0.3)


def ready(kind, **options):
    """A method and a batch, told what a runner would tell it."""
    model = make(kind, **options)
    inputs, labels, index = batch(model)
    if kind is FlexMatch:
        model.masking.resize(len(index))
    if kind is MeanTeacher:
        model.start_training()
    return model, inputs, labels, index


@pytest.mark.parametrize("options", [{}, dict(stream_mix=MIX), dict(joint_forward=False)])
@pytest.mark.parametrize("kind", METHODS)
def test_nothing_that_goes_in_is_written_to(kind, options):
    model, inputs, labels, index = ready(kind, **options)
    before = copy.deepcopy((inputs, labels, index))
    total(model.loss(inputs, labels, index)).backward()
    after = (inputs, labels, index)
    for old, new in zip(before[0].values(), after[0].values(), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(before[1], after[1])
    assert torch.equal(before[2], after[2])


@pytest.mark.parametrize("kind", METHODS)
def test_same_seed_same_losses(kind):
    found = []
    for seed in (3, 3, 4):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        torch.manual_seed(seed)
        losses = model.loss(inputs, labels, index)
        found.append({name: float(value.detach()) for name, value in losses.items()})
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("kind", METHODS)
def test_one_forward_or_several(kind):
    """Without BatchNorm it is the same."""
    found = []
    for joint in (True, False):
        model, inputs, labels, index = ready(kind, joint_forward=joint)
        torch.manual_seed(0)
        found.append((model.loss(inputs, labels, index), len(model.backbone.seen)))
    (first, passes), (second, more) = found
    assert passes < more
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [UDA, FixMatch, FlexMatch])
def test_views_stay_paired(kind):
    """An image's strong view learns from its own weak view, whatever stands around it."""
    model, inputs, labels, index = ready(kind, threshold=0.0)
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(0))
    first = model.loss(inputs, labels, index)["loss_unlabelled"]
    both = {name: inputs[name][order] for name in ("weak", "strong")}
    if kind is FlexMatch:
        model.masking.resize(len(index))
    same = model.loss({**inputs, **both}, labels, index[order])["loss_unlabelled"]
    torch.testing.assert_close(first, same, rtol=1e-12, atol=0)
    apart = {**inputs, "strong": inputs["strong"][order]}
    assert abs(float((model.loss(apart, labels, index)["loss_unlabelled"] - first).detach())) > 1e-3


@pytest.mark.parametrize("kind", [UDA, FixMatch, FlexMatch])
def test_no_gradient_through_the_weak_view(kind):
    model, inputs, labels, index = ready(kind, threshold=0.0)
    inputs = {name: images.requires_grad_() for name, images in inputs.items()}
    model.loss(inputs, labels, index)["loss_unlabelled"].backward()
    assert inputs["strong"].grad.abs().sum() > 0
    assert inputs["weak"].grad is None or not inputs["weak"].grad.any()


@pytest.mark.parametrize("kind", [MixMatch, ReMixMatch])
def test_no_gradient_through_guesses(kind):
    """The guess is a target: of the mixed batch, only what the network makes of it has one."""
    model, inputs, labels, index = ready(kind)
    made = watch(model.own_mix.mixup)
    total(model.loss(inputs, labels, index)).backward()
    assert [targets.requires_grad for _, targets, _ in made] == [False]


def test_no_gradient_to_the_teacher():
    model, inputs, labels, index = ready(MeanTeacher)
    inputs = {name: images.requires_grad_() for name, images in inputs.items()}
    total(model.loss(inputs, labels, index)).backward()
    assert all(p.grad is None and not p.requires_grad for p in model.teacher.parameters())
    assert inputs["weak2"].grad is None
    assert all(p.grad is not None for p in [*model.backbone.parameters(), *model.head.parameters()])


@pytest.mark.parametrize("kind", [MixMatch, ReMixMatch])
def test_guesses_leave_the_statistics_alone(kind):
    model = make(kind, normalise=True)
    inputs, labels, index = batch(model)
    norm = model.backbone.norm
    norm.reset_running_stats()
    norm.momentum = 1.0
    model.loss(inputs, labels, index)
    assert int(norm.num_batches_tracked) == 1  # of the pass that learns, not of that which guesses
    last = model.backbone.seen[-1]
    torch.testing.assert_close(norm.running_mean, last.mean(dim=(0, 2, 3)))
    assert norm.track_running_stats


def test_the_teacher_leaves_its_statistics_alone():
    model = make(MeanTeacher, normalise=True)
    model.start_training()
    before = copy.deepcopy(model.teacher.state_dict())
    model.teacher(torch.randn(6, 2, 4, 4, dtype=torch.float64))
    for name, value in model.teacher.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("kind", METHODS)
def test_a_batch_of_one_stream(kind):
    model, inputs, labels, index = ready(kind)
    with pytest.raises(TypeError, match=r"trains on batches of two streams.*SemiDataset"):
        model.loss(inputs["labelled"], labels, index)
    name = next(iter(set(model.views) - {"labelled"}))
    del inputs[name]
    with pytest.raises(ValueError, match=rf"needs the views .*lacks \['{name}'\]"):
        model.loss(inputs, labels, index)


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (
            FixMatch,
            dict(threshold=1.5),
            r"FixMatch: threshold must be a number in \[0, 1\], got 1.5",
        ),
        (FixMatch, dict(unlabelled_weight=-1), "unlabelled_weight must be a finite number of"),
        (FixMatch, dict(ramp=2), r"ramp must be a number in \[0, 1\], got 2"),
        (PseudoLabel, dict(threshold=-0.1), r"threshold must be a number in \[0, 1\], got -0.1"),
        (UDA, dict(temperature=0), "temperature must be a finite number above 0, got 0"),
        (UDA, dict(annealing="cosine"), "annealing must be .*'linear'.*got 'cosine'"),
        (MixMatch, dict(temperature=-1), "temperature must be a finite number above 0"),
        (MixMatch, dict(mixup=dict(type="PuzzleMix")), "PuzzleMix is no mix of pairs"),
        (MixMatch, dict(mixup=dict(type="ManifoldMix")), "ManifoldMix is no mix of pairs"),
        (ReMixMatch, dict(num_strong=0), "num_strong must be an int of at least 1, got 0"),
        (ReMixMatch, dict(rotation_weight=-1), "rotation_weight must be a finite number of"),
        (MeanTeacher, dict(teacher_momentum=1), "teacher_momentum must be above 0 and below 1"),
        (
            FixMatch,
            dict(stream_mix=dict(MIX, lam_bias="left")),
            "StreamMix: lam_bias must be 'u",
        ),
        (FixMatch, dict(stream_mix=dict(MIX, decouple="all")), "StreamMix: decouple must be 'lab"),
        (
            FixMatch,
            dict(stream_mix=dict(MIX, weight=-1)),
            "StreamMix: weight must be a finite number",
        ),
        (FixMatch, dict(stream_mix=dict(MIX, threshold=2)), "StreamMix: threshold must be a n"),
    ],
)
def test_bad_arguments(kind, options, says):
    with pytest.raises(ValueError, match=says):
        make(kind, **options)


@pytest.mark.parametrize("name", ["SmoothMix", "GuidedMixup", "CoMixup", "RegMixup"])
def test_mixes_that_draw_no_share(name):
    """Alone, and among those that do."""
    says = f"{name} does not mix pairs with a share that is drawn"
    members = dict(type="RandomMix", mixups=[dict(type="Mixup"), dict(type=name)])
    for mixup in (dict(type=name), members):
        with pytest.raises(ValueError, match=f"stream_mix.mixup: {says}"):
            make(FixMatch, stream_mix=dict(mixup=mixup))
    with pytest.raises(ValueError, match=f"mixup: {name} "):
        make(MixMatch, mixup=dict(type=name))
    with pytest.raises(ValueError, match="mixup: RandomMix is no mix of pairs"):
        make(MixMatch, mixup=members)


def test_bad_stream_mixes():
    with pytest.raises(KeyError, match="stream_mix needs mixup=dict"):
        make(FixMatch, stream_mix=dict(weight=1.0))
    with pytest.raises(TypeError, match="stream_mix must be a dict"):
        make(FixMatch, stream_mix="Mixup")
    with pytest.raises(TypeError, match=r"stream_mix\.loss must be a loss for mixed labels"):
        StreamMix(dict(type="Mixup"), loss=dict(type="mmpretrain.CrossEntropyLoss"))
    bce = dict(type="DecoupledMixupBCELoss")
    StreamMix(dict(type="Mixup"), loss=bce)
    says = r"stream_mix\.decouple='both' is for DecoupledMixupLoss, leave it out with Decoupled"
    with pytest.raises(ValueError, match=says):
        StreamMix(dict(type="Mixup"), loss=bce, decouple="both")


def test_unknown_arguments():
    with pytest.raises(TypeError, match="unexpected keyword argument 'mixup'"):
        make(FixMatch, mixup=dict(type="CutMix"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'streammix'"):
        make(MixMatch, streammix=dict(mixup=dict(type="CutMix")))


@pytest.mark.parametrize("kind", [MixMatch, ReMixMatch])
def test_gridmix_gave_the_own_image_less_than_half(kind):
    """Which is logged: each cell is a pixel here."""
    model, inputs, labels, index = ready(kind, mixup=dict(type="GridMix", alpha=8.0))
    made = watch(model.own_mix.mixup)
    torch.manual_seed(0)
    losses = model.loss(inputs, labels, index)
    images, _, mixed = made[0]
    own = (mixed.images == images).all(dim=1).double().mean(dim=(1, 2))
    assert float(losses["mixed_below_half"]) == pytest.approx(float((own < 0.5).float().mean()))
    assert 0 < losses["mixed_below_half"] < 1


def test_confidence_of_aligned_guesses_is_not_sharpened():
    """Thresholds of the mixes mean the same in every method."""
    model, inputs, labels, index = ready(ReMixMatch, stream_mix=MIX)
    made, sure, losses = watch(model.own_mix.mixup), [], model.stream_mix.losses
    model.stream_mix.losses = lambda *args: losses(*args[:5], sure.append(args[5]) or args[5])
    model.loss(inputs, labels, index)
    n, m = len(labels), len(index)
    aligned = made[0][1][n : n + m].double().pow(model.temperature)
    aligned = aligned / aligned.sum(dim=1, keepdim=True)
    torch.testing.assert_close(sure[0], aligned.max(dim=1).values, rtol=1e-5, atol=1e-6)


class Data:
    num_unlabelled, num_classes = 20, CLASSES

    def get_gt_labels(self):
        return np.arange(CLASSES)


def test_what_a_runner_tells():
    model = make(FlexMatch)
    model.see_dataset(Data())
    assert len(model.masking.learned) == 20
    other = Data()
    other.num_classes = 7
    with pytest.raises(ValueError, match=r"head\.num_classes=5, but the labels .* have 7 classes"):
        model.see_dataset(other)
    with pytest.raises(ValueError, match=r"needs train_dataloader\.dataset of type SemiDataset"):
        model.see_dataset([1, 2])


def test_guesses_are_aligned_to_the_labels():
    class Unbalanced(Data):
        def get_gt_labels(self):
            return np.array([0, 0, 0, 1, 2, 3, 4, 4])

    model = make(ReMixMatch, window=7)
    torch.testing.assert_close(model.alignment.target, torch.full((5,), 0.2).double())
    model.see_dataset(Unbalanced())
    assert model.alignment.target.tolist() == [3 / 8, 1 / 8, 1 / 8, 1 / 8, 2 / 8]
    assert len(model.alignment.recent) == 7


def test_flexmatch_without_its_data():
    model = make(FlexMatch)
    inputs, labels, index = batch(model)
    with pytest.raises(ValueError, match="FlexMatch needs to know the unlabelled images"):
        model.loss(inputs, labels, index)


def test_ramps(monkeypatch):
    model, inputs, labels, index = ready(FixMatch, threshold=0.0, ramp=0.4, unlabelled_weight=2.0)
    whole = model.loss(inputs, labels, index)["loss_unlabelled"].detach()
    for progress, part in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (1.0, 1.0)):
        monkeypatch.setattr("dmmix.models.semi.base.training_progress", lambda p=progress: p)
        loss = model.loss(inputs, labels, index)["loss_unlabelled"].detach()
        torch.testing.assert_close(loss, part * whole)
