"""The page of questions: what its options promise is there after a training."""

import re

import pytest

pytest.importorskip("mmpretrain")

from tests.cli.photos import SMALL, write_photos
from tests.docs.blocks import ROOT

pytestmark = pytest.mark.openmmlab

PAGE = (ROOT / "docs/faq.md").read_text(encoding="utf-8")
#: By key, what stands in quotes behind ``--cfg-options``; of several, the first.
OPTIONS = {
    option.partition("=")[0]: option for option in re.findall(r'--cfg-options "(.+)"', PAGE)[::-1]
}


@pytest.fixture
def train(call, tmp_path):
    write_photos(tmp_path / "photos")

    def run(*options):
        got = call(
            "train", "own/resnet18_32_cutmix_dm", "--data", "photos", "--epochs", 1,
            "--work-dir", "run", *SMALL, *options,
        )  # fmt: skip
        assert got.status == 0, got.err
        return tmp_path / "run"

    return run


def test_classes_of_different_size_the_best_checkpoint_and_what_is_confused(train, call):
    folder = train(OPTIONS["model.head.loss.class_weight"], OPTIONS["train_dataloader.sampler"])
    config = (folder / "resnet18_32_cutmix_dm.py").read_text(encoding="utf-8")
    assert "class_weight=[" in config
    assert "ClassWeightedSampler" in config
    (best,) = folder.glob("best_accuracy_top1_epoch_1.pth")
    got = call(
        "test", folder / "resnet18_32_cutmix_dm.py", best,
        "--cfg-options", OPTIONS["test_evaluator"],
    )  # fmt: skip
    assert got.status == 0, got.err
    rows = re.findall(r"\[+([\d, ]+)\]", (got.out + got.err).partition("confusion_matrix")[2])
    counts = [list(map(int, row.split(","))) for row in rows[:3]]
    assert [sum(row) for row in counts] == [2, 2, 2]  # images of each class that were held out


def test_tensorboard(train):
    pytest.importorskip("tensorboard")
    folder = train(OPTIONS["visualizer.vis_backends"])
    assert len([*folder.rglob("events.out.tfevents.*")]) == 1
    assert len([*folder.rglob("scalars.json")]) == 1
