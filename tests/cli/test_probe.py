"""dmmix probe CONFIG --data FOLDER --weights FILE."""

import csv
import re
from pathlib import Path

import pytest
import torch

from dmmix.registry import MODELS
from tests.cli.messages import error_of
from tests.cli.photos import SMALL, write_photos

pytestmark = pytest.mark.openmmlab
CONFIG = "own/resnet18_64_cutmix_dm"


@pytest.fixture
def data(tmp_path):
    """The folders train and test of dark, grey and bright images, and a file of weights."""
    for part, images in (("train", 10), ("test", 5)):
        write_photos(tmp_path / "photos" / part, images)
    torch.manual_seed(0)
    network = MODELS.build(dict(type="ResNet", depth=18, base_channels=16, stem_channels=16))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    return tmp_path / "photos"


@pytest.fixture
def probe(call, data):
    def run(*options, config=CONFIG):
        words = ["--data", "photos", "--weights", "weights.pth", "--work-dir", "run", *options]
        return call("probe", config, *words, *SMALL)

    return run


def test_what_it_says_is_what_its_checkpoint_predicts(probe, call, tmp_path):
    got = probe()
    assert got.status == 0, got.err
    assert "weights.pth: 100 of 100 weights" in got.out
    assert "45 features: 45 computed" in got.out
    said = re.search(r"is the best: val ([\d.]+)%, test ([\d.]+)% \(dm, 24 features", got.out)
    assert float(said[2]) > 60

    got = call("predict", "run/probe.pth", "photos/test", "--out", "p.csv")
    assert got.status == 0, got.err
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    right = [Path(row["filename"]).parent.name == row["class"] for row in rows]
    assert 100 * sum(right) / len(right) == pytest.approx(float(said[2]), abs=0.01)

    got = call("test", "run/resnet18_64_cutmix_dm.py", "run/probe.pth", "--work-dir", "tested")
    assert got.status == 0, got.err
    tested = re.search(r"accuracy/top1: ([\d.]+)", got.out)
    assert float(tested[1]) == pytest.approx(float(said[2]), abs=0.01)


def test_features_are_there_the_next_time(probe):
    probe("--labels-per-class", 2, "--epochs", 2)
    again = probe("--loss", "mce", "--alpha", 0.2, "--labels-per-class", 2, "--epochs", 2)
    assert "27 features: 27 were there" in again.out  # 6 to train, 6 to validate, 15 to test
    assert "(mce, 6 features" in again.out
    mirrored = probe("--loss", "ce", "--mirror", "--epochs", 2)
    assert "45 features: 18 computed" in mirrored.out
    assert "24 features: 24 computed" in mirrored.out
    assert "(ce, 48 features" in mirrored.out


def test_without_a_test_part_the_validation_is_the_last_word(probe, data):
    write_photos(data / "val", images=3)
    for name in ("dark", "grey", "bright"):
        for k in range(5):
            (data / "test" / name / f"{k}.jpg").unlink()
        (data / "test" / name).rmdir()
    (data / "test").rmdir()
    got = probe("--epochs", 2)
    assert got.status == 0, got.err
    assert re.search(r"is the best: val [\d.]+% \(dm, 30 features", got.out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--weights", "gone.pth"], "no checkpoint gone.pth"),
        (["--data", "phots"], "phots.* did you mean .*photos"),
        (
            ["--labels-per-class", 9],
            "=9, but class .*bright.* has only 8",
        ),
        (["--alpha", -1], "--alpha: .*-1"),
        (["--loss", "ce", "--alpha", 1], "--loss ce mixes none"),
        (["--seed", -1], "--seed must be 0 or more"),
    ],
)
def test_mistakes(probe, tmp_path, options, says):
    message = error_of(probe(*options))
    assert re.search(says, message), message
    assert not (tmp_path / "run" / "features.npz").exists()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("own/fixmatch", "goes with configs that train and validate on image files with labels"),
        ("cifar100/resnet18_cutmix_dm", "such as own/resnet18_finetune_cutmix_dm"),
    ],
)
def test_other_configs(call, data, config, says):
    got = call("probe", config, "--data", "photos", "--weights", "weights.pth")
    assert says in error_of(got)


def test_several_labels_an_image_are_refused(probe):
    message = error_of(probe("--cfg-options", "val_evaluator.type=AveragePrecision"))
    assert "a probe is for one label an image" in message


def test_random_weights_are_refused(call, data):
    got = call("probe", CONFIG, "--data", "photos")
    assert "these would be random ones: say with --weights FILE" in error_of(got)


def test_a_damaged_image_is_named(probe, data):
    (data / "train" / "dark" / "4.jpg").write_text("no image", encoding="utf-8")
    message = error_of(probe())
    assert "4.jpg is no image or damaged" in message
