"""A run whose numbers are not finite ends with one message, and its good checkpoints stay."""

import math
import re

import pytest
import torch

from dmmix.engine import NonFiniteError
from dmmix.engine.faults import step_watch
from dmmix.engine.hooks import finite_hook
from tests.engine.faults import runs
from tests.engine.faults.runs import run
from tests.engine.small import VALIDATED

pytestmark = [pytest.mark.slow, pytest.mark.openmmlab]

GRADIENTS = r": gradients \(beside loss = [\d.]+"
#: By name: what is spoilt, where that is found (iteration, from 1), and what the message says.
SOURCES = {
    "NaN in images": (runs.inputs(math.nan), 5, r"loss_mixup = nan"),
    "inf in images": (runs.inputs(math.inf), 5, r"loss_mixup = nan"),
    "a part of the loss": (runs.loss_part, 5, r"loss_decoupled = nan \(beside loss_mixup = "),
    "a weight": (runs.weight, 5, r"loss_mixup = nan"),
    "a weight that no loss sees": (runs.unused_weight, 6, r"weights spare"),
    "a mean of BatchNorm": (runs.buffer("running_mean", math.nan), 6, r"buffers backbone.bn1"),
    "a variance of BatchNorm": (runs.buffer("running_var", math.inf), 6, r"buffers backbone.bn1"),
    "the learning rate": (runs.rate, 6, r"a lower learning rate \(now 1e\+30\)"),
    "gradients": (runs.gradient(math.nan), 5, GRADIENTS),
    "infinite gradients": (runs.gradient(math.inf), 5, GRADIENTS),
    "clipped gradients": (runs.gradient(math.nan), 5, GRADIENTS),
    "a batch of a group": (runs.inputs(math.nan), 5, r"loss_mixup = nan"),
}
OPTIONS = {
    "clipped gradients": dict(clip_grad=dict(max_norm=1.0)),
    "a batch of a group": dict(accumulative_counts=2),
}


def stopped(work_dir, how, **settings):
    with pytest.raises(NonFiniteError) as caught:
        run(work_dir, how, **settings).train()
    return caught.value


def left(work_dir):
    return sorted(path.name for path in work_dir.glob("*.pth"))


# In 16 bits, where casts and the scale of the loss come in: one that the loss shows, and two that
# it does not.
@pytest.mark.parametrize(
    ("source", "precision"),
    [(source, "fp32") for source in SOURCES]
    + [(source, "bf16") for source in SOURCES if source.endswith("gradients")]
    + [
        (source, precision)
        for source in ("NaN in images", "a weight that no loss sees", "a mean of BatchNorm")
        for precision in ("bf16", "fp16")
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_run_that_is_not_finite_ends(tmp_path, monkeypatch, source, precision, at_once):
    """Read at once, as on a CPU, or later, as where a read would wait."""
    monkeypatch.setattr(step_watch, "reads_at_once", lambda device: at_once)
    how, iteration, says = SOURCES[source]
    optim = dict(optimizer=dict(type="SGD", lr=0.1), **OPTIONS.get(source, {}))
    message = str(stopped(tmp_path, how, step={"precision": precision}, optim_wrapper=optim))
    assert f"iteration {iteration} of 9 (epoch 2)" in message
    assert re.search(says, message)
    # That of the first epoch is there, and none of the second.
    dump = f"non_finite_iter_{iteration}.pth"
    assert left(tmp_path) == ["epoch_1.pth", dump]
    assert str(tmp_path / dump) in message
    saved = torch.load(tmp_path / "epoch_1.pth", weights_only=False)["state_dict"]
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())


def test_shares_of_classes_that_are_not_finite_end_it(tmp_path):
    """With a head that does not look at them; those that do have an error of their own."""
    head = {
        "type": "LinearClsHead",
        "num_classes": 10,
        "in_channels": 8,
        "loss": {"type": "LabelSmoothLoss", "label_smooth_val": 0.1, "mode": "original"},
    }
    error = stopped(tmp_path, runs.labels, model=runs.model(head=head))
    assert "iteration 5 of 9 (epoch 2): loss = nan" in str(error)
    assert "Labels not finite in row(s) 5 of the batch" in str(error)
    assert left(tmp_path) == ["epoch_1.pth", "non_finite_iter_5.pth"]
    with pytest.raises(ValueError, match=r"soft labels must be in \[0, 1\], got nan"):
        run(tmp_path / "ours", runs.labels).train()
    assert left(tmp_path / "ours") == ["epoch_1.pth"]


def test_a_scale_that_no_gradient_needs_is_one(tmp_path):
    def always(runner, batch):
        runner.model.head.fc.bias.register_hook(lambda grad: grad * math.nan)

    settings = {"train_cfg": {"by_epoch": True, "max_epochs": 20}}
    error = stopped(tmp_path, always, step={"precision": "fp16"}, **settings)
    assert error.report["bad_gradients"]
    # 2 ** 16 is halved from the fifth iteration on: 30 times until it is below 1e-4.
    assert error.report["iteration"] == 4 + 30


def mask(runner, batch):
    runner.model.register_buffer("mask", torch.full((3,), -math.inf))


def large(runner, batch):
    """Their squares do not fit into float32."""
    runner.model.register_parameter("large", torch.nn.Parameter(torch.full((3,), 1e30)))


@pytest.mark.parametrize("how", [mask, large, None])
def test_what_is_no_fault(tmp_path, how):
    """By design, or large; or what the scaler of float16 leaves out."""
    spoilt = runs.gradient(math.inf) if how is None else None
    built = run(tmp_path, spoilt, step={"precision": "fp32" if how else "fp16"})
    if how is not None:
        how(built, None)
    built.train()
    assert left(tmp_path) == ["epoch_3.pth"]


def test_weights_that_are_bad_from_the_start(tmp_path):
    built = run(tmp_path, None)
    built.load_or_resume = lambda: runs.weight(built, None)
    with pytest.raises(NonFiniteError, match=r"before the first iteration: weights head.fc.weight"):
        built.train()
    assert left(tmp_path) == []


# What the message and the dump say


def test_samples_and_dump(tmp_path):
    error = stopped(tmp_path, runs.inputs(math.nan))
    dump = torch.load(tmp_path / "non_finite_iter_5.pth", weights_only=True)
    assert dump["iteration"] == 5
    assert dump["bad_rows"] == {"inputs": [3, 7]}
    (numbers,) = dump["samples"].values()
    assert dump["samples"].keys() == {""}
    assert f"sample(s) {numbers[3]}, {numbers[7]}, of a batch of {numbers[0]}, " in str(error)
    assert str(error).startswith(dump["message"])
    assert math.isnan(dump["losses"]["loss_mixup"])
    assert dump["batch"]["inputs"].shape == (20, 1, 8, 8)
    # It is that batch: its labels and (but for the spoilt ones) its images are those of the data.
    data = run(tmp_path / "again", None).train_loop.dataloader.dataset
    for row, number in enumerate(numbers):
        sample = data[number]
        assert dump["batch"]["labels"][row] == sample["labels"]
        if row not in (3, 7):
            assert torch.allclose(dump["batch"]["inputs"][row], (sample["inputs"] - 78.0) / 96.0)


def test_samples_of_an_iteration_based_loop(tmp_path):
    saves = dict(type="CheckpointHook", interval=4, by_epoch=False, max_keep_ckpts=1)
    loop = dict(by_epoch=False, max_iters=9)
    settings = dict(train_cfg=loop, default_hooks=dict(checkpoint=saves))
    error = stopped(tmp_path / "iter", runs.inputs(math.nan), **settings)
    assert "iteration 5 of 9:" in str(error)
    assert left(tmp_path / "iter") == ["iter_4.pth", "non_finite_iter_5.pth"]
    dump = torch.load(tmp_path / "iter" / "non_finite_iter_5.pth", weights_only=True)
    data = run(tmp_path / "again", None).train_loop.dataloader.dataset
    found = [int(data[number]["labels"]) for number in error.report["samples"][""]]
    assert dump["batch"]["labels"].tolist() == found
    assert len(found) == 20


def test_a_dump_that_cannot_be_written_hides_nothing(tmp_path, monkeypatch):
    from dmmix.engine.faults import report

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.torch, "save", full)
    settings = {"default_hooks": {"checkpoint": None}}
    error = stopped(tmp_path, runs.inputs(math.nan), **settings)
    assert "loss_mixup = nan" in str(error)
    assert "No space left on device" in str(error)
    assert left(tmp_path) == []


