"""sync_bn: what is converted where, and what is refused."""

import pytest
import torch

from dmmix.engine import DmmixRunner
from dmmix.engine import runner as runner_module
from tests.engine.small import runner

pytestmark = pytest.mark.openmmlab


def kinds(model):
    return {type(m) for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._NormBase)}


def test_one_process_has_nothing_to_synchronise(tmp_path):
    run = runner(tmp_path, None, sync_bn="torch")
    run.train()
    assert kinds(run.model) == {torch.nn.BatchNorm2d}


@pytest.mark.parametrize("kind", ["pytorch", True])
def test_unknown_kinds_are_told_with_one_process_too(tmp_path, kind):
    with pytest.raises(ValueError, match=f"sync_bn must be 'torch', 'mmcv' or None, got {kind!r}"):
        runner(tmp_path, None, sync_bn=kind)


@pytest.fixture
def as_with_gpus(monkeypatch):
    """A runner takes itself for one of several processes, each with a GPU; DDP is left out."""
    monkeypatch.setattr(runner_module, "get_device", lambda: "cuda")
    monkeypatch.setattr(DmmixRunner, "distributed", property(lambda self: True))
    monkeypatch.setattr(
        "mmengine.runner.runner.MMDistributedDataParallel", lambda module, **kwargs: module
    )
    monkeypatch.setattr("mmengine.runner.runner.init_dist", lambda *args, **kwargs: None)
    monkeypatch.setenv("LOCAL_RANK", "0")


@pytest.mark.parametrize("step", [None, {"channels_last": True, "fused_optimizer": True}])
def test_several_processes(tmp_path, as_with_gpus, step):
    exceptions = {"norm_decay_mult": 0.0}
    sgd = {"type": "SGD", "lr": 0.1, "weight_decay": 1e-4}
    optim = {"optimizer": sgd, "paramwise_cfg": exceptions}
    plain = runner(tmp_path / "plain", step)
    names = set(plain.model.state_dict())
    run = runner(tmp_path / "sync", step, sync_bn="torch", optim_wrapper=optim)
    assert kinds(run.model) == {torch.nn.SyncBatchNorm}
    assert set(run.model.state_dict()) == names
    wrapper = run.build_optim_wrapper(run.optim_wrapper)
    no_decay = [
        weight
        for group in wrapper.optimizer.param_groups
        if group["weight_decay"] == 0
        for weight in group["params"]
    ]
    norms = [m.weight for m in run.model.modules() if isinstance(m, torch.nn.SyncBatchNorm)]
    assert all(any(weight is other for other in no_decay) for weight in norms)
    run.model.eval()  # statistics are not synchronised then, so it works without a GPU
    run.model(torch.rand(2, 1, 8, 8))


def test_the_cpu_has_none(tmp_path, as_with_gpus, monkeypatch):
    monkeypatch.setattr(runner_module, "get_device", lambda: "cpu")
    with pytest.raises(ValueError, match=r"sync_bn='torch' needs a GPU in each process.*SyncBuff"):
        runner(tmp_path, None, sync_bn="torch")


def test_mmcv_without_its_operators(tmp_path, as_with_gpus, monkeypatch):
    monkeypatch.setattr(runner_module, "_has_mmcv_ops", lambda: False)
    with pytest.raises(ValueError, match="needs mmcv with compiled ops; take sync_bn='torch'"):
        runner(tmp_path, None, sync_bn="mmcv")
