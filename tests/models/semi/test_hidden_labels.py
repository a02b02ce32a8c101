"""How many pseudo-labels are right: what is logged, and that nothing learns from it."""

import pytest
import torch

from dmmix.models.semi import FixMatch, PseudoLabel, Supervised
from tests.engine.test_semi_training import config, trained

from .small import CLASSES
from .test_what_must_hold import METHODS, MIX, ready

ALL = [*METHODS, Supervised]


@pytest.mark.parametrize("kind", ALL)
def test_nothing_learns_from_hidden_labels(kind):
    found = []
    for hidden in (None, 0, 1):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        given = None if hidden is None else torch.full((len(index),), hidden)
        torch.manual_seed(0)
        losses = model.loss(inputs, labels, index, given)
        assert ("pseudo_accuracy" in losses) == (hidden is not None)
        losses.pop("pseudo_accuracy", None)
        found.append({name: float(value.detach()) for name, value in losses.items()})
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", ALL)
def test_the_classes_add_up(kind):
    """Each image has one pseudo-label: over all classes taken for the truth, 100 %."""
    shares = []
    for truth in range(CLASSES):
        model, inputs, labels, index = ready(kind, stream_mix=MIX)
        if getattr(model, "masking", None) is not None:
            model.masking = None
        hidden = torch.full((len(index),), truth)
        torch.manual_seed(0)
        shares.append(float(model.loss(inputs, labels, index, hidden)["pseudo_accuracy"]))
    assert sum(shares) == pytest.approx(100)


@pytest.mark.parametrize("kind", [FixMatch, PseudoLabel])
def test_only_those_that_count(kind):
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


def test_none_counts():
    model, inputs, labels, index = ready(FixMatch, threshold=1.0)
    assert float(model.loss(inputs, labels, index, index * 0)["pseudo_accuracy"]) == 0


def test_they_are_forgotten_after_a_step():
    model, inputs, labels, index = ready(FixMatch)
    model.loss(inputs, labels, index, index * 0)
    assert "pseudo_accuracy" not in model.loss(inputs, labels, index)


@pytest.mark.slow
@pytest.mark.openmmlab
def test_in_a_training(root, tmp_path):
    cfg = config(root, tmp_path)
    cfg.train_dataloader.dataset.hidden_labels = True
    run = trained(cfg)
    values = run.message_hub.get_scalar("train/pseudo_accuracy").data[0]
    assert len(values) == 8
    assert all(0 <= value <= 100 for value in values)
