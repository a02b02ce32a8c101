"""Clipping, exceptions from weight decay, LAMB: with a fused optimiser and in 16 bits."""

import uuid

import pytest
import torch
from torch.testing import assert_close

from dmmix.engine import StepOptimWrapper, StepOptions
from tests.engine.small import losses, runner

pytestmark = pytest.mark.openmmlab

FUSED = {"fused_optimizer": True, "channels_last": True}
EXCEPTIONS = {
    "norm_decay_mult": 0.0,
    "bias_decay_mult": 0.0,
    # A key of its own: mmengine gives what custom_keys match none of the two rules above.
    "custom_keys": {
        "head": {"lr_mult": 10.0},
        "head.fc.bias": {"lr_mult": 10.0, "decay_mult": 0.0},
    },
}


def optim(kind="SGD", **options):
    optimizer = {"type": kind, "lr": 0.05, "weight_decay": 0.1}
    return {"optim_wrapper": {"optimizer": optimizer, **options}}


def settings_of(run):
    """Learning rate and decay of each weight, by name."""
    names = {weight: name for name, weight in run.model.named_parameters()}
    return {
        names[weight]: (group["lr"], group["weight_decay"])
        for group in run.optim_wrapper.optimizer.param_groups
        for weight in group["params"]
    }


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_exceptions_from_decay_and_rate(tmp_path, kind):
    plain = runner(tmp_path / "plain", None, **optim(kind, paramwise_cfg=EXCEPTIONS))
    expected = losses(plain)
    fused = runner(tmp_path / "fused", FUSED, **optim(kind, paramwise_cfg=EXCEPTIONS))
    found = losses(fused)
    assert_close(found, expected, rtol=1e-2, atol=1e-2)
    settings = settings_of(fused)
    assert settings == settings_of(plain)
    assert settings["head.fc.weight"] == (0.5, 0.1)
    assert settings["head.fc.bias"] == (0.5, 0.0)
    assert settings["backbone.conv1.weight"] == (0.05, 0.1)
    assert settings["backbone.bn1.weight"] == (0.05, 0.0)
    groups = fused.optim_wrapper.optimizer.param_groups
    assert fused.optim_wrapper.optimizer.defaults["fused"] is True
    assert len(groups) == 4  # and not one for each of the weights
    assert len(plain.optim_wrapper.optimizer.param_groups) == len(settings)


def test_groups_are_merged_for_fused_optimizers_only():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(3)]
    groups = [{"params": [w], "lr": rate} for w, rate in zip(weights, (1, 2, 1), strict=True)]
    for fused, expected in ((True, [[0, 2], [1]]), (False, [[0], [1], [2]])):
        optimizer = torch.optim.SGD([dict(group) for group in groups], lr=1.0, fused=fused)
        StepOptions(fused_optimizer=True).merge_groups(optimizer)
        found = [
            [next(i for i, w in enumerate(weights) if w is p) for p in group["params"]]
            for group in optimizer.param_groups
        ]
        assert found == expected


NORM, VALUE = {"max_norm": 0.1}, {"type": "value", "clip_value": 1e-3}


