"""What holds for some of the methods; what does for all is among the laws."""

import numpy as np
import pytest
import torch

from dmmix.models.semi import (
    UDA,
    FixMatch,
    FlexMatch,
    MixMatch,
    PseudoLabel,
    ReMixMatch,
    StreamMix,
)
from tests.laws.methods import MIX, ready

from .small import CLASSES, make, total, watch


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


@pytest.mark.parametrize("kind", [MixMatch, ReMixMatch])
def test_no_gradient_through_guesses(kind):
    """The guess is a target: of the mixed batch, only what the network makes of it has one."""
    model, inputs, labels, index = ready(kind)
    made = watch(model.own_mix.mixup)
    total(model.loss(inputs, labels, index)).backward()
    assert [targets.requires_grad for _, targets, _ in made] == [False]


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


def test_bad_stream_mixes_and_unknown_arguments():
    with pytest.raises(TypeError, match="unexpected keyword argument 'mixup'"):
        make(FixMatch, mixup=dict(type="CutMix"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'streammix'"):
        make(MixMatch, streammix=dict(mixup=dict(type="CutMix")))
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
        return np.array([0, 0, 0, 1, 2, 3, 4, 4])


def test_what_a_runner_tells():
    model, aligned = make(FlexMatch), make(ReMixMatch, window=7)
    torch.testing.assert_close(aligned.alignment.target, torch.full((5,), 0.2).double())
    for each in (model, aligned):
        each.see_dataset(Data())
    assert len(model.masking.learned) == 20
    assert aligned.alignment.target.tolist() == [3 / 8, 1 / 8, 1 / 8, 1 / 8, 2 / 8]
    assert len(aligned.alignment.recent) == 7
    other = Data()
    other.num_classes = 7
    with pytest.raises(ValueError, match=r"head\.num_classes=5, but the labels .* have 7 classes"):
        model.see_dataset(other)
    with pytest.raises(ValueError, match=r"needs train_dataloader\.dataset of type SemiDataset"):
        model.see_dataset([1, 2])


def test_ramps(monkeypatch):
    model, inputs, labels, index = ready(FixMatch, threshold=0.0, ramp=0.4, unlabelled_weight=2.0)
    whole = model.loss(inputs, labels, index)["loss_unlabelled"].detach()
    for progress, part in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (1.0, 1.0)):
        monkeypatch.setattr("dmmix.models.semi.base.training_progress", lambda p=progress: p)
        loss = model.loss(inputs, labels, index)["loss_unlabelled"].detach()
        torch.testing.assert_close(loss, part * whole)


def test_flexmatch_loads_a_checkpoint_of_before():
    """Of the time when ``masking`` was ``thresholds``; one in a wrapper too."""
    model, inputs, labels, index = ready(FlexMatch, threshold=0.45)
    model.loss(inputs, labels, index)
    assert (model.masking.learned >= 0).any()
    for wrap in (lambda module: module, torch.nn.Sequential):
        saved = wrap(model).state_dict()
        saved = {name.replace("masking", "thresholds"): value for name, value in saved.items()}
        again = make(FlexMatch, seed=1)
        wrap(again).load_state_dict(saved)
        assert torch.equal(again.masking.learned, model.masking.learned)


@pytest.mark.parametrize("kind", [FixMatch, PseudoLabel])
def test_only_pseudo_labels_that_count_are_right_or_wrong(kind):
    threshold = 0.7
    model, inputs, labels, index = ready(kind, threshold=threshold)
    with torch.no_grad():
        probs = model.logits(inputs["weak"])[0].softmax(dim=1)
    confidence, classes = probs.max(dim=1)
    sure = confidence >= threshold
    assert 1 < sure.sum() < len(sure)
    hidden = classes.clone()
    hidden[~sure] = (hidden[~sure] + 1) % CLASSES  # wrong, and not counted
    first = int(sure.nonzero()[0])
    hidden[first] = (hidden[first] + 1) % CLASSES
    found = model.loss(inputs, labels, index, hidden)["pseudo_accuracy"]
    assert float(found) == pytest.approx(100 * (1 - 1 / int(sure.sum())))
    model, inputs, labels, index = ready(kind, threshold=1.0)  # none counts
    assert float(model.loss(inputs, labels, index, index * 0)["pseudo_accuracy"]) == 0
