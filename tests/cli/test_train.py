"""dmmix train: what it accepts, and what it says to a mistake."""

import re

import pytest
import torch

import dmmix.cli.train
from dmmix.configuration.errors import UserError
from dmmix.engine import MixedAccuracyHook
from tests.cli.messages import error_of
from tests.cli.scalars import scalars

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    "text",
    [
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='Lamb', lr=0.01))",  # mmpretrain's
        "train_pipeline = []\nnum_epochs = 3\nbgr_mean = 1",  # helper variables
    ],
)
def test_what_is_no_mistake(call, child, text):
    assert call("train", child(text), "--dry-run").status == 0


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("model.mixup.type=CutMixx", "unknown type 'CutMixx': .*; did you mean 'CutMix'"),
        ("train_dataloader.dataset.type=InMemry", "unknown .*; did you mean 'InMemory'"),
        ("optim_wrapper.optimizer.type=SGDD", "unknown type 'SGDD': .*; did you mean 'SGD'"),
        ("custom_hooks.0.mixup.type=CutMx", "unknown type 'CutMx': .*; did you mean 'CutMix'"),
        ("model.mixup.alpha=-1", "alpha must be a finite number above 0, got -1"),
        ("model.head.loss.etaa=1", "DecoupledMixupLoss.* 'etaa'; did you mean 'eta'"),
        ("model.backbone.dept=1", "'dept'; did you mean 'depth'"),
        ("model.backbone.depth=7", "invalid depth 7 for resnet"),
        (
            "train_dataloader.dataset.dataset.labels_per_class=5000",
            "=5000, but class 8 has only 87",
        ),
        ("data_preprocessor.mean=[nan]", r"mean must be a list of numbers.*got \[nan\]"),
        ("model.head.loss.loss_weight=1e400", "iteration 1 of 500 .*loss_mixup = inf"),
        ("model.head.num_classes=5", "has 10 classes, but model.head.num_classes=5: take"),
    ],
)
def test_mistakes_in_the_parts_of_a_config(call, dm, tmp_path, option, says):
    message = error_of(call("train", dm, "--dry-run", "--cfg-options", option))
    assert re.search(says, message), message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("model.mixup.type=CutMixx", "unknown type 'CutMixx': .*; did you mean 'CutMix'"),
        ("optim_wrapper.optimizer.type=SGDD", "unknown type 'SGDD': .*; did you mean 'SGD'"),
        ("model.head.loss.etaa=1", "DecoupledMixupLoss.* 'etaa'; did you mean 'eta'"),
        ("model.backbone.dept=1", "'dept'; did you mean 'depth'"),
        ("train_cfg.max_epoch=1", "'max_epoch'; did you mean 'max_epochs'"),
    ],
)
def test_the_build_finds_them_too(call, child, option, says):
    """With a module of the user's, which may register anything, the sources do not tell."""
    config = child("custom_imports = dict(imports=['json'])")
    message = error_of(call("train", config, "--dry-run", "--cfg-options", option))
    assert re.search(says, message), message


