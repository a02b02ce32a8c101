"""Losses as configs name them; what holds for each is among the laws."""

import pytest
import torch

from dmmix.models import DecoupledMixupBCELoss, DecoupledMixupLoss, MixupCrossEntropyLoss
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (DecoupledMixupLoss, {"loss_mixup", "loss_decoupled"}),
        (MixupCrossEntropyLoss, {"loss_mixup"}),
        (DecoupledMixupBCELoss, {"loss_bce"}),
    ],
)
def test_they_are_registered_and_name_their_parts_apart(kind, parts):
    loss = MODELS.build(dict(type=f"dmmix.{kind.__name__}"))
    assert type(loss) is kind
    assert set(loss.parts(torch.randn(6, 5), torch.arange(6) % 5)) == parts


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="DecoupledMixupLoss", reduction="avg"), "reduction must be .*'avg'"),
        (dict(type="MixupCrossEntropyLoss", k=0), "k must be at least 1, got 0"),
        (dict(type="DecoupledMixupLoss", eta="abc"), "eta must be a number, got 'abc'"),
        (dict(type="DecoupledMixupLoss", eta=None), "eta must be a number, got None"),
        (dict(type="DecoupledMixupLoss", eta=True), "eta must be a number, got True"),
    ],
)
def test_bad_settings_are_reported_when_built(config, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MODELS.build(config)
