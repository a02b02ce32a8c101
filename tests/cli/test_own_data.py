"""dmmix train CONFIG --data FOLDER."""

import json
import re

import pytest
import torch
from PIL import Image

from dmmix.configuration.shipped import CONFIGS
from dmmix.registry import MODELS
from tests.cli.messages import error_of
from tests.cli.photos import HERE, SMALL, write_labels, write_photos
from tests.cli.scalars import scalars

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def photos(tmp_path):
    """Writes a part of a data set: a dark, a grey and a bright class."""

    def write(part="photos", images=10):
        write_photos(tmp_path / part, images)
        return tmp_path / part.split("/")[0]

    return write


def test_one_line_trains_on_a_folder_of_classes(call, photos, tmp_path):
    folder = photos()
    got = call(
        "train", "own/resnet18_32_cutmix_dm", "--data", folder, "--epochs", 2, "--work-dir", "run",
        *SMALL,
    )  # fmt: skip
    assert got.status == 0, got.err
    assert "3 classes, 36 x 40 pixels" in got.err
    split = json.loads((tmp_path / "run" / "split.json").read_text(encoding="utf-8"))
    assert (split["samples"], split["dataset_samples"]) == (24, 30)
    assert split["classes"] == ["bright", "dark", "grey"]
    lines = scalars(tmp_path / "run")
    assert [line["step"] for line in lines if "accuracy/top1" in line] == [1, 2]
    assert all("accuracy/top5" not in line for line in lines)
    assert list((tmp_path / "run").glob("best_accuracy_top1_*.pth"))


def test_parts_that_are_there_are_taken(call, photos, tmp_path):
    for part in ("photos/train", "photos/val", "photos/test"):
        folder = photos(part, images=4)
    got = call("train", "own/resnet18_64_cutmix_dm", "--data", folder, "--dry-run", *SMALL)
    assert got.status == 0, got.err
    assert not (tmp_path / "work_dirs").exists()
    assert re.search(r"val +│ \S+", got.err)
    assert "held out" not in got.err


def test_labels_in_a_file(call, photos, tmp_path):
    folder = photos()
    lines = [f"photos/{file.relative_to(folder)},{file.parent.name},{part}"
             for number, file in enumerate(sorted(folder.rglob("*.jpg")))
             for part in ["val" if number % 5 == 0 else "train"]]  # fmt: skip
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["filename,label,split", *lines]), encoding="utf-8")
    got = call(
        "train", "own/resnet18_32_cutmix_dm", "--data", "labels.csv", "--epochs", 1,
        "--work-dir", "run", *SMALL,
    )  # fmt: skip
    assert got.status == 0, got.err
    assert re.search(r"val +│ labels\.csv \(val\) +│ +6 │ +2 │ +2", got.err), got.err
    (best,) = (tmp_path / "run").glob("best_accuracy_top1_*.pth")
    got = call("test", "run/resnet18_32_cutmix_dm.py", best, "--work-dir", "test")
    assert got.status == 0, got.err
    got = call("predict", best, folder / "dark" / "0.jpg")
    assert got.out.split()[1] in ("bright", "dark", "grey")


def test_several_folders_and_files(call, photos, tmp_path):
    first, second = photos("one"), photos("two/train")
    (tmp_path / "more.csv").write_text(f"file,label\n{first}/dark/0.jpg,emu\n", encoding="utf-8")
    got = call("data check", first, second, tmp_path / "more.csv")
    assert "few: less than 10 training images: emu (1)" in got.out
    got = call(
        "train", "own/resnet18_64_cutmix_dm", "--data", first, "--data", second, "more.csv",
        "--dry-run", *SMALL,
    )  # fmt: skip
    assert got.status == 0, got.err
    assert "4 classes, 36 x 40 pixels" in got.err


OWN = sorted(f"own/{path.stem}" for path in (CONFIGS / "own").glob("*.py"))


def test_decoded_images_are_kept(call, photos, tmp_path):
    """Training and validation; not in a dry run, and the weights are the same."""
    command = ("train", "own/resnet18_32_cutmix_dm", "--data", photos(), "--seed", 1, *SMALL)
    cache = ("--cache", tmp_path / "kept")
    assert call(*command, "--dry-run", *cache).status == 0
    assert not (tmp_path / "kept").exists()
    weights = []
    for run, options in (("plain", ()), ("first", cache), ("again", cache), ("ram", ("--cache",))):
        got = call(*command, "--epochs", 1, "--work-dir", run, *options)
        assert got.status == 0, got.err
        weights.append(torch.load(tmp_path / run / "epoch_1.pth", weights_only=False))
    assert len(list((tmp_path / "kept").glob("*.npy"))) == 2
    for other in weights[1:]:
        for name, value in weights[0]["state_dict"].items():
            assert torch.equal(other["state_dict"][name], value)


