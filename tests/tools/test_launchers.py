"""tools/dist_train.sh and tools/dist_test.sh, with two processes."""

import json
import socket

import pytest
import torch
import torch.distributed as dist

pytestmark = pytest.mark.slow

# What rank 1 has in the end, beside the checkpoint that rank 0 writes.
HOOK = """
import torch
import torch.distributed as dist
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook

from dmmix.registry import HOOKS


@HOOKS.register_module()
class KeepWeights(Hook):
    def after_train(self, runner):
        weights = {k: v.clone() for k, v in runner.model.module.named_parameters()}
        kept = dict(weights=weights, ranks=get_world_size())
        torch.save(kept, f"{runner.work_dir}/rank{get_rank()}.pt")
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes over gloo, without a GPU")
def test_two_processes_train_and_test(root, start_tool, tool_environment, tmp_path):
    dm = root / "configs" / "quickstart" / "digits_cutmix_dm.py"
    (tmp_path / "keep_weights.py").write_text(HOOK, encoding="utf-8")
    config = tmp_path / "config.py"
    config.write_text(
        f"_base_ = {str(dm)!r}\n"
        "custom_imports = dict(imports=['keep_weights'])\n"
        "custom_hooks = [\n"
        "    dict(type='MixedAccuracyHook', mixup=dict(type='CutMix', alpha=1.0)),\n"
        "    dict(type='KeepWeights'),\n"
        "]\n"
        "train_cfg = dict(max_epochs=2)\n"
        "default_hooks = dict(checkpoint=dict(interval=1))\n",
        encoding="utf-8",
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{tool_environment['PYTHONPATH']}"}
    work = tmp_path / "work"

    start_tool(*["dist_train.sh", config, 2, "--work-dir", work], PORT=free_port(), **environment)
    ranks = [torch.load(work / f"rank{rank}.pt") for rank in (0, 1)]
    assert [rank["ranks"] for rank in ranks] == [2, 2]
    for name, weight in ranks[0]["weights"].items():
        assert torch.equal(weight, ranks[1]["weights"][name]), name
    checkpoint = torch.load(work / "epoch_2.pth", weights_only=False)
    saved = checkpoint["state_dict"]["head.fc.weight"]
    assert torch.equal(saved, ranks[0]["weights"]["head.fc.weight"])
    # 100 images in batches of 20, in each of two processes.
    assert checkpoint["meta"]["iter"] == 2 * 3

    start_tool(
        *["dist_test.sh", config, work / "epoch_2.pth", 2],
        *["--work-dir", tmp_path / "tested", "--out", tmp_path / "metrics.json"],
        PORT=free_port(),
        **environment,
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    (log,) = work.glob("*/vis_data/scalars.json")
    validated = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    for name in ("accuracy/top1", "mixed/top2"):
        assert metrics[name] == pytest.approx(validated[name])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a group over gloo, without a GPU")
@pytest.mark.parametrize("options", [["--dry-run"], ["--cfg-options", "train_cfg.max_epochs=1"]])
def test_a_tool_leaves_the_group_that_it_joined(root, call, monkeypatch, options):
    group = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**group, "MASTER_PORT": free_port()}.items():
        monkeypatch.setenv(name, value)
    joined = []
    join = dist.init_process_group
    monkeypatch.setattr(dist, "init_process_group", lambda *a, **k: joined.append(join(*a, **k)))
    config = root / "configs" / "quickstart" / "digits_cutmix_dm.py"
    done = call("train", config, "--launcher", "pytorch", *options)
    assert done.status == 0, done.err
    assert len(joined) == 1
    assert not dist.is_initialized()
