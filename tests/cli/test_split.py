"""dmmix data split: index files from the command line."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.openmmlab


def subset_of(child, subset):
    return child(f"train_dataloader = dict(dataset=dict(subset=dict({subset})))")


def test_it_makes_a_file_that_training_uses(call, child, dm, tmp_path):
    made = call("data split", dm, "--label-fraction", "0.5", "--seed", "2", "--out", "s/5.json")
    assert made.status == 0, made.err
    assert "10 classes" in made.out
    assert "s/5.json is made; use it with subset = dict(file='s/5.json')" in made.out
    data = json.loads((tmp_path / "s" / "5.json").read_text(encoding="utf-8"))
    assert (data["label_fraction"], data["seed"], data["samples"]) == (0.5, 2, 50)
    config = subset_of(child, "file='s/5.json'")
    trained = call("train", config, "--dry-run")
    assert trained.status == 0, trained.err
    checked = call("data split", config, "--check", "s/5.json")
    assert checked.status == 0, checked.err
    assert "s/5.json fits the training data" in checked.out


def test_the_subset_of_the_config(call, child, tmp_path):
    config = subset_of(child, "labels_per_class=4, file='elsewhere.json'")
    made = call("data split", config, "--seed", "7", "--out", "4.json")
    assert made.status == 0, made.err
    data = json.loads((tmp_path / "4.json").read_text(encoding="utf-8"))
    assert (data["labels_per_class"], data["seed"], data["samples"]) == (4, 7, 40)
    assert not (tmp_path / "elsewhere.json").exists()


def test_a_thousand_classes_are_not_all_listed(call, tmp_path):
    labels = np.repeat(range(30), 3)
    np.savez(tmp_path / "d.npz", x_train=np.zeros((90, 2, 2, 3), np.uint8), y_train=labels)
    (tmp_path / "d.py").write_text(
        "model = dict(type='MixupClassifier')\ndefault_scope = 'dmmix'\ntrain_dataloader = dict("
        "dataset=dict(type='InMemory', dataset=dict(type='NPZDataset', data_file='d.npz')))\n",
        encoding="utf-8",
    )
    made = call("data split", "d.py", "--labels-per-class", "2", "--out", "d.json")
    assert made.status == 0, made.err
    assert "10 more, each" in made.out
    assert all(part in made.out for part in ("2 to 2", "90", "60"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "one of --out FILE (make it) and --check FILE is needed"),
        (["--out", "a.json", "--check", "b.json"], "one of --out FILE"),
        (["--out", "there.json", "--labels-per-class", "4"], "--out there.json exists"),
        (["--check", "their.json"], "no file their.json; did you mean there.json?"),
        (["--check", "there.json"], "no index file of a label subset"),
        (["--out", "a.json"], "--labels-per-class or --label-fraction is needed"),
        (["--out", "a.json", "--label-fraction", "15"], "15 % is 0.15"),
        (["--out", "a.json", "--labels-per-class", "11"], "class 0 ('0') has only 10 samples"),
        (["--out", "a.json", "--labels-per-class", "4", "--label-fraction", ".1"], "only one of"),
        (
            ["--out", "a.json", "--labels-per-class", "4", "--seed", "-1"],
            "seed must be an int of at least 0",
        ),
    ],
)
def test_mistakes(call, dm, tmp_path, options, says):
    (tmp_path / "there.json").write_text("{", encoding="utf-8")
    done = call("data split", dm, *options)
    assert done.status == 2
    assert says in done.err
    assert not (tmp_path / "a.json").exists()


def test_a_file_for_other_data(call, dm):
    call("data split", dm, "--labels-per-class", "4", "--out", "4.json")
    options = ["--cfg-options", "train_dataloader.dataset.dataset.labels_per_class=20"]
    done = call("data split", dm, *options, "--check", "4.json")
    assert done.status == 2
    assert "4.json was made for a dataset of 100 samples, this one has 200" in done.err


def test_labels_of_a_semi_supervised_config(call, tmp_path):
    config = "semi/quickstart/digits_fixmatch_40"  # num_labels=40
    made = call("data split", config, "--seed", "7", "--out", "40.json")
    assert made.status == 0, made.err
    data = json.loads((tmp_path / "40.json").read_text(encoding="utf-8"))
    assert (data["labels_per_class"], data["seed"], data["samples"]) == (4, 7, 40)
    assert call("data split", config, "--check", "40.json").status == 0
    made = call("data split", config, "--labels-per-class", "2", "--out", "20.json")
    assert made.status == 0, made.err
    assert json.loads((tmp_path / "20.json").read_text(encoding="utf-8"))["samples"] == 20
    (tmp_path / "own.py").write_text(
        f"_base_ = 'dmmix::{config}.py'\n"
        "train_dataloader = dict(dataset=dict(subset=dict(_delete_=True, file='20.json')))\n",
        encoding="utf-8",
    )
    trained = call("train", "own.py", "--dry-run")
    assert trained.status == 0, trained.err