@pytest.mark.parametrize("config", OWN)
def test_every_config_takes_a_folder(call, photos, tmp_path, config):
    folder = photos()
    few = []
    small = SMALL
    transfer = re.match("own/(bss|cotuning|selftuning)", config)
    if "efficientnet" in config:
        pytest.importorskip("timm")
        small = [*HERE, "model.backbone.pretrained=False"]  # timm would fetch them
    elif "finetune" in config:  # begins with weights that would be fetched
        few = ["model.backbone.init_cfg=None"]
    if "match" in config:
        few = ["train_dataloader.batch_size=4", "train_dataloader.batch_sampler.mu=2"]
        few += ["--labels-per-class", 2]
    if transfer:
        few = ["train_dataloader.batch_size=4", "--weights", _pretrained(tmp_path)]
    if transfer and config not in ("own/bss", "own/cotuning"):  # they need no others
        few += ["--labels-per-class", 2]
    got = call("train", config, "--data", folder, "--dry-run", *small, *few)
    assert got.status == 0, got.err
    own_loss = {"bss": "shrinkage", "cot": "source", "sel": "contrast"}
    assert not transfer or f"loss_{own_loss[transfer[1][:3]]}" in got.out
    assert ("loss_unlabelled" in got.out) == bool(re.search("match|selftuning", config))
    # DM(BCE) is one term.
    assert "_dm" not in config or re.search("loss_(stream_)?(decoupled|bce)", got.out), got.out


def _pretrained(folder, classifier="fc"):
    """A small ResNet-18, with a classifier of seven classes."""
    config = dict(type="ResNet", depth=18, base_channels=16, stem_channels=16)
    weights = {**MODELS.build({**config, "_scope_": "dmmix"}).state_dict()}
    if classifier:
        weights[f"{classifier}.weight"] = torch.rand(7, 128)
        weights[f"{classifier}.bias"] = torch.rand(7)
    torch.save(weights, folder / "pretrained.pth")
    return "pretrained.pth"


@pytest.mark.parametrize("classifier", ["fc", "classifier", "model.head.fc"])
def test_the_old_classifier_is_found(call, photos, tmp_path, classifier):
    train = [
        "train", "own/cotuning", "--data", photos(), "--epochs", 1, "--work-dir", "run",
        "--weights", _pretrained(tmp_path, classifier), *SMALL, "train_dataloader.batch_size=4",
        "train_dataloader.batch_sampler.batches=1", "train_dataloader.dataset.dataset.size=64",
    ]  # fmt: skip
    got = call(*train, "optim_wrapper.optimizer.lr=0.0")
    assert got.status == 0, got.err
    trained = torch.load(tmp_path / "run" / "epoch_1.pth", weights_only=True)["state_dict"]
    before = torch.load(tmp_path / "pretrained.pth", weights_only=True)
    for name in ("weight", "bias"):
        assert torch.equal(trained[f"source_head.fc.{name}"], before[f"{classifier}.{name}"])
    assert trained["relationship"].shape == (3, 7)
    # The config in the checkpoint says all that a prediction needs.
    (tmp_path / "pretrained.pth").unlink()
    got = call("predict", "run/epoch_1.pth", "photos/dark/0.jpg")
    assert got.status == 0, got.err


def test_weights_without_the_old_classifier(call, photos, tmp_path):
    photos(images=2)
    weights = _pretrained(tmp_path, classifier=None)
    message = error_of(
        call("train", "own/cotuning", "--data", "photos", "--weights", weights, *SMALL)
    )
    assert "pretrained.pth has no classifier that takes 128 features" in message
    assert not (tmp_path / "work_dirs").exists()


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.encoder."])
def test_weights_to_begin_with(call, photos, tmp_path, prefix):
    config = dict(type="ResNet", depth=18, base_channels=16, stem_channels=16)
    network = MODELS.build({**config, "_scope_": "dmmix"})
    weights = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    torch.save({**weights, "fc.weight": torch.zeros(1000, 128)}, tmp_path / "weights.pth")
    start = ["train", "own/resnet18_64_cutmix_dm", "--data", photos(), "--dry-run"]
    got = call(*start, "--weights", "weights.pth", *SMALL)
    assert got.status == 0, got.err
    assert "weights.pth: 100 of 100 weights" in got.out
    got = call(*start, "--weights", "weights.pth", *SMALL, "model.backbone.depth=34")
    assert "weights.pth is not what ResNet is initialised from" in error_of(got)


