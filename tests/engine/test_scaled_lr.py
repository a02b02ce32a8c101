"""auto_scale_lr: learning rates that follow the size of the batch."""

import uuid

import pytest

from tests.engine.small import runner

pytestmark = pytest.mark.openmmlab


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
