"""What dmmix writes is data for stock torch, and what mmengine needs of it comes back."""

import pathlib
import subprocess
import sys
from collections import Counter, OrderedDict, deque

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import find_latest_checkpoint

from dmmix import compat
from dmmix.compat import UnsafeCheckpointError, checkpoint, safe_load
from dmmix.compat.plain_checkpoint import to_plain
from tests.compat.test_checkpoint import toy_runner
from tests.engine.small import Net

compat.prepare()

pytestmark = pytest.mark.openmmlab

READ = """
import sys, torch
content = torch.load(sys.argv[1], weights_only=True)
assert not {"dmmix", "mmengine"} & set(sys.modules)
print(sorted(content), len(content["message_hub"]["log_scalars"]["train/loss"]["log_history"]))
"""


def written(content, path):
    with open(path, "wb") as file:
        checkpoint._save(content, file)
    return torch.load(path, weights_only=True)


@pytest.mark.slow
def test_stock_torch_reads_a_checkpoint_of_a_run(tmp_path):
    toy_runner(tmp_path, epochs=1).train()  # with a one-cycle schedule and log histories
    command = [sys.executable, "-c", READ, str(tmp_path / "epoch_1.pth")]
    said = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=tmp_path, check=True
    ).stdout
    assert "message_hub" in said
    assert "param_schedulers" in said
    assert said.endswith(" 2\n")


def test_everything_has_a_plain_form(tmp_path):
    state = Net().state_dict()
    content = {
        "state_dict": state,
        "numbers": [np.float64(0.1), np.int64(3), np.bool_(True), np.float32(0.1), 2**70],
        "arrays": [np.arange(3, dtype=">i4"), np.array(["ab", "c"]), np.zeros((0, 2))],
        "config": ConfigDict(a=ConfigDict(b=[1, (2, 3)])),
        "path": pathlib.PurePosixPath("a/b"),
        "ids": deque([1, 2]),
        "milestones": Counter([1, 1]),
        "curve": len,
        np.int64(7): frozenset([np.int64(1)]),
    }
    loaded = written(content, tmp_path / "a.pth")
    torch.testing.assert_close(loaded["state_dict"], state)
    assert loaded["state_dict"]._metadata == state._metadata
    assert loaded["numbers"] == [0.1, 3, True, float(np.float32(0.1)), 2**70]
    assert [*map(type, loaded["numbers"])] == [float, int, bool, float, int]
    assert loaded["arrays"][0].tolist() == [0, 1, 2]
    assert loaded["arrays"][1] == ["ab", "c"]
    assert loaded["arrays"][2].shape == (0, 2)
    assert loaded["config"] == {"a": {"b": [1, (2, 3)]}}
    assert type(loaded["config"]["a"]) is dict
    assert loaded["path"] == "a/b"
    assert loaded["ids"] == [1, 2]
    assert loaded["milestones"] == Counter([1, 1])
    assert "curve" not in loaded
    assert loaded[7] == {1}


def test_histories_are_mmengines_again_after_the_load(tmp_path):
    history = HistoryBuffer([0.1, 1 / 3], [1, 2], max_length=5)
    with open(tmp_path / "a.pth", "wb") as file:
        checkpoint._save({"message_hub": {"log_scalars": OrderedDict(loss=history)}}, file)
    again = safe_load.load(tmp_path / "a.pth")["message_hub"]["log_scalars"]["loss"]
    assert type(again) is HistoryBuffer
    assert again.max_length == 5
    for one, other in zip(again.data, history.data, strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    again.update(2.0, 1)
    assert again.current() == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_history": torch.ones(2, 2)},
        {"log_history": torch.ones(3)},
        {"log_history": "ab"},
        {"max_length": 0},
        {"max_length": "9"},
    ],
)
def test_what_is_no_history_is_refused(tmp_path, wrong):
    whole = {"log_history": torch.ones(2), "count_history": torch.ones(2), "max_length": 9}
    torch.save({"message_hub": {"log_scalars": {"a": {**whole, **wrong}}}}, tmp_path / "a.pth")
    with pytest.raises(UnsafeCheckpointError, match="log history"):
        safe_load.load(tmp_path / "a.pth")


class Other:
    pass


def test_what_has_no_plain_form_is_named(capsys):
    other = Other()
    assert to_plain({"a": [other]}) == {"a": [other]}
    assert "checkpoint['a'][0] is saved as" in "".join(capsys.readouterr())


@pytest.mark.parametrize("old", [True, False], ids=["as mmengine writes it", "as data"])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path, monkeypatch, old):
    whole = toy_runner(tmp_path / "whole", epochs=3)
    whole.train()
    if old:
        monkeypatch.setattr(checkpoint, "_save", torch.save)
    toy_runner(tmp_path / "parts", epochs=2).train()
    monkeypatch.undo()
    saved = find_latest_checkpoint(str(tmp_path / "parts"))
    resumed = toy_runner(tmp_path / "parts", epochs=3, load_from=saved, resume=True)
    resumed.train()
    assert resumed.epoch == whole.epoch == 3
    for name, history in whole.message_hub.log_scalars.items():
        again = resumed.message_hub.log_scalars[name]
        assert len(again.data[0]) == len(history.data[0])
        if "time" not in name:
            assert again.data[0].tolist() == history.data[0].tolist()
    torch.testing.assert_close(
        dict(resumed.model.state_dict()), dict(whole.model.state_dict()), rtol=0, atol=0
    )
