"""What must hold for every semi-supervised and transfer method, whatever its loss."""

import copy

import pytest
import torch

from dmmix.engine.step_options import StepOptions
from dmmix.models.semi import (
    UDA,
    ComposedMethod,
    FixMatch,
    FlexMatch,
    MeanTeacher,
    MixMatch,
    PseudoLabel,
    ReMixMatch,
)
from dmmix.models.transfer import BSS, CoTuning, SelfTuning
from tests.models.semi.small import CLASSES, total

from .methods import METHODS, MIX, build, ready

each_method = pytest.mark.parametrize("kind", METHODS)


def numbers(losses):
    return {name: float(value.detach()) for name, value in losses.items()}


@pytest.mark.parametrize("options", [{}, dict(stream_mix=MIX), dict(joint_forward=False)])
@each_method
def test_nothing_that_goes_in_is_written_to(kind, options):
    model, inputs, labels, index = ready(kind, **options)
    before = copy.deepcopy((inputs, labels, index))
    losses = model.loss(inputs, labels, index)
    total(losses).backward()
    for old, new in zip(before[0].values(), inputs.values(), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(before[1], labels)
    assert torch.equal(before[2], index)
    if "stream_mix" in options:
        assert losses["loss_stream_mix"] > 0
    assert ("loss_stream_decoupled" in losses) == ("stream_mix" in options)


@each_method
def test_same_seed_same_losses(kind):
    found = []
    for seed in (3, 3, 4):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        torch.manual_seed(seed)
        found.append(numbers(model.loss(inputs, labels, index)))
    assert found[0] == found[1] != found[2]


@each_method
def test_one_forward_or_several(kind):
    """Without BatchNorm it is the same."""
    found = []
    for joint in (True, False):
        model, inputs, labels, index = ready(kind, joint_forward=joint, stream_mix=MIX)
        model.backbone.seen.clear()
        torch.manual_seed(0)
        found.append((model.loss(inputs, labels, index), len(model.backbone.seen)))
    (first, passes), (second, more) = found
    assert passes < more
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-9, atol=1e-12)


@each_method
def test_only_what_learns_has_a_gradient(kind):
    """Not the views that make targets, and not a teacher."""
    row = METHODS[kind]
    model, inputs, labels, index = ready(kind, **row.all_count)
    model.loss(inputs, labels, index)  # so that what is contrasted has something before it
    inputs = {name: images.requires_grad_() for name, images in inputs.items()}
    total(model.loss(inputs, labels, index)).backward()
    for name, images in inputs.items():
        learns = images.grad is not None and bool(images.grad.any())
        assert learns == (name not in row.targets), name
    teacher = getattr(model, "teacher", None)
    frozen = set() if teacher is None else set(teacher.parameters())
    for parameter in model.parameters():
        assert (parameter.grad is None) == (parameter in frozen)


@each_method
def test_targets_leave_the_statistics_alone(kind):
    model, inputs, labels, index = ready(kind, normalise=True)
    norm = model.backbone.norm
    norm.reset_running_stats()
    norm.momentum = 1.0
    teacher = getattr(model, "teacher", None)
    before = {} if teacher is None else copy.deepcopy(teacher.state_dict())
    model.loss(inputs, labels, index)
    assert int(norm.num_batches_tracked) == 1  # of the pass that learns, not of that which guesses
    last = model.backbone.seen[-1]
    torch.testing.assert_close(norm.running_mean, last.mean(dim=(0, 2, 3)))
    assert norm.track_running_stats
    for name, value in before.items():
        assert torch.equal(value, teacher.state_dict()[name]), name


@each_method
def test_nothing_learns_from_hidden_labels(kind):
    found = []
    for hidden in (None, 0, 1):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        given = None if hidden is None else torch.full((len(index),), hidden)
        torch.manual_seed(0)
        losses = model.loss(inputs, labels, index, given)
        assert ("pseudo_accuracy" in losses) == (hidden is not None)
        losses.pop("pseudo_accuracy", None)
        found.append(numbers(losses))
        assert "pseudo_accuracy" not in model.loss(inputs, labels, index)  # forgotten
    assert found[0] == found[1] == found[2]


@each_method
def test_the_classes_of_pseudo_labels_add_up(kind):
    """Each image has one pseudo-label: over all classes taken for the truth, 100 %."""
    shares = []
    for truth in range(CLASSES):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        if getattr(model, "masking", None) is not None:
            model.masking = None
        torch.manual_seed(0)
        losses = model.loss(inputs, labels, index, torch.full((len(index),), truth))
        shares.append(float(losses["pseudo_accuracy"]))
    assert sum(shares) == pytest.approx(100)


@each_method
def test_it_goes_on_after_a_checkpoint(kind):
    """All that a step leaves behind is in the state dict."""
    model, inputs, labels, index = ready(kind, **METHODS[kind].all_count)
    for _ in range(2):
        model.loss(inputs, labels, index)
        model.after_update()
    again = build(kind, seed=1, **METHODS[kind].all_count)
    again.load_state_dict(model.state_dict())
    found = []
    for each in (model, again):
        torch.manual_seed(0)
        found.append(numbers(each.loss(inputs, labels, index)))
    assert found[0] == found[1]