# Where it is looked


@pytest.mark.parametrize(("every", "found"), [(1, runs.BAD), (3, 5), (6, 5), (50, 9)])
def test_the_next_log_is_early_enough(tmp_path, monkeypatch, every, found):
    """For weights, where as many steps have gone by since they were last looked at."""
    monkeypatch.setattr(finite_hook, "_STATE_EVERY", every)
    hooks = {"logger": {"type": "LoggerHook", "interval": 1}, "checkpoint": None}
    built = run(tmp_path, runs.unused_weight, default_hooks=hooks)
    with pytest.raises(NonFiniteError, match=r"of 9 .*: weights spare") as caught:
        built.train()
    assert built.iter == found
    assert caught.value.report["samples"][""]


def test_no_validation_and_no_best_checkpoint_of_bad_weights(tmp_path):
    settings = {
        **VALIDATED,
        "train_cfg": {"by_epoch": False, "max_iters": 9, "val_interval": 2},
        "default_hooks": {
            "checkpoint": {"type": "CheckpointHook", "interval": 100, "by_epoch": False,
                           "save_best": "accuracy/top1", "rule": "greater"},
            "logger": {"type": "LoggerHook", "interval": 100},
        },
    }  # fmt: skip
    built = run(tmp_path, runs.unused_weight, **settings)
    with pytest.raises(NonFiniteError):
        built.train()
    assert len(built.message_hub.get_scalar("val/accuracy/top1").data[0]) == 2
    best = [name for name in left(tmp_path) if name.startswith("best")]
    assert best in (["best_accuracy_top1_iter_2.pth"], ["best_accuracy_top1_iter_4.pth"])


def test_whoever_saves_at_another_time_is_stopped_too(tmp_path):
    built = run(tmp_path, runs.inputs(math.nan), default_hooks={"checkpoint": None})

    class Impatient(runs.Spoil):
        def __init__(self):
            pass

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.save_checkpoint(str(tmp_path), f"mine_{runner.iter}.pth")

        before_train_iter = runs.Hook.before_train_iter

    built.register_hook(Impatient())
    with pytest.raises(NonFiniteError, match="iteration 5 of 9"):
        built.train()
    assert left(tmp_path) == [f"mine_{k}.pth" for k in range(4)] + ["non_finite_iter_5.pth"]
