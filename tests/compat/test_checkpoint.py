"""mmengine's own functions, once made safe."""

import io
import os

import mmengine.runner
import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, Runner, find_latest_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import nn

from dmmix import compat
from dmmix.compat import UnsafeCheckpointError
from tests.engine import small
from tests.engine.small import Net
from tests.touch import Touch

compat.prepare()

pytestmark = pytest.mark.openmmlab


def toy_runner(work_dir, epochs=1, hook=None, **settings):
    """mmengine's own."""
    return small.toy_runner(
        work_dir,
        epochs=epochs,
        hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1, **(hook or {})}},
        kind=Runner,
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}},
        param_scheduler=[
            {"type": "LinearLR", "end": 2},
            {"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 9, "end": 9},
        ],
        **settings,
    )


@pytest.fixture
def trace(tmp_path):
    return tmp_path / "trace"


@pytest.fixture
def harmful(tmp_path, trace):
    path = tmp_path / "harmful" / "epoch_1.pth"
    path.parent.mkdir()
    content = {"state_dict": Net().state_dict(), "extra": Touch(trace), "meta": {"epoch": 1}}
    torch.save(content, path)
    return str(path)


class Backbone(BaseModule):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fc = nn.Linear(2, 2)


WAYS_IN = {
    "load_checkpoint": lambda path, work: mmengine.runner.load_checkpoint(Net(), path),
    "_load_checkpoint": lambda path, work: mmengine_checkpoint._load_checkpoint(path),
    "with_prefix": lambda path, work: mmengine_checkpoint._load_checkpoint_with_prefix("a", path),
    "CheckpointLoader": lambda path, work: CheckpointLoader.load_checkpoint(path),
    "load_from": lambda path, work: toy_runner(work, load_from=path).train(),
    "resume": lambda path, work: toy_runner(work, load_from=path, resume=True).train(),
    "Runner.load_checkpoint": lambda path, work: toy_runner(work).load_checkpoint(path),
    "Pretrained": lambda path, work: Backbone(
        init_cfg={"type": "Pretrained", "checkpoint": path}
    ).init_weights(),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_no_way_in_runs_code(way, harmful, trace, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # the default of old torch
    with pytest.raises(UnsafeCheckpointError, match="could run code"):
        WAYS_IN[way](harmful, tmp_path / "work")
    assert not trace.exists()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """``served(BYTES)``: what every download brings."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))

    def bring(content):
        def download(url, target, *args, **kwargs):
            with open(target, "wb") as file:
                file.write(content)

        monkeypatch.setattr(torch.hub, "download_url_to_file", download)

    return bring


@pytest.mark.parametrize("scheme", ["https://", "open-mmlab://", "torchvision://", "mmcls://"])
def test_no_url_runs_code(scheme, harmful, trace, served, monkeypatch):
    with open(harmful, "rb") as file:
        served(file.read())
    url = "https://example.org/weights.pth"
    for lookup in ("get_external_models", "get_torchvision_models", "get_mmcls_models"):
        monkeypatch.setattr(mmengine_checkpoint, lookup, lambda: {"weights": url})
    name = url if scheme == "https://" else f"{scheme}weights"
    with pytest.raises(UnsafeCheckpointError, match=r"example\.org/weights\.pth"):
        CheckpointLoader.load_checkpoint(name)
    assert not trace.exists()


def test_no_remote_storage_runs_code(harmful, trace, monkeypatch):
    class Storage:
        def get(self, name):
            with open(harmful, "rb") as file:
                return file.read()

    monkeypatch.setattr(mmengine_checkpoint, "get_file_backend", lambda *a, **k: Storage())
    with pytest.raises(UnsafeCheckpointError):
        CheckpointLoader.load_checkpoint("s3://bucket/weights.pth")
    assert not trace.exists()


def test_the_fallback_to_free_unpickling_is_gone(harmful, trace):
    if not hasattr(mmengine_checkpoint, "_safe_torch_load"):
        pytest.skip("this mmengine has none")
    for weights_only in (None, True, False):
        with pytest.raises(UnsafeCheckpointError):
            mmengine_checkpoint._safe_torch_load(harmful, weights_only=weights_only)
    assert not trace.exists()


def test_other_urls(tmp_path, served):
    """A fine one loads; a damaged download is named where it lies."""
    weights, file = Net().state_dict(), io.BytesIO()
    torch.save(weights, file)
    served(file.getvalue())
    loaded = CheckpointLoader.load_checkpoint("https://example.org/fine.pth", map_location="cpu")
    torch.testing.assert_close(dict(loaded), dict(weights))
    served(b"PK\x03\x04")
    with pytest.raises(compat.CorruptCheckpointError, match=str(tmp_path)):
        CheckpointLoader.load_checkpoint("https://example.org/torn.pth")


def test_published_checkpoints(tmp_path):
    toy_runner(tmp_path, hook={"published_keys": ["meta", "state_dict"]}).train()
    (published,) = tmp_path.glob("epoch_1-*.pth")
    assert set(CheckpointLoader.load_checkpoint(str(published))) == {"meta", "state_dict"}


# Writing


@pytest.mark.parametrize("module", [mmengine.runner, mmengine.runner.runner, mmengine_checkpoint])
@pytest.mark.parametrize("step", ["save", "replace"])
def test_a_broken_save_leaves_the_old_checkpoint(tmp_path, monkeypatch, module, step):
    path = tmp_path / "epoch_1.pth"
    module.save_checkpoint({"epoch": 1}, str(path))

    def save_half(obj, file, **kwargs):
        file.write(b"PK\x03\x04 half")
        raise OSError("disk full")

    def replace_not(*args):
        raise OSError("disk full")

    if step == "save":
        monkeypatch.setattr(torch, "save", save_half)
    else:
        monkeypatch.setattr(os, "replace", replace_not)
    for target in (path, tmp_path / "epoch_2.pth"):
        with pytest.raises(OSError, match="disk full"):
            module.save_checkpoint({"epoch": 2}, str(target))
    monkeypatch.undo()
    assert CheckpointLoader.load_checkpoint(str(path)) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["epoch_1.pth"]


def test_what_is_replaced_in_one_piece(tmp_path, monkeypatch):
    """The pointer too, and where the local backend is named."""
    replaced = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (replaced.append(str(b)), replace(a, b)))
    toy_runner(tmp_path).train()
    assert replaced == [str(tmp_path / "epoch_1.pth"), str(tmp_path / "last_checkpoint")]
    assert find_latest_checkpoint(str(tmp_path)) == str(tmp_path / "epoch_1.pth")
    path = str(tmp_path / "new" / "a.pth")
    mmengine.runner.save_checkpoint({"a": 1}, path, backend_args={"backend": "local"})
    mmengine.runner.save_checkpoint({"a": 1}, path, file_client_args={"backend": "disk"})
    assert replaced[2:] == [path, path]


def test_other_backends_keep_their_way(tmp_path, monkeypatch):
    written = {}

    class Storage:
        def put(self, content, name):
            written[name] = content

    monkeypatch.setattr("mmengine.fileio.get_file_backend", lambda *a, **k: Storage())
    monkeypatch.setattr(mmengine_checkpoint, "get_file_backend", lambda *a, **k: Storage())
    mmengine.runner.save_checkpoint({"a": 1}, "local-looking.pth")
    assert torch.load(io.BytesIO(written["local-looking.pth"])) == {"a": 1}


def test_contradicting_backends_raise_as_before(tmp_path):
    with pytest.raises(ValueError, match="at the same time"):
        mmengine.runner.save_checkpoint(
            {}, str(tmp_path / "a"), {"backend": "disk"}, {"backend": "local"}
        )