def test_what_stays_and_when_to_stop(call, photos, tmp_path):
    network = MODELS.build(dict(type="ResNet", depth=18, base_channels=16, stem_channels=16))
    torch.save({"state_dict": network.state_dict()}, tmp_path / "begin.pth")
    train = [
        "train", "own/resnet18_64_cutmix_dm", "--data", photos(images=20), "--weights", "begin.pth",
        "--freeze", 4, "--epochs", 9, "--patience", 2, "--work-dir", "run", *SMALL,
        "optim_wrapper.optimizer.lr=0.0", "default_hooks.checkpoint.interval=1",
    ]  # fmt: skip
    got = call(*train)
    assert got.status == 0, got.err
    assert [line["step"] for line in scalars(tmp_path / "run") if "accuracy/top1" in line] == [
        1,
        2,
        3,
    ]
    trained = torch.load(tmp_path / "run" / "epoch_3.pth", weights_only=True)["state_dict"]
    before = network.state_dict()
    statistics = [name for name in before if "running" in name]
    assert all(torch.equal(trained[f"backbone.{name}"], before[name]) for name in statistics)

    (tmp_path / "run" / "epoch_3.pth").unlink()
    got = call(*train, "--resume", "run/epoch_2.pth")
    assert got.status == 0, got.err
    assert (tmp_path / "run" / "epoch_3.pth").exists()
    assert not (tmp_path / "run" / "epoch_4.pth").exists()


def test_images_without_labels_lie_in_any_folders(call, photos):
    for part in ("photos/train", "photos/val", "photos/unlabelled"):
        folder = photos(part, images=4)
    small = ["train_dataloader.batch_size=4", "train_dataloader.batch_sampler.mu=2"]
    got = call("train", "own/fixmatch", "--data", folder, "--dry-run", *SMALL, *small)
    assert got.status == 0, got.err


@pytest.mark.parametrize(
    ("config", "options", "says"),
    [
        (
            "own/resnet18",
            ["--data", "photo"],
            "there is no folder photo; did you mean .*photos'",
        ),
        ("own/resnet18", ["--labels-per-class", 2], "--labels-per-class goes with --data"),
        ("quickstart/digits_vanilla", ["--data", "photos"], "configs whose images are files"),
        ("quickstart/digits_vanilla", ["--cache"], "--cache goes with configs whose images are fi"),
        ("own/resnet18", ["--data", "photos", "--cache", "Ram"], "must be 'memory' or a folder"),
        ("own/fixmatch", ["--data", "photos"], "no folder unlabelled beside it"),
        ("own/resnet18", [], "no folder data/images: say with --data FOLDER"),
        ("own/fixmatch", [], "no folder data/images: say with --data FOLDER"),
        ("own/resnet18", ["--data", "photos", "--freeze", 1], "say with --weights FILE what"),
        (
            "own/resnet18_finetune_cutmix_dm",
            ["--data", "photos", "--freeze", 5],
            "--freeze 5: ResNet has 4 stages",
        ),
        ("own/resnet18", ["--data", "photos", "--weights", "no.pth"], "no checkpoint no.pth"),
        (
            "own/resnet18",
            [
                "--weights",
                "w.pth",
                "--cfg-options",
                "model=dict(_delete_=True, type='TimmClassifier')",
            ],
            "--weights is about the backbone, and TimmClassifier has none",
        ),
        ("own/resnet18", ["--data", "photos", "--patience", 0], "--patience"),
        (
            "own/resnet18_finetune_cutmix_dm",
            ["--data", "photos", "--patience", 2, "--no-validate"],
            "--patience watches the metric",
        ),
    ],
)
def test_mistakes(call, photos, config, options, says):
    photos(images=3)
    message = error_of(call("train", config, *options))
    assert re.search(says, message), message


@pytest.mark.parametrize("several", [True, False])
def test_images_with_several_labels(call, photos, tmp_path, several):
    """Or with one each, as a special case."""
    data = photos()
    if several:
        data = tmp_path / "labels.csv"
        write_labels(data)
    train = [
        "train", "own/resnet18_64_cutmix_dm_bce", "--data", data, "--epochs", 2, "--patience", 5,
        "--work-dir", "run", *SMALL, "default_hooks.checkpoint.interval=1",
    ]  # fmt: skip
    got = call(*train)
    assert got.status == 0, got.err
    lines = scalars(tmp_path / "run")
    measured = [line for line in lines if "multi-label/mAP" in line]
    assert [line["step"] for line in measured] == [1, 2]
    assert {"multi-label/precision", "multi-label/recall"} <= set(measured[0])
    assert all(0 <= line["multi-label/mAP"] <= 100 for line in measured)
    assert not any("mixed_top1" in line for line in lines)
    (best,) = (tmp_path / "run").glob("best_multi-label_mAP_*.pth")
    got = call("test", "run/resnet18_64_cutmix_dm_bce.py", best, "--work-dir", "test")
    assert got.status == 0, got.err
    assert "multi-label/mAP" in got.out

    last = tmp_path / "run" / "epoch_2.pth"
    weights = torch.load(last, weights_only=True)["state_dict"]
    last.unlink()
    got = call(*train, "--resume", "run/epoch_1.pth")
    assert got.status == 0, got.err
    again = torch.load(last, weights_only=True)["state_dict"]
    assert all(torch.equal(again[name], value) for name, value in weights.items())


