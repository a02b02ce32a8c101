"""Rules about the batch, as a user says them: two processes, --auto-scale-lr, EMA, --amp."""

import pytest
import torch

import dmmix.cli.train
from dmmix.configuration.errors import UserError
from tests.tools.test_launchers import free_port

pytestmark = pytest.mark.slow

# What each rank has in the end, beside the checkpoint that rank 0 writes.
HOOK = """
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from dmmix.engine import EMAHook
from dmmix.registry import HOOKS


@HOOKS.register_module()
class KeepState(Hook):
    priority = "LOWEST"
    tested = None

    def before_val_epoch(self, runner):
        self.tested = {k: v.clone() for k, v in runner.model.module.state_dict().items()}

    def after_train(self, runner):
        ema = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model
        torch.save(
            dict(
                model=runner.model.module.state_dict(),
                ema=ema.module.state_dict(),
                steps=int(ema.steps),
                tested=self.tested,
                lr=runner.optim_wrapper.optimizer.param_groups[0]["initial_lr"],
            ),
            f"{runner.work_dir}/rank{get_rank()}.pt",
        )
"""

CONFIG = """
_base_ = {base!r}
custom_imports = dict(imports=["keep_state"])
custom_hooks = [dict(type="KeepState")]
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1), ema=dict(type="EMAHook", momentum=0.2))
optim_wrapper = dict(accumulative_counts=2, clip_grad=dict(max_norm=1.0))
"""


@pytest.fixture
def config(dm, tmp_path):
    (tmp_path / "keep_state.py").write_text(HOOK, encoding="utf-8")
    path = tmp_path / "config.py"
    path.write_text(CONFIG.format(base=str(dm)), encoding="utf-8")
    return path


def environment(tool_environment, tmp_path):
    path = f"{tmp_path}:{tool_environment['PYTHONPATH']}"
    return {"PORT": free_port(), "PYTHONPATH": path}


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes over gloo, without a GPU")
def test_two_processes_agree(config, start_tool, tool_environment, tmp_path):
    options = ["--auto-scale-lr", "--work-dir", tmp_path / "work"]
    start_tool("dist_train.sh", config, 2, *options, **environment(tool_environment, tmp_path))
    ranks = [torch.load(tmp_path / "work" / f"rank{rank}.pt") for rank in (0, 1)]
    # Batches of 20 in each of two processes, two of them an update; the base is 20.
    assert [rank["lr"] for rank in ranks] == [pytest.approx(0.1 * 4)] * 2
    # Three batches an epoch: an update after two, and one after the third.
    assert [rank["steps"] for rank in ranks] == [4, 4]
    for part in ("model", "ema", "tested"):
        for name, tensor in ranks[0][part].items():
            assert torch.equal(tensor, ranks[1][part][name]), (part, name)
    saved = torch.load(tmp_path / "work" / "epoch_2.pth", weights_only=False)
    for name, tensor in saved["state_dict"].items():
        assert torch.equal(tensor, ranks[0]["ema"][name]), name
        assert torch.equal(tensor, ranks[0]["tested"][name]), name
    assert not torch.equal(
        saved["state_dict"]["head.fc.weight"], ranks[0]["model"]["head.fc.weight"]
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes over gloo, without a GPU")
def test_sync_bn_without_a_gpu_is_told_at_once(config, start_tool, tool_environment, tmp_path):
    shown = start_tool(
        *["dist_train.sh", config, 2, "--work-dir", tmp_path / "work"],
        *["--cfg-options", "sync_bn=torch"],
        expect=1,
        **environment(tool_environment, tmp_path),
    )
    assert "sync_bn='torch' needs a GPU in each process" in shown
    assert "Epoch(train)" not in shown


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_amp_is_a_precision_of_the_step(call, config, monkeypatch, precision):
    """Where there is a GPU; here only what the config becomes."""
    built = []
    monkeypatch.syspath_prepend(str(config.parent))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def stop(cfg):
        built.append(cfg)
        raise UserError("stopped")

    monkeypatch.setattr(dmmix.cli.train, "build_runner", stop)
    call("train", config, "--amp", "--cfg-options", f"step.precision={precision}")
    assert built[0].step.precision == ("bf16" if precision == "bf16" else "fp16")
    assert built[0].optim_wrapper.get("type", "OptimWrapper") == "OptimWrapper"