@each_method
def test_a_batch_that_lacks_a_view(kind):
    model, inputs, labels, index = ready(kind, stream_mix=MIX)
    with pytest.raises(TypeError, match=r"trains on batches of two streams.*SemiDataset"):
        model.loss(inputs["labelled"], labels, index)
    name = next(iter(set(model.views) - {"labelled"}))
    del inputs[name]
    with pytest.raises(ValueError, match=rf"needs the views .*lacks \['{name}'\]"):
        model.loss(inputs, labels, index)


@each_method
def test_a_step_that_does_not_compile(kind):
    says = rf"step.compile needs a model .*\(MixupClassifier\), got {kind.__name__}: leave"
    with pytest.raises(ValueError, match=says):
        StepOptions(compile=True).prepare(build(kind))


@pytest.mark.parametrize(
    ("kind", "part"), [(kind, name) for kind, row in METHODS.items() for name in row.names]
)
def test_a_part_that_a_method_names_itself(kind, part):
    says = f"{kind.__name__} names its {part} itself, ComposedMethod takes any"
    with pytest.raises(TypeError, match=says):
        build(kind, **{part: None})


@pytest.mark.parametrize("labels", ["HardLabels", "SoftLabels"])
@pytest.mark.parametrize(
    "consistency", ["MaskedCrossEntropy", "KLConsistency", "MeanSquaredConsistency"]
)
@pytest.mark.parametrize("masking", [None, "FixedThreshold", "FlexThreshold"])
def test_each_part_goes_with_all_others(masking, consistency, labels):
    if masking is not None:
        masking = dict(type=masking, threshold=0.5)
    model, inputs, classes, index = ready(
        ComposedMethod,
        masking=masking,
        consistency=dict(type=consistency),
        pseudo_labels=dict(type=labels),
        alignment=dict(type="DistributionAlignment"),
    )
    inputs["strong"].requires_grad_()
    losses = model.loss(inputs, classes, index)
    assert ("mask_rate" in losses) == (masking is not None)
    losses["loss_unlabelled"].backward()
    counted = inputs["strong"].grad.flatten(1).any(dim=1)
    assert counted.any()
    rate = losses.get("mask_rate", torch.ones(()))
    assert float(rate) == pytest.approx(float(counted.float().mean()))


FRACTION = r"must be a number in \[0, 1\], got"
FINITE, ABOVE_0 = "must be a finite number of", "must be a finite number above 0"
COUNT = "must be an int of at least 1, got"
BETWEEN = "must be above 0 and below 1"


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (FixMatch, dict(threshold=1.5), f"FixMatch: threshold {FRACTION} 1.5"),
        (FixMatch, dict(unlabelled_weight=-1), f"unlabelled_weight {FINITE}"),
        (FixMatch, dict(ramp=2), f"ramp {FRACTION} 2"),
        (FlexMatch, dict(threshold=1.5), f"threshold {FRACTION} 1.5"),
        (PseudoLabel, dict(threshold=-0.1), f"threshold {FRACTION} -0.1"),
        (UDA, dict(temperature=0), f"temperature {ABOVE_0}, got 0"),
        (UDA, dict(annealing="cosine"), "annealing must be .*'linear'.*got 'cosine'"),
        (MixMatch, dict(temperature=-1), f"temperature {ABOVE_0}"),
        (MixMatch, dict(mixup=dict(type="PuzzleMix")), "PuzzleMix is no mix of pairs"),
        (MixMatch, dict(mixup=dict(type="ManifoldMix")), "ManifoldMix is no mix of pairs"),
        (ReMixMatch, dict(num_strong=0), f"num_strong {COUNT} 0"),
        (ReMixMatch, dict(rotation_weight=-1), f"rotation_weight {FINITE}"),
        (MeanTeacher, dict(teacher_momentum=1), f"teacher_momentum {BETWEEN}"),
        (BSS, dict(k=0), f"k {COUNT} 0"),
        (BSS, dict(shrinkage_weight=-1), f"shrinkage_weight {FINITE}"),
        (CoTuning, dict(source_temperature=0), f"temperature {ABOVE_0}"),
        (CoTuning, dict(source_weight=-1), f"source_weight {FINITE}"),
        (SelfTuning, dict(projection_dim=0), f"projection_dim {COUNT} 0"),
        (SelfTuning, dict(queue_size=0), f"queue_size {COUNT} 0"),
        (SelfTuning, dict(temperature=-1), f"temperature {ABOVE_0}"),
        (SelfTuning, dict(key_momentum=1), f"key_momentum {BETWEEN}"),
    ],
)
def test_bad_arguments(kind, options, says):
    with pytest.raises(ValueError, match=says):
        build(kind, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(lam_bias="left"), "StreamMix: lam_bias must be 'u"),
        (dict(decouple="all"), "StreamMix: decouple must be 'lab"),
        (dict(weight=-1), f"StreamMix: weight {FINITE}"),
        (dict(threshold=2), f"StreamMix: threshold {FRACTION} 2"),
    ],
)
@each_method
def test_bad_arguments_of_the_mix_between_streams(kind, options, says):
    with pytest.raises(ValueError, match=says):
        build(kind, stream_mix=dict(MIX, **options))
