"""dmmix train where numbers are not finite: one message, another status than 0; two processes:
what one of them finds ends both, and with 'skip' both leave the batch out."""

import os

import pytest
import torch

from tests.engine.small import differing
from tests.tools.test_launchers import free_port

pytestmark = pytest.mark.slow
without_gpu = pytest.mark.skipif(
    torch.cuda.is_available(), reason="two processes over gloo, without a GPU"
)

HOOK = """
import math

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from dmmix.registry import HOOKS


@HOOKS.register_module()
class SpoilOneRank(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 4 and get_rank() == 1:
            data_batch["inputs"] = data_batch["inputs"].float()
            data_batch["inputs"][2] = math.nan
        if runner.iter == 7:
            module = runner.model.module
            kept = {k: v.clone() for k, v in module.named_parameters()}
            kept["skipped"] = runner.optim_wrapper.skipped.batches
            torch.save(kept, f"{runner.work_dir}/rank{get_rank()}.pt")
            if get_rank() == 1:
                next(b for n, b in module.named_buffers() if "running_var" in n).fill_(math.inf)
"""


@pytest.fixture
def launch(dm, start_tool, tool_environment, tmp_path):
    (tmp_path / "spoil_one_rank.py").write_text(HOOK, encoding="utf-8")
    config = tmp_path / "config.py"
    config.write_text(
        f"_base_ = {str(dm)!r}\n"
        "custom_imports = dict(imports=['spoil_one_rank'])\n"
        "custom_hooks = [dict(type='SpoilOneRank')]\n"
        "train_cfg = dict(max_epochs=3)\n"
        "val_cfg = val_dataloader = val_evaluator = None\n"
        "default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=1))\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(tmp_path), tool_environment["PYTHONPATH"]])

    def run(*options):
        work = ["--work-dir", tmp_path / "work", *options]
        # The status is torchrun's own.
        return start_tool(
            "dist_train.sh", config, 2, *work, expect=1, PORT=free_port(), PYTHONPATH=path
        )

    return run


def test_one_message_and_no_success(call, dm, tmp_path):
    """A rate that turns the first update into weights that are not usable."""
    options = ["optim_wrapper.optimizer.lr=1e30", "train_cfg.max_epochs=3"]
    done = call("train", dm, "--cfg-options", *options)
    assert done.status == 2
    assert done.err.count("error: Not finite at iteration ") == 1
    assert "a lower learning rate" in done.err
    assert "Traceback" not in done.err
    work = tmp_path / "work_dirs" / "digits_cutmix_dm"
    assert [path.name for path in work.glob("*.pth")] == [f"non_finite_iter_{2}.pth"]


def test_a_dry_run_finds_what_the_second_step_shows(call, dm, tmp_path):
    done = call("train", dm, "--dry-run", "--cfg-options", "optim_wrapper.optimizer.lr=1e30")
    assert done.status == 2
    assert "error: Not finite at iteration " in done.err
    assert "non_finite_iter" not in done.err  # it writes nothing
    assert list(tmp_path.iterdir()) == []


def ended(tmp_path, shown, says):
    """The checkpoints that are left."""
    assert shown.count("error: Not finite") == 1
    assert says in shown
    assert "Traceback" not in shown.partition("error: Not finite")[0]
    return sorted(path.name for path in (tmp_path / "work").glob("*.pth"))


@without_gpu
def test_both_end_with_one_message(launch, tmp_path):
    says = "Not finite at iteration 5 of 9 (epoch 2) on rank 1: loss_mixup = nan"
    saved = ended(tmp_path, launch(), says)
    assert saved == ["epoch_1.pth", "non_finite_iter_5.pth"]
    dump = torch.load(tmp_path / "work" / saved[1], weights_only=True)
    assert dump["rank"] == 1
    assert dump["bad_rows"] == {"inputs": [2]}


@without_gpu
def test_both_leave_a_batch_out_and_end_for_statistics(launch, tmp_path):
    shown = launch("--cfg-options", "step.non_finite=skip")
    saved = ended(tmp_path, shown, "Not finite, found at iteration 9 of 9 (epoch 3) on rank ")
    assert saved == ["epoch_2.pth", "non_finite_iter_9.pth"]
    ranks = [torch.load(tmp_path / "work" / f"rank{rank}.pt") for rank in (0, 1)]
    assert ranks[0]["skipped"] == 1
    assert differing(*ranks) == []
    assert all(torch.isfinite(weight).all() for name, weight in ranks[0].items() if "." in name)
