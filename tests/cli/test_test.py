"""dmmix test: what it accepts, what it says to a mistake, what it measures."""

import json
import re
import shutil

import mmengine
import numpy as np
import pytest
import torch

from tests.cli.messages import error_of
from tests.cli.photos import SMALL, write_photos
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
        (["weights.pth", "--data", "photos"], "--data goes with configs whose images are files"),
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


@pytest.fixture
def photos(tmp_path):
    write_photos(tmp_path / "photos", 5)
    write_photos(tmp_path / "more" / "test", 4)
    return tmp_path


def test_a_checkpoint_is_tested_on_other_images(call, photos):
    run = [
        "train", "own/resnet18_32_cutmix_dm", "--data", "photos", "--epochs", 1,
        "--work-dir", "run", *SMALL,
    ]  # fmt: skip
    assert call(*run).status == 0
    shutil.rmtree(photos / "photos")
    write_photos(photos / "more" / "train", 3)
    shutil.rmtree(photos / "more" / "test" / "bright")  # a class without images there
    shutil.rmtree(photos / "more" / "train" / "dark")
    result = call("test", "run/epoch_1.pth", "--data", "more", "--out", "found.json")
    assert result.status == 0, result.err
    assert "8 images, of the part test: " in result.err
    found = json.loads((photos / "found.json").read_text(encoding="utf-8"))
    images = {row["name"]: row["images"] for row in found["classes"]}
    assert images == {"bright": 0, "dark": 4, "grey": 4}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["own/resnet18"], "which checkpoint? dmmix test own/resnet18 CHECKPOINT"),
        (["bare.pth"], "on which images? dmmix test CHECKPOINT --data FOLDER"),
        (["bare.pth", "--data", "photos"], "bare.pth holds no config"),
        (["absent.pth", "--data", "photos"], "no checkpoint absent.pth"),
        (["hostile.pth", "--data", "photos"], "is no name of a registry, and is not imported"),
    ],
)
def test_mistakes_with_a_checkpoint_alone(call, photos, words, says):
    torch.save({"state_dict": {}}, photos / "bare.pth")
    meta = {"cfg": "model = dict(type='os.system', command='touch x')"}
    torch.save({"state_dict": {}, "meta": meta}, photos / "hostile.pth")
    assert says in error_of(call("test", *words))