# Other options


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seed", "-1"], "--seed must be 0 or more and below 2**32, got -1"),
        (["--seed", str(2**32)], "--seed must be 0 or more and below 2**32, got 4294967296"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--resume", "absent.pth"], "no checkpoint absent.pth"),
        (["--launcher", "slurm"], "started by srun (tools/slurm_train.sh): SLURM_PROCID"),
        (["--launcher", "pytorch"], "started by torchrun (tools/dist_train.sh): RANK"),
        (["--launcher", "mpi"], "started by mpirun: OMPI_COMM_WORLD_RANK"),
    ],
)
def test_bad_options_of_training(call, dm, monkeypatch, options, says):
    for name in ("SLURM_PROCID", "RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert says in error_of(call("train", dm, "--dry-run", *options))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_mixed_precision_needs_a_gpu(call, dm):
    assert error_of(call("train", dm, "--amp")).startswith("--amp needs a GPU; none is visible")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_amp_is_a_precision_of_the_step(call, dm, monkeypatch, precision):
    """Where there is a GPU; here only what the config becomes."""
    built = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def stop(cfg):
        built.append(cfg)
        raise UserError("stopped")

    monkeypatch.setattr(dmmix.cli.train, "build_runner", stop)
    call("train", dm, "--amp", "--cfg-options", f"step.precision={precision}")
    assert built[0].step.precision == ("bf16" if precision == "bf16" else "fp16")
    assert built[0].optim_wrapper.get("type", "OptimWrapper") == "OptimWrapper"


@pytest.mark.parametrize("text", ["auto_scale_lr = None", "auto_scale_lr = dict(_delete_=True)"])
def test_scaling_the_rate_needs_a_batch_size(call, child, text):
    message = error_of(call("train", child(text), "--dry-run", "--auto-scale-lr"))
    assert message == "--auto-scale-lr needs auto_scale_lr.base_batch_size in the config"


# The stack of calls


def test_the_stack_is_shown_when_asked_for(call, dm):
    options = ["--dry-run", "--cfg-options", "model.mixup.alpha=-1"]
    short = call("train", dm, *options)
    assert "(--traceback shows where)" in short.err
    long = call("train", dm, *options, "--traceback")
    assert long.status == 2
    assert "Traceback (most recent call last)" in long.err
    assert "(--traceback shows where)" not in long.err
    says = "error: ArgumentError: CutMix: alpha must be a finite number above 0, got -1"
    assert long.err.rstrip().endswith(says)


@pytest.mark.parametrize("at", [0, 2])
def test_errors_after_the_first_step_go_their_usual_way(call, dm, monkeypatch, at):
    def broken(self, runner, batch_idx, data_batch=None):
        if runner.iter == at:
            raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(MixedAccuracyHook, "before_train_iter", broken)
    if at:
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            call("train", dm)
    else:
        assert error_of(call("train", dm)) == "ZeroDivisionError: on purpose"


# What works


@pytest.mark.parametrize("name", ["digits_vanilla", "digits_cutmix_mce", "digits_cutmix_dm"])
def test_a_dry_run_writes_nothing(call, root, tmp_path, name):
    config = root / "configs" / "quickstart" / f"{name}.py"
    result = call("train", config, "--dry-run")
    assert result.status == 0
    last = result.out.splitlines()[-1]
    assert last.startswith("dry run: 3 step(s) trained and one batch predicted. loss ")
    assert ("loss_decoupled" in last) == (name == "digits_cutmix_dm")
    assert list(tmp_path.iterdir()) == []


def losses(result):
    words = result.out.splitlines()[-1].split("predicted. ")[1].split(", ")
    return {name: float(value) for name, value in map(str.split, words)}


def test_what_reaches_a_run(call, dm):
    """An override, one of an argument that the config leaves out, and the seed."""

    def dry(*options):
        return losses(call("train", dm, "--dry-run", *options))

    usual, strong = dry(), dry("--cfg-options", "model.head.loss.eta=1.0")
    assert strong["loss_mixup"] == usual["loss_mixup"]
    assert strong["loss_decoupled"] == pytest.approx(10 * usual["loss_decoupled"], rel=1e-2)
    for option in (
        "train_dataloader.dataset.subset.labels_per_class=2",
        "optim_wrapper.clip_grad.max_norm=1e-3",
    ):
        assert dry("--cfg-options", option)["loss"] > 0
    assert dry("--seed", "1") == dry("--seed", "1") != usual


ONE_EPOCH = ["--cfg-options", "train_cfg.max_epochs=1"]


def test_without_validation(call, dm, tmp_path):
    assert call("train", dm, "--no-validate", *ONE_EPOCH).status == 0
    # The default folder has the name of the config.
    records = scalars(tmp_path / "work_dirs" / "digits_cutmix_dm")
    assert len(records) == 1
    assert "accuracy/top1" not in records[0]


def test_the_learning_rate_is_scaled(call, dm, tmp_path):
    rates = {}
    for batch in (20, 50):
        folder = tmp_path / str(batch)
        options = [f"train_dataloader.batch_size={batch}", "default_hooks.logger.interval=1"]
        result = call(
            *["train", dm, "--auto-scale-lr", "--no-validate", "--work-dir", folder],
            *[*ONE_EPOCH, *options],
        )
        assert result.status == 0
        rates[batch] = scalars(folder)[0]["lr"]
    assert rates[50] == pytest.approx(rates[20] * 50 / 20)  # base_batch_size is 20


def test_a_stock_mmpretrain_config_with_our_loss_and_mix(call, tmp_path):
    """Nothing of it but two lines is ours: mmpretrain's scope, classifier, head and pipeline."""
    config = """
_base_ = ["mmpretrain::_base_/models/resnet18_cifar.py", "mmpretrain::_base_/default_runtime.py"]
custom_imports = dict(imports=["dmmix.mixups", "dmmix.models", "dmmix.datasets"])

model = dict(
    backbone=dict(in_channels=1, base_channels=8, stem_channels=8),
    head=dict(in_channels=64, loss=dict(_delete_=True, type="dmmix.DecoupledMixupLoss", eta=0.1)),
    train_cfg=dict(augments=dict(type="dmmix.CutMix", alpha=1.0)),
)
data_preprocessor = dict(num_classes=10, mean=[78.0], std=[96.0], to_rgb=False)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(type="dmmix.Digits", pipeline=[dict(type="PackInputs")]),
    sampler=dict(type="DefaultSampler", shuffle=True),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.1))
"""
    (tmp_path / "stock.py").write_text(config, encoding="utf-8")
    result = call("train", "stock.py", "--dry-run")
    assert result.status == 0, result.err
    assert 1 < losses(result)["loss"] < 10


def test_a_dry_run_of_a_folder_leaves_it_as_it_is(call, dm, tmp_path):
    options = ["--work-dir", tmp_path, "--cfg-options", "train_cfg.max_epochs=1"]
    assert call("train", dm, *options).status == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert call("train", dm, "--dry-run", *options).status == 0
    done = call("train", dm, *options)
    assert done.status == 2
    assert "holds the checkpoints of an earlier run" in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert {file: file.read_bytes() for file in before} == before
    done = call("train", dm, "--resume", "--overwrite", *options)
    assert "take one of them" in done.err
    assert call("train", dm, "--overwrite", *options).status == 0
