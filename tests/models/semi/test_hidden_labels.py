"""How many pseudo-labels are right: what is logged, and that nothing learns from it."""

import pytest
import torch

from dmmix.models.semi import FixMatch, PseudoLabel
from tests.engine.test_semi_training import config, trained
from tests.laws.methods import ready

from .small import CLASSES


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


@pytest.mark.slow
@pytest.mark.openmmlab
def test_in_a_training(root, tmp_path):
    cfg = config(root, tmp_path)
    cfg.train_dataloader.dataset.hidden_labels = True
    run = trained(cfg)
    values = run.message_hub.get_scalar("train/pseudo_accuracy").data[0]
    assert len(values) == 8
    assert all(0 <= value <= 100 for value in values)
