"""dmmix test: what it accepts, what it says to a mistake, what it measures."""

import json
import re

import mmengine
import numpy as np
import pytest

from tests.cli.messages import error_of
from tests.cli.scalars import scalars

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["absent.pth"], "no checkpoint absent.pth"),
        (["weights.pth", "--out", "x.txt"], "--out for metrics must end in .json or .yaml or .yml"),
        (["weights.pth", "--out", "x.json", "--out-item", "pred"], "must end in .pkl or .pickle"),
        (["weights.pth", "--out", "absent/x.json"], "--out: no folder"),
        (["weights.pth"], "weights.pth is damaged"),
        (["weights.pth", "--cfg-options", "test_dataloader.dataset.type=Digit"], "'Digits'"),
    ],
)
def test_bad_options_of_testing(call, dm, tmp_path, options, says):
    (tmp_path / "weights.pth").write_text("no weights", encoding="utf-8")
    assert says in error_of(call("test", dm, *options))


@pytest.fixture
def trained(call, dm, tmp_path):
    """A checkpoint after one epoch, and what validation measured then."""
    folder = tmp_path / "trained"
    result = call("train", dm, "--work-dir", folder, "--cfg-options", "train_cfg.max_epochs=1")
    assert result.status == 0
    return folder / "epoch_1.pth", scalars(folder)[-1]


def test_testing_measures_what_validation_did(call, dm, tmp_path, trained):
    checkpoint, validated = trained
    result = call("test", dm, checkpoint, "--out", "metrics.json", "--work-dir", "tested")
    assert result.status == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    for name in ("accuracy/top1", "mixed/top1", "mixed/top2"):
        assert metrics[name] == pytest.approx(validated[name])

    counts = np.array(metrics["confusions"])
    assert counts.sum() == 899
    assert 100 * counts.trace() / 899 == pytest.approx(metrics["accuracy/top1"], abs=1e-3)
    assert [row["images"] for row in metrics["classes"]] == counts.sum(1).tolist()
    truth, predicted = np.unravel_index(
        (counts - np.diag(counts.diagonal())).argmax(), counts.shape
    )
    told = re.search(r"taken for.*?\n.*?\n│ (\d) +│ (\d) +│ (\d+) +│ (\d+)", result.out, re.DOTALL)
    said = [int(number) for number in told.groups()]
    assert said == [truth, predicted, counts[truth, predicted], counts[truth].sum()]


def test_predictions_are_written(call, dm, tmp_path, trained):
    checkpoint, _ = trained
    result = call("test", dm, checkpoint, "--out", "all.pkl", "--out-item", "pred")
    assert result.status == 0
    assert len(mmengine.load(tmp_path / "all.pkl")) == 899