@pytest.mark.parametrize(
    ("kind", "clip_grad"), [("SGD", NORM), ("SGD", VALUE), ("AdamW", NORM), ("Lamb", NORM)]
)
def test_clipping(tmp_path, kind, clip_grad):
    expected = losses(runner(tmp_path / "a", None, **optim(kind, clip_grad=dict(clip_grad))))
    clipped = runner(tmp_path / "b", FUSED, **optim(kind, clip_grad=dict(clip_grad)))
    assert_close(losses(clipped), expected, rtol=1e-2, atol=1e-2)
    if kind == "SGD":  # the others go by the direction of the gradient
        free = losses(runner(tmp_path / "c", None, **optim(kind)))
        assert (free[1:] - expected[1:]).abs().max() > 1e-3


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("kind", ["SGD", "Lamb"])
def test_16_bits_train_as_32_do(tmp_path, kind, precision):
    options = optim(kind, clip_grad={"max_norm": 1.0}, paramwise_cfg=EXCEPTIONS)
    expected = losses(runner(tmp_path / "a", FUSED, **options))
    run = runner(tmp_path / "b", {**FUSED, "precision": precision}, **options)
    assert_close(losses(run), expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("clip_grad", [None, {"max_norm": 1.0}])
def test_gradients_that_are_not_finite_leave_the_weights_alone(kind, fused, clip_grad):
    net = torch.nn.Linear(2, 2)
    wrapper = StepOptimWrapper(
        kind(net.parameters(), lr=0.1, fused=fused), precision="fp16", clip_grad=clip_grad
    )
    before, scale = net.weight.detach().clone(), wrapper.state_dict()["loss_scaler"]["scale"]
    wrapper.update_params(net(torch.full((1, 2), float("inf"))).sum())
    assert torch.equal(net.weight, before)
    assert wrapper.state_dict()["loss_scaler"]["scale"] == scale / 2
    wrapper.update_params(net(torch.ones(1, 2)).sum())
    assert not torch.equal(net.weight, before)
    if kind is torch.optim.SGD:  # by the gradient (ones, six of them), not by its multiple
        moved = 0.1 if clip_grad is None else 0.1 / 6**0.5
        assert_close(net.weight, before - moved, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_another_precision():
    net = torch.nn.Linear(2, 2)
    full, half = (
        StepOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1), precision=precision)
        for precision in ("fp32", "fp16")
    )
    saved = half.state_dict()
    saved["loss_scaler"]["scale"] = 8.0
    full.load_state_dict(saved)
    assert "loss_scaler" not in full.state_dict()
    for state, scale in ((full.state_dict(), 65536.0), (saved, 8.0)):
        half.load_state_dict(state)
        assert half.state_dict()["loss_scaler"]["scale"] == scale
    assert saved["loss_scaler"]["scale"] == 8.0  # what was loaded stays whole


# auto_scale_lr: learning rates that follow the size of the batch


def rates(tmp_path, batch=20, enable=True, base=20, **optim):
    """Learning rates of the groups in each of four epochs, and what was logged of the base."""
    run = runner(
        tmp_path / uuid.uuid4().hex,
        {"fused_optimizer": True},
        {"train_dataloader.batch_size": batch, "train_dataloader.dataset.labels_per_class": 8},
        train_cfg={"by_epoch": True, "max_epochs": 4},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}, **optim},
        param_scheduler=[
            {"type": "LinearLR", "start_factor": 0.5, "end": 2},
            {"type": "CosineAnnealingLR", "T_max": 2, "begin": 2, "end": 4},
        ],
        default_hooks={"checkpoint": None, "runtime_info": {"type": "DeferredInfoHook"}},
        auto_scale_lr={"base_batch_size": base, "enable": enable},
    )
    run.train()
    hub = run.message_hub.log_scalars
    per_epoch = len(run.train_dataloader)
    return {name: hub[f"train/{name}"].data[0][::per_epoch].tolist() for name in ("lr", "base_lr")
            if f"train/{name}" in hub}  # fmt: skip


PLAIN = [0.05, 0.1, 0.1, 0.05]  # half, whole; cosine from the whole to 0


@pytest.mark.parametrize(
    ("options", "ratio"),
    [
        (dict(), 1),
        (dict(batch=40), 2),
        (dict(batch=10, accumulative_counts=2), 1),  # the batch of the base, in two halves
        (dict(batch=20, accumulative_counts=4), 4),
        (dict(batch=40, enable=False), 1),
        (dict(base=80), 0.25),
    ],
)
def test_it_is_linear_in_what_an_update_sees(tmp_path, options, ratio):
    found = rates(tmp_path, **options)
    assert found["lr"] == pytest.approx([ratio * rate for rate in PLAIN])


def test_all_groups_and_the_base_that_is_logged(tmp_path):
    heads = {"custom_keys": {"head": {"lr_mult": 10}}}
    found = rates(tmp_path, batch=40, paramwise_cfg=heads)
    assert found["lr"] == pytest.approx([2 * rate for rate in PLAIN])
    assert found["base_lr"] == pytest.approx([2 * rate for rate in PLAIN])


@pytest.mark.parametrize("base", [None, 0, -1, "20", True])
def test_bad_bases(tmp_path, base):
    with pytest.raises(ValueError, match=r"base_batch_size must be a finite number above 0.*, got"):
        rates(tmp_path, base=base)
