"""Same config, same seed: the same weights, bit for bit, also after an interruption."""

import shutil
import signal

import pytest
import torch

from tests.engine.small import differing

pytestmark = [pytest.mark.slow, pytest.mark.openmmlab]

EPOCHS = 3
HOOK = """
import os
import signal

from mmengine.hooks import Hook

from dmmix.registry import HOOKS


@HOOKS.register_module()
class KilledAt(Hook):
    def __init__(self, step):
        self.step = step

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
"""
WORKER = "worker_init_fn=dict(type='seed_worker'), num_workers=1, persistent_workers=False"
PER_IMAGE = """dataset=dict(
    _delete_=True, type='Digits', labels_per_class=10, pipeline=[
        dict(type='RandomCrop', crop_size=8, padding=1), dict(type='PackLabels')
    ]
), collate_fn=dict(_delete_=True, type='default_collate'), """


@pytest.fixture(scope="module")
def train(dm, start_fork, tmp_path_factory):
    """Trains in a process of its own: ``train(folder, resume=True, killed_at=.., ...)``."""
    files = tmp_path_factory.mktemp("configs")
    (files / "killed_at.py").write_text(HOOK, encoding="utf-8")

    def run(folder, *, resume=False, killed_at=None, loader=""):
        hooks = "" if killed_at is None else f"dict(type='KilledAt', step={killed_at})"
        config = files / f"{folder.name}.py"
        config.write_text(
            f"_base_ = {str(dm)!r}\n"
            "custom_imports = dict(imports=['killed_at'])\n"
            f"custom_hooks = [{hooks}]\n"
            f"train_cfg = dict(max_epochs={EPOCHS})\n"
            f"param_scheduler = dict(T_max={EPOCHS})\n"
            "default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1))\n"
            f"train_dataloader = dict({loader})\n",
            encoding="utf-8",
        )
        options = ["--work-dir", folder, "--seed", 0, "--no-validate"]
        return start_fork(
            *["train", config, *options, *(["--resume"] if resume else [])],
            expect=0 if killed_at is None else -signal.SIGKILL,
            PYTHONPATH=str(files),
        )

    return run


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    found = final(folder)
    assert {name.split("/")[1] for name in found} == {"state_dict", "optimizer", "param_schedulers"}
    assert any("momentum_buffer" in name for name in found)
    assert any("running_var" in name for name in found)
    return found


@pytest.fixture(scope="module")
def interrupted(train, tmp_path_factory):
    """The folder of a run that was killed in the middle of its last epoch."""
    folder = tmp_path_factory.mktemp("interrupted")
    train(folder, killed_at=12)  # five steps an epoch
    assert sorted(path.name for path in folder.glob("*.pth")) == ["epoch_1.pth", "epoch_2.pth"]
    return folder


def final(folder):
    """Weights, optimizer and schedule after the last epoch, as one flat dict of tensors."""
    checkpoint = torch.load(folder / f"epoch_{EPOCHS}.pth", weights_only=False)
    parts = ("state_dict", "optimizer", "param_schedulers")
    return dict(flatten({part: checkpoint[part] for part in parts}))


def flatten(tree, path=""):
    if isinstance(tree, dict):
        tree = tree.items()
    elif isinstance(tree, list | tuple):
        tree = enumerate(tree)
    else:
        yield path, tree
        return
    for key, value in tree:
        yield from flatten(value, f"{path}/{key}")


def test_a_killed_run_goes_on_as_if_nothing_had_been(train, whole, interrupted, tmp_path):
    """In three processes what one has in one: the same seed gives the same run, too."""
    folder = shutil.copytree(interrupted, tmp_path / "resumed")
    (folder / "last_checkpoint").write_text(str(folder / "epoch_2.pth"), encoding="utf-8")
    output = train(folder, resume=True)
    assert "resumed epoch: 2" in output
    assert differing(final(folder), whole) == []


def test_a_torn_checkpoint_is_passed_over(train, whole, interrupted, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / "torn")
    torn = folder / "epoch_2.pth"
    (folder / "last_checkpoint").write_text(str(torn), encoding="utf-8")
    torn.write_bytes(torn.read_bytes()[:20_000])
    output = train(folder, resume=True)
    assert f"WARNING - Skipping the checkpoint {torn}" in output
    assert "resumed epoch: 1" in output
    assert differing(final(folder), whole) == []


def test_with_a_worker_too(train, whole, tmp_path):
    train(tmp_path / "parts", loader=WORKER, killed_at=12)
    train(tmp_path / "parts", loader=WORKER, resume=True)
    # What is random is drawn in the main process: the same numbers as without a worker.
    assert differing(final(tmp_path / "parts"), whole) == []
    # Not so where it augments.
    train(tmp_path / "whole2", loader=PER_IMAGE + WORKER)
    train(tmp_path / "parts2", loader=PER_IMAGE + WORKER, killed_at=12)
    train(tmp_path / "parts2", loader=PER_IMAGE + WORKER, resume=True)
    assert differing(final(tmp_path / "parts2"), final(tmp_path / "whole2")) == []
    assert differing(final(tmp_path / "whole2"), whole) != []
