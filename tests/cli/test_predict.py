"""dmmix predict CHECKPOINT IMAGES, and dmmix.load(CHECKPOINT).predict(images)."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dmmix
from dmmix.compat import CheckpointError
from dmmix.datasets import DecodedFolder
from tests.cli.messages import error_of
from tests.cli.photos import SMALL, write_labels, write_photos

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def trained(tmp_path_factory, start_fork):
    """A folder with photos/ and run/, of a training that tells dark from bright."""
    folder = tmp_path_factory.mktemp("trained")
    write_photos(folder / "photos")
    start_fork(
        "train", "own/resnet18_32_cutmix_dm", "--data", "photos", "--epochs", 8, "--work-dir",
        "run", *SMALL, "train_dataloader.batch_size=6", "optim_wrapper.optimizer.lr=0.02",
        cwd=folder,
    )  # fmt: skip
    return folder


@pytest.fixture
def checkpoint(trained):
    return next((trained / "run").glob("best_*.pth"))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_files_folders_and_lists_of_paths(call, trained, checkpoint, tmp_path):
    photos = trained / "photos"
    (tmp_path / "list.txt").write_text(
        f"{photos}/dark/1.jpg\n\n{photos}/bright/2.jpg\n", encoding="utf-8"
    )
    got = call(
        "predict", checkpoint, photos / "dark", "list.txt", photos / "grey" / "0.jpg", "--out",
        "p.csv", "--top", 2,
    )  # fmt: skip
    assert got.status == 0, got.err
    head, *found = rows(tmp_path / "p.csv")
    assert head == ["filename", "class", "probability", "class_2", "probability_2"]
    names = [*(f"dark/{k}.jpg" for k in range(10)), "dark/1.jpg", "bright/2.jpg", "grey/0.jpg"]
    assert [row[0] for row in found] == [str(photos / name) for name in names]
    assert all(float(row[2]) >= float(row[4]) for row in found)


def test_the_same_predictions_as_of_the_test(trained, checkpoint):
    predictor = dmmix.load(str(checkpoint))
    assert predictor.classes == ("bright", "dark", "grey")
    dataset = DecodedFolder(str(trained / "photos"), size=32, test_mode=True)
    files = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
    images = torch.stack([dataset[i]["inputs"] for i in range(len(dataset))])
    by_file, by_tensor = predictor.predict(files, top=3), predictor.predict(images, top=3)
    assert by_file == by_tensor
    right = [
        each.names[0] == Path(file).parts[-2] for file, each in zip(files, by_file, strict=True)
    ]
    assert np.mean(right) > 0.6
    assert np.allclose([sum(found.scores) for found in by_file], 1, atol=1e-5)
    with Image.open(files[0]) as image:
        given = [np.asarray(image), image, [image], files[0]]
        for found in given:
            (got,) = predictor.predict(found, top=3)
            assert got.names == by_file[0].names
            assert got.scores == pytest.approx(by_file[0].scores, abs=1e-6)
    assert predictor.predict([]) == []


def test_ten_crops_are_averaged(trained, checkpoint):
    image = trained / "photos" / "dark" / "3.jpg"
    predictor = dmmix.load(str(checkpoint), crops=10)
    crops = predictor.read(image)
    assert crops.shape == (10, 3, 32, 32)
    assert torch.allclose(predictor.scores(crops[None])[0], predictor.scores(crops).mean(0))


def test_a_damaged_image_among_others(call, trained, checkpoint, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image", encoding="utf-8")
    (tmp_path / "list.txt").write_text(f"gone.jpg\n{trained}/photos/dark/1.jpg\n", encoding="utf-8")
    got = call("predict", checkpoint, "bad.jpg", "list.txt")
    assert got.status == 1
    assert [line.split()[0] for line in got.out.splitlines()] == [f"{trained}/photos/dark/1.jpg"]
    first, second = [line for line in got.err.splitlines() if line.startswith("error: ")]
    assert "bad.jpg is no image or damaged" in first
    assert "gone.jpg cannot be read: No such file" in second


def test_nothing_is_said_below_a_confidence(call, trained, checkpoint, tmp_path):
    call("predict", checkpoint, trained / "photos", "--out", "p.csv", "--abstain", 1)
    assert {row[1] for row in rows(tmp_path / "p.csv")[1:] if row[2] != "1.0000"} == {""}


@pytest.fixture(scope="module")
def of_several(tmp_path_factory, start_fork):
    """A folder with photos/ and run/, of a training on images with several labels each."""
    folder = tmp_path_factory.mktemp("several")
    write_photos(folder / "photos")
    write_labels(folder / "labels.csv")
    start_fork(
        "train", "own/resnet18_64_cutmix_dm_bce", "--data", "labels.csv", "--epochs", 3,
        "--work-dir", "run", *SMALL, "train_dataloader.batch_size=6",
        cwd=folder,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("crops", [1, 10])
def test_every_class_above_a_threshold(call, of_several, tmp_path, crops):
    (best,) = (of_several / "run").glob("best_multi-label_mAP_*.pth")
    files = sorted(map(str, (of_several / "photos").rglob("*.jpg")))
    predictor = dmmix.load(str(best), crops=crops)
    assert predictor.multi_label
    assert predictor.classes == ("bright", "dark", "grey", "light")
    scores = predictor.scores(torch.stack([predictor.read(file) for file in files]))
    by_hand = [
        {predictor.classes[c]: row[c].item() for c in range(4) if row[c] >= 0.5} for row in scores
    ]
    assert len({len(row) for row in by_hand}) > 1
    found = predictor.predict(files)
    assert [dict(zip(*each, strict=True)) for each in found] == by_hand
    assert all(list(each.scores) == sorted(each.scores, reverse=True) for each in found)
    everything = predictor.predict(files, threshold=0)
    assert {len(each.names) for each in everything} == {4}
    assert any(abs(sum(each.scores) - 1) > 0.1 for each in everything)  # no softmax
    assert {len(each.names) for each in predictor.predict(files, top=2, threshold=0)} == {2}

    got = call("predict", best, *files, "--out", "p.csv", "--crops", crops)
    assert got.status == 0, got.err
    head, *lines = rows(tmp_path / "p.csv")
    assert head == ["filename", "class", "probability"]
    assert [line[1] for line in lines] == [";".join(each.names) for each in found]
    got = call("predict", best, files[0], "--threshold", 0, "--top", 3, "--crops", crops)
    assert got.out.split()[1::2] == list(predictor.predict(files[0], 3, 0)[0].names)
    got = call("predict", best, files[0], "--abstain", 0.5)
    assert "--threshold P says from which probability on" in error_of(got)
    with pytest.raises(ValueError, match=r"threshold must be in \[0, 1\], got 2"):
        predictor.predict(files, threshold=2)


def test_a_threshold_is_for_several_labels(call, trained, checkpoint):
    image = trained / "photos" / "dark" / "0.jpg"
    assert "is for one class an image" in error_of(
        call("predict", checkpoint, image, "--threshold", 0.5)
    )
    predictor = dmmix.load(str(checkpoint))
    assert not predictor.multi_label
    with pytest.raises(ValueError, match="threshold is for classifiers of images that may have"):
        predictor.predict(image, threshold=0.5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.pth", "x.jpg"], "no checkpoint gone.pth"),
        (["CHECKPOINT", "photo.jpg"], "there is no image photo.jpg; did you mean .*photos.jpg"),
        (["CHECKPOINT", "empty"], "empty has no images"),
        (["CHECKPOINT", "photos.jpg", "--out", "no/p.csv"], "--out: no folder .*no"),
        (["weights.pth", "photos.jpg"], "says neither its network nor its classes"),
    ],
)
def test_mistakes(call, checkpoint, tmp_path, arguments, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos.jpg").write_text("", encoding="utf-8")
    torch.save({"state_dict": {}}, tmp_path / "weights.pth")
    arguments = [checkpoint if word == "CHECKPOINT" else word for word in arguments]
    message = error_of(call("predict", *arguments))
    assert re.search(says, message), message


def test_what_the_config_of_a_checkpoint_says_is_not_run(checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)

    def load(config, **others):
        content["meta"]["cfg"] = config
        torch.save({**content, **others}, tmp_path / "other.pth")
        return dmmix.load(str(tmp_path / "other.pth"))

    with pytest.raises(ValueError, match="is no data and is not run"):
        load("model = __import__('os').system('touch ran')")
    with pytest.raises(ValueError, match=r"type='os\.system' is no name of a registry"):
        load("model = dict(type='os.system', command='touch ran')")
    with pytest.raises(CheckpointError, match="has no model"):
        load("x = 1")
    with pytest.raises(KeyError, match="NoSuchNet"):  # a scope is not needed
        load("model = dict(type='MixupClassifier', backbone=dict(type='NoSuchNet'))")
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_network(checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="its weights are not of its own config"):
        dmmix.load(str(tmp_path / "other.pth"))


def test_other_things_than_images(checkpoint):
    predictor = dmmix.load(str(checkpoint))
    with pytest.raises(TypeError, match=r"images must be paths, .* got int"):
        predictor.predict([3])
    with pytest.raises(ValueError, match="crops must be 1 or 10, got 5"):
        dmmix.load(str(checkpoint), crops=5)
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint gone\.pth"):
        dmmix.load("gone.pth")


def test_a_checkpoint_of_a_semi_supervised_method(trained, start_fork):
    start_fork(
        "train", "own/fixmatch_dm", "--data", "photos", "--labels-per-class", 2, "--epochs", 1,
        "--work-dir", "semi", *SMALL, "train_dataloader.batch_size=4",
        "train_dataloader.batch_sampler.mu=2", "train_dataloader.batch_sampler.batches=2",
        cwd=trained,
    )  # fmt: skip
    predictor = dmmix.load(str(trained / "semi" / "epoch_1.pth"))
    assert predictor.crop.size == (96, 96)
    (found,) = predictor.predict(trained / "photos" / "dark" / "0.jpg", top=3)
    assert set(found.names) == {"bright", "dark", "grey"}


def test_a_checkpoint_of_images_in_memory(dm, start_fork, tmp_path):
    start_fork(
        "train", dm, "--work-dir", tmp_path, "--epochs", 1, "--no-validate",
        "--cfg-options", "default_hooks.checkpoint.interval=1",
    )  # fmt: skip
    predictor = dmmix.load(str(tmp_path / "epoch_1.pth"))
    assert predictor.crop is None
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert len(predictor.predict(images)) == 3
    with pytest.raises(ValueError, match="was not trained on image files"):
        predictor.predict("photo.jpg")
