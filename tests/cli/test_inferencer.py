"""mmpretrain's own get_model and inferencer on the config and the checkpoints of a run."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import dmmix
from dmmix.datasets import DecodedFolder, MiddleCrop
from tests.cli.photos import SMALL, write_photos
from tests.conftest import _output_of

pytestmark = pytest.mark.openmmlab

#: Imports no part of dmmix that mmpretrain is to build: the config says what is needed.
SCRIPT = """
import json, sys

from dmmix import compat

compat.prepare()  # where torchvision does not fit torch, mmpretrain imports after this alone
from mmpretrain import ImageClassificationInferencer

config, checkpoint, *images = sys.argv[1:]
inferencer = ImageClassificationInferencer(config, pretrained=checkpoint, device="cpu")
found = inferencer(images, batch_size=2)
print("found", json.dumps([(each["pred_class"], each["pred_scores"].tolist()) for each in found]))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, start_fork):
    folder = tmp_path_factory.mktemp("trained")
    write_photos(folder / "photos")
    Image.effect_mandelbrot((91, 70), (-2, -1, 1, 1), 50).convert("RGB").save(folder / "x.png")
    start_fork(
        "train", "own/resnet18_64_cutmix_dm", "--data", "photos", "--epochs", 1, "--work-dir",
        "run", *SMALL, "train_dataloader.batch_size=6", cwd=folder,
    )  # fmt: skip
    return folder


@pytest.fixture
def config(trained):
    return trained / "run" / "resnet18_64_cutmix_dm.py"


def test_the_scores_are_those_of_dmmix(trained, config, tool_environment):
    checkpoint = trained / "run" / "epoch_1.pth"
    images = [trained / "photos" / "dark" / "1.jpg", trained / "x.png"]
    command = [sys.executable, "-c", SCRIPT, config, checkpoint, *images]
    said = _output_of(command, tool_environment)
    found = json.loads(said.partition("found ")[2])  # behind a progress bar
    predictor = dmmix.load(str(checkpoint), device="cpu")
    wanted = predictor.scores(torch.stack([predictor.read(image) for image in images]))
    assert [name for name, _ in found] == [each.names[0] for each in predictor.predict(images)]
    np.testing.assert_allclose([scores for _, scores in found], wanted, atol=1e-5)


def test_get_model_takes_a_recipe(root, fresh_mmengine):
    from mmpretrain import get_model

    model = get_model(str(root / "configs/own/resnet18_64_cutmix_dm.py"))
    assert type(model).__module__.startswith("dmmix.")
    assert type(model.head.loss_module).__name__ == "DecoupledMixupLoss"
    assert model.extract_feat(torch.zeros(1, 3, 64, 64))[0].shape == (1, 512)


def test_the_config_of_a_run_trains_again(call, trained, config, tmp_path):
    """Its pipeline is that of what it says now."""
    options = ["--work-dir", "again", "--cfg-options", "test_dataloader.dataset.size=32"]
    got = call("train", config, *options)
    assert got.status == 0, got.err
    text = (tmp_path / "again" / config.name).read_text(encoding="utf-8")
    assert text.count("MiddleCrop") == 1
    assert "resize_edge=36" in text


@pytest.mark.parametrize(
    "options",
    [
        dict(size=32),
        dict(size=(24, 40), resize_edge=50),
        dict(size=32, square=True, interpolation="bicubic"),
        dict(size=32, antialias=False),
    ],
)
def test_the_crop_is_that_of_the_data_set(options, trained, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes((trained / "x.png").read_bytes())
    wanted = DecodedFolder(str(tmp_path), test_mode=True, **options)[0]["inputs"]
    image = np.asarray(Image.open(trained / "x.png"))[..., ::-1]
    got = MiddleCrop(**options)(dict(img=image))
    assert got["img_shape"] == got["img"].shape[:2] == tuple(wanted.shape[1:])
    assert np.array_equal(got["img"].transpose(2, 0, 1), wanted)


def test_another_pipeline_is_refused(trained):
    others = [dict(type="LoadImageFromFile"), dict(type="RandomFlip", prob=0.5)]
    with pytest.raises(ValueError, match="pipeline"):
        DecodedFolder(str(trained / "photos"), pipeline=others)
