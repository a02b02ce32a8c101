"""tools/dist_train.sh and tools/dist_test.sh, with two processes."""

import json
import socket

import pytest
import torch
import torch.distributed as dist

from tests.cli.messages import error_of
from tests.cli.scalars import scalars
from tests.engine.small import differing

pytestmark = pytest.mark.slow
needs_gloo = pytest.mark.skipif(
    torch.cuda.is_available(), reason="a group over gloo, without a GPU"
)

# What each rank has in the end, beside the checkpoint that rank 0 writes.
HOOK = """
import torch
from mmengine.dist import get_rank, get_world_size
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
                ranks=get_world_size(),
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
custom_hooks = [
    dict(type="MixedAccuracyHook", mixup=dict(type="CutMix", alpha=1.0)), dict(type="KeepState")
]
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1), ema=dict(type="EMAHook", momentum=0.2))
optim_wrapper = dict(accumulative_counts=2, clip_grad=dict(max_norm=1.0))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("tool", "usage"),
    [
        ("dist_train.sh", "tools/dist_train.sh CONFIG GPUS"),
        ("dist_test.sh", "tools/dist_test.sh CONFIG CHECKPOINT GPUS"),
        ("slurm_train.sh", "tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR"),
        ("slurm_test.sh", "tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT"),
    ],
)
def test_usage_without_arguments(start_tool, tool, usage):
    output = start_tool(tool, expect=2)
    assert usage in output
    assert "#" not in output


@needs_gloo
def test_two_processes_train_and_test(dm, start_tool, tool_environment, tmp_path):
    """With what goes by the batch: --auto-scale-lr, accumulation, clipping, the average."""
    (tmp_path / "keep_state.py").write_text(HOOK, encoding="utf-8")
    config = tmp_path / "config.py"
    config.write_text(CONFIG.format(base=str(dm)), encoding="utf-8")
    environment = {"PYTHONPATH": f"{tmp_path}:{tool_environment['PYTHONPATH']}"}
    work = tmp_path / "work"

    options = ["--auto-scale-lr", "--work-dir", work]
    start_tool("dist_train.sh", config, 2, *options, PORT=free_port(), **environment)
    first, second = (torch.load(work / f"rank{rank}.pt") for rank in (0, 1))
    assert differing(first, second) == []
    assert first["ranks"] == 2
    # Batches of 20 in each of two processes, two of them an update; the base is 20.
    assert first["lr"] == pytest.approx(0.1 * 4)
    # 100 images: three batches an epoch, an update after two of them and one after the third.
    assert first["steps"] == 4
    saved = torch.load(work / "epoch_2.pth", weights_only=False)
    assert saved["meta"]["iter"] == 2 * 3
    assert differing(saved["state_dict"], first["ema"]) == []
    assert differing(saved["state_dict"], first["tested"]) == []
    assert differing(saved["state_dict"], first["model"]) != []

    start_tool(
        *["dist_test.sh", config, work / "epoch_2.pth", 2],
        *["--work-dir", tmp_path / "tested", "--out", tmp_path / "metrics.json"],
        PORT=free_port(),
        **environment,
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    validated = scalars(work)[-1]
    for name in ("accuracy/top1", "mixed/top2"):
        assert metrics[name] == pytest.approx(validated[name])


@pytest.fixture
def joined(monkeypatch):
    """The groups that this process joins, in the place of one that torchrun has started."""
    group = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**group, "MASTER_PORT": free_port()}.items():
        monkeypatch.setenv(name, value)
    groups, join = [], dist.init_process_group
    monkeypatch.setattr(dist, "init_process_group", lambda *a, **k: groups.append(join(*a, **k)))
    yield groups
    if dist.is_initialized():
        dist.destroy_process_group()


@needs_gloo
@pytest.mark.parametrize("options", [["--dry-run"], ["--cfg-options", "train_cfg.max_epochs=1"]])
def test_a_tool_leaves_the_group_that_it_joined(dm, call, joined, options):
    done = call("train", dm, "--launcher", "pytorch", *options)
    assert done.status == 0, done.err
    assert len(joined) == 1
    assert not dist.is_initialized()


@needs_gloo
def test_sync_bn_without_a_gpu_is_told_at_once(dm, call, joined):
    done = call("train", dm, "--launcher", "pytorch", "--cfg-options", "sync_bn=torch")
    assert "sync_bn='torch' needs a GPU in each process" in error_of(done)
    assert len(joined) == 1
