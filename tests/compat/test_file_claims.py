"""Nothing that a checkpoint says about configs and files is acted on."""

import pytest
import torch
from mmengine.runner import Runner

from dmmix import compat
from tests.compat.test_checkpoint import toy_runner
from tests.engine.small import Net

compat.prepare()

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def saved(tmp_path):
    toy_runner(tmp_path / "work").train()
    return tmp_path / "work" / "epoch_1.pth"


def changed(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize("code", ["open({trace!r}, 'w').close()\n", "}}{{"])
def test_the_config_in_it_is_not_run(saved, tmp_path, code):
    """Nor does one that is no Python stop the run."""
    trace = tmp_path / "trace"
    code = code.format(trace=str(trace))
    path = changed(saved, lambda content: content["meta"].update(config=code))
    runner = toy_runner(tmp_path / "work", epochs=2, load_from=path, resume=True)
    runner.train()
    assert runner.epoch == 2
    assert not trace.exists()


def resumed_hook(path, work, info, **hook):
    """The CheckpointHook of a run that goes on from a checkpoint with this ``runtime_info``."""
    path = changed(path, lambda content: content["message_hub"]["runtime_info"].update(info))
    content = torch.load(path, weights_only=True)
    content["message_hub"]["resumed_keys"].update(dict.fromkeys(info, True))
    torch.save(content, path)
    runner = toy_runner(work, epochs=2, load_from=path, resume=True, hook=hook)
    assert isinstance(runner, Runner)
    runner.load_or_resume()
    for found in runner.hooks:
        if type(found).__name__ == "CheckpointHook":
            found.before_train(runner)
            return runner, found
    raise AssertionError


@pytest.mark.parametrize(
    "name",
    ["../mine.txt", "mine.txt", "sub", "best_acc_epoch_1.pth.txt", "../best_acc_epoch_1.pth", 3],
)
def test_only_a_best_checkpoint_of_the_work_folder_can_be_removed(saved, tmp_path, name):
    work = tmp_path / "work"
    (work / "sub").mkdir()
    precious = [tmp_path / "mine.txt", work / "mine.txt", work / "best_acc_epoch_1.pth.txt"]
    precious.append(tmp_path / "best_acc_epoch_1.pth")
    for file in precious:
        file.write_text("x", encoding="utf-8")
    path = str(work / name) if isinstance(name, str) else name
    runner, hook = resumed_hook(
        saved, work, {"best_ckpt": path, "best_score": 1.0}, save_best="acc", rule="greater"
    )
    assert hook.best_ckpt_path is None
    assert "best_ckpt" not in runner.message_hub.runtime_info
    hook._save_best_checkpoint(runner, {"acc": 2.0})
    assert all(file.exists() for file in precious)
    assert (work / "sub").is_dir()


@pytest.mark.parametrize("moved", [False, True])
def test_the_best_checkpoint_of_the_run_is_removed(saved, tmp_path, moved):
    work = tmp_path / "work"
    best = work / "best_accuracy_top1_epoch_1.pth"
    torch.save({"state_dict": Net().state_dict()}, best)
    path = f"/elsewhere/{best.name}" if moved else str(best)
    runner, hook = resumed_hook(
        saved,
        work,
        {"best_ckpt": path, "best_score": 1.0},
        save_best="accuracy/top1",
        rule="greater",
    )
    assert hook.best_ckpt_path == str(best)
    hook._save_best_checkpoint(runner, {"accuracy/top1": 2.0})
    assert runner.message_hub.get_info("best_score") == 2.0
    assert len([*work.glob("best_*")]) == 1


@pytest.mark.parametrize("several", [["../../mine", 1], "ab", [-1, 2], [1.5, 2], [1]])
def test_kept_checkpoints_are_numbers(saved, tmp_path, several):
    (tmp_path / "mine.pth").write_text("x", encoding="utf-8")
    _, hook = resumed_hook(saved, tmp_path / "work", {"keep_ckpt_ids": several}, max_keep_ckpts=1)
    assert list(hook.keep_ckpt_ids) == (several if several == [1] else [])
    assert (tmp_path / "mine.pth").exists()
