"""Arguments and interfaces: what was wrong in the trackers of others.

Of ours, values of --cfg-options and keys that nothing reads stand in
tests/configuration/test_overrides.py and test_keys.py, misspelt names in
tests/configs/test_config_mistakes.py, the two lines for every config of mmpretrain in
tests/models/test_stock_configs.py, losses as modules in tests/laws/test_losses.py,
integer labels and torch.manual_seed in tests/mixups, ``mode='loss'`` and losses that know no soft
labels in tests/models/test_mixup_classifier.py.
"""

import copy
import pickle

import pytest
import torch

from dmmix.functional import DecoupledMixupLoss, mixup_cross_entropy
from dmmix.mixups import CutMix, Mixup


@pytest.mark.openmmlab
@pytest.mark.parametrize("kind", ["Mixup", "CutMix"])
def test_a_loss_of_integers_is_told_whatever_is_mixed(kind):
    """facebookresearch/deit#91: with CutMix and without Mixup the loss for integer labels was
    taken; kaylode/theseus#26: losses that want integers met soft labels in the first step."""
    from tests.models.test_mixup_classifier import build

    loss = dict(type="SeesawLoss", num_classes=5)
    head = dict(type="LinearClsHead", num_classes=5, in_channels=16, loss=loss)
    with pytest.raises(ValueError, match=f"SeesawLoss takes integer labels, and {kind} makes"):
        build(head=head, mixup=dict(type=kind, alpha=1.0))


@pytest.mark.parametrize("classes", [-1, 3, -100])
def test_labels_out_of_range_are_told(classes):
    """pytorch/pytorch#12670, #18014: a label of -100 counts for nothing without a word, and one
    that is too large ends in a device-side assert."""
    with pytest.raises(ValueError, match=rf"classes must be .*, got {classes}"):
        mixup_cross_entropy(torch.randn(2, 3), torch.tensor([0, classes]))


def test_smoothing_keeps_the_sum_of_a_label():
    """TimDettmers/ConvE#55: what was added to each class was 1 / C in place of a share of it."""
    logits = torch.randn(3, 5, dtype=torch.float64)
    labels = torch.tensor([0, 1, 4])
    ours = mixup_cross_entropy(logits, labels, label_smoothing=0.1)
    theirs = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("alpha", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_an_alpha_that_is_none(alpha):
    """hongyi-zhang/Fixup#5: alpha = 0 switched mixing off without a word; and JacobChalk/TIM#4: a
    list went through to where nothing said what it was."""
    with pytest.raises((TypeError, ValueError), match="alpha must be"):
        CutMix(alpha=alpha)


@pytest.mark.parametrize("made", [lambda: Mixup(alpha=0.5), lambda: DecoupledMixupLoss(eta=0.1)])
def test_objects_are_copied_and_go_to_other_processes(made):
    """mindee/doctr#2148, belskikh/kekas#26: transforms that cannot be pickled do not reach workers
    that are spawned, as on macOS and Windows; pytorch/vision#8066: and some lost their content."""
    thing = made()
    for other in (copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert type(other) is type(thing)
        settings = {k: v for k, v in vars(thing).items() if isinstance(v, bool | int | float)}
        assert settings == {key: getattr(other, key) for key in settings}
        assert settings