def test_rare_classes_are_drawn_as_often(call, photos, tmp_path):
    folder = photos(images=12)
    for k in range(3, 12):
        (folder / "dark" / f"{k}.jpg").unlink()
    got = call(
        "train", "own/resnet18_64_cutmix_dm_balanced", "--data", folder, "--epochs", 1,
        "--work-dir", "run", *SMALL,
    )  # fmt: skip
    assert got.status == 0, got.err
    assert [line["step"] for line in scalars(tmp_path / "run") if "accuracy/top1" in line] == [1]


def test_grey_photographs_need_no_recipe(call, tmp_path):
    for k, (name, mode) in enumerate((n, m) for n in ("a", "b") for m in ("L", "LA", "1")):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True, exist_ok=True)
        for copy in range(2):
            Image.new("L", (40, 36), 30 * k + copy).convert(mode).save(folder / f"{mode}{copy}.png")
    got = call("train", "own/resnet18_64_cutmix_dm", "--data", "photos", "--dry-run", *SMALL)
    assert got.status == 0, got.err


def test_several_labels_are_for_other_configs(call, photos, tmp_path):
    photos(images=2)
    lines = "file,label\nphotos/dark/0.jpg,dark;small\nphotos/grey/0.jpg,grey\n"
    (tmp_path / "labels.csv").write_text(lines, encoding="utf-8")
    message = error_of(call("train", "own/resnet18", "--data", "labels.csv"))
    says = "labels.csv: images have several labels, and own/resnet18 is for one label an image"
    assert says in message


def test_epochs_follow_from_the_images(call, photos, monkeypatch):
    from dmmix.cli import train

    seen = {}
    built = train.build_runner
    monkeypatch.setattr(train, "build_runner", lambda cfg: seen.update(cfg=cfg) or built(cfg))
    folder = photos()
    call("train", "own/resnet18", "--data", folder, "--dry-run", *SMALL)
    assert seen["cfg"].train_cfg.max_epochs == seen["cfg"].param_scheduler.T_max == 300
    assert seen["cfg"].train_dataloader.batch_size == 24
    call("train", "own/resnet18", "--data", folder, "--dry-run", "--epochs", 7, *SMALL)
    assert seen["cfg"].train_cfg.max_epochs == seen["cfg"].param_scheduler.T_max == 7


def test_a_folder_is_looked_over(call, photos, tmp_path):
    for part, images in (("photos/train", 12), ("photos/test", 3)):
        folder = photos(part, images)
    got = call("data check", folder)
    assert got.status == 1  # the first pictures of both parts are the same
    lines = got.out.splitlines()
    assert "sizes: height 36 to 36 (median 36), width 40 to 40 (median 40)" in lines
    assert "modes: 45 RGB" in lines
    assert "no val: training would hold out 20% of each class" in lines
    both = [line for line in lines if line.startswith("in several parts: ")]
    assert len(both) == 3
    assert all("train/dark" in line and "test/dark" in line for line in both)

    train = folder / "train"
    (train / "dark" / "0.jpg").write_text("no image", encoding="utf-8")
    (train / "dark" / "copy.jpg").write_bytes((train / "dark" / "11.jpg").read_bytes())
    (train / "grey" / "notes.txt").write_text("", encoding="utf-8")
    for k in range(3, 12):
        (train / "bright" / f"{k}.jpg").unlink()
    (folder / "test" / "grey").rename(folder / "test" / "gray")
    told = call("data check", folder).out
    for line in (
        rf"damaged: {re.escape(str(train))}/dark/0.jpg: ",
        r"doubled: \S+/dark/11.jpg, \S+/dark/copy.jpg|doubled: \S+/copy.jpg, \S+/11.jpg",
        r"train: passed over 1 files with other endings \(1 .txt\)",
        r"imbalance: the largest class has 4.3 times the images of the smallest",
        r"few: less than 10 training images: bright \(3\)",
        r"classes: test has some that train lacks: gray",
    ):
        assert re.search(line, told), (line, told)


def test_nothing_to_see_to(call, photos):
    got = call("data check", photos(images=12))
    assert got.status == 0, got.out
