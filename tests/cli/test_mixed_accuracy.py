"""dmmix mixed-accuracy: mixed top-1 and top-2 of finished runs."""

import json
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

import dmmix.datasets
import dmmix.models  # noqa: F401 - what a config names
from dmmix.engine import DmmixRunner, MixedAccuracyHook


@pytest.fixture
def measure(call):
    """Measures the runs in a folder; status, output and what stands beside it."""
    return lambda *args: call("mixed-accuracy", *args)


@pytest.fixture
def trained(root, tmp_path):
    """The folder of a finished run whose network was drawn, not trained; and the network."""
    cfg = Config.fromfile(root / "configs/quickstart/digits_cutmix_mce.py")
    cfg.train_cfg.max_epochs = 2
    folder = tmp_path / "runs" / "digits"
    vis = folder / "20260101_000000" / "vis_data"
    vis.mkdir(parents=True)
    cfg.dump(vis / "config.py")
    (vis / "scalars.json").write_text(
        json.dumps({"accuracy/top1": 50.0, "step": 2}) + "\n", encoding="utf-8"
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("dmmix"):
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
        loader = DmmixRunner.build_dataloader(cfg.test_dataloader)
    torch.save(dict(state_dict=model.state_dict()), folder / "epoch_2.pth")
    (folder / "epoch_1.pth").write_bytes(b"an older one")
    return folder, model, loader


def test_what_is_measured_and_that_the_report_finds_it(measure, call, trained):
    folder, model, loader = trained
    status, out, beside = measure(folder.parent)
    assert status == 0, beside
    measured = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    assert measured["of"] == dict(alpha=1.0, seed=0)
    for name in ("Mixup", "CutMix"):
        expected = MixedAccuracyHook(dict(type=name, alpha=1.0)).measure(model, loader)
        assert expected["mixed/top1"] > 0
        for key in ("top1", "top2"):
            ((step, value),) = measured["values"][f"{name}/{key}"]
            assert step == 2
            assert value == pytest.approx(expected[f"mixed/{key}"])
    assert "[1/1]" in out
    args = ("--key", "CutMix/top2", "--metric", "last", "--format", "json")
    status, out, _ = call("report", folder.parent, *args)
    assert status == 0
    assert json.loads(out)[0]["mean"] == pytest.approx(value)


def test_measured_runs_are_skipped(measure, trained, monkeypatch):
    folder, *_ = trained
    measure(folder.parent, "--mixups", "Mixup")
    calls = []
    original = MixedAccuracyHook.measure

    def counted(self, *args):
        calls.append((type(self.mixup).__name__, self.mixup.alpha, self.seed))
        return original(self, *args)

    monkeypatch.setattr(MixedAccuracyHook, "measure", counted)
    measure(folder.parent, "--mixups", "Mixup")
    assert calls == []
    measure(folder.parent, "--mixups", "Mixup", "CutMix")
    assert calls == [("CutMix", 1.0, 0)]
    measure(folder.parent, "--mixups", "Mixup", "--again")
    assert calls[1:] == [("Mixup", 1.0, 0)]
    measure(folder.parent, "--mixups", "Mixup", "--alpha", "0.5", "--seed", "3")
    assert calls[2:] == [("Mixup", 0.5, 3)]
    measured = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    assert measured["of"] == dict(alpha=0.5, seed=3)
    assert set(measured["values"]) == {"Mixup/top1", "Mixup/top2"}  # none of other shares


def test_runs_that_are_left_out(measure, trained):
    """Without a checkpoint, and not finished."""
    folder, *_ = trained
    for file in folder.glob("*.pth"):
        file.unlink()
    status, _, beside = measure(folder.parent)
    assert status == 0
    assert f"{folder}: no checkpoint, left out" in beside
    (file,) = folder.glob("*/vis_data/scalars.json")
    file.write_text(json.dumps({"accuracy/top1": 50.0, "step": 1}) + "\n", encoding="utf-8")
    status, _, beside = measure(folder.parent)
    assert status == 2
    assert f"no finished run in {folder.parent}" in beside


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--mixups", "Mixop"], "no mix 'Mixop'; did you mean 'Mixup'"),
        (["--mixups", "step_generator"], "no mix 'step_generator'"),
        (["--alpha", "-1"], "alpha must be a finite number above 0, got -1"),
    ],
)
def test_mistakes(measure, trained, args, says):
    folder, *_ = trained
    status, _, beside = measure(folder.parent, *args)
    assert status == 2
    assert says in beside
    assert not (folder / "measured.json").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("open({trace!r}, 'w').close()", "line 1, .* is no data and is not run"),
        ("x = [1, dict(a=open({trace!r}, 'w'))]", "line 1, .* is no data and is not run"),
        ("import os", "line 1, 'import os' is no data"),
        ("model = dict(type='io.open', file={trace!r}, mode='w')", "type='io.open' is no name of"),
        ("x = unknown", "line 1, 'unknown' is no data"),
    ],
)
def test_a_config_of_somebody_elses_is_not_run(measure, trained, tmp_path, line, says):
    folder, *_ = trained
    (file,) = folder.glob("*/vis_data/config.py")
    trace = tmp_path / "trace"
    text = line.format(trace=str(trace)) + "\n" + file.read_text(encoding="utf-8")
    if line.startswith("model"):  # the last one counts
        text = file.read_text(encoding="utf-8") + line.format(trace=str(trace))
    file.write_text(text, encoding="utf-8")
    status, _, beside = measure(folder.parent)
    assert status == 2
    assert re.search(says, beside)
    assert str(file) in beside
    assert not trace.exists()
