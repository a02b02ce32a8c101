"""dmmix export CHECKPOINT --to FORMAT: what is written agrees, also where there is no dmmix."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import dmmix
from dmmix.cli.export import ENDINGS
from dmmix.engine.exporting.formats import WRITERS
from dmmix.engine.exporting.logits import Logits
from tests.cli.checkpoints import NAMES, write_checkpoint
from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab
needs_onnx = pytest.mark.skipif(find_spec("onnxscript") is None, reason="needs the extra export")
ANY = ["safetensors", "torch", "torchscript", pytest.param("onnx", marks=needs_onnx)]

#: Begins a program that has none of the packages which dmmix trains with.
ALONE = """
import json, sys
for name in ("dmmix", "mmengine", "mmpretrain", "mmcv"):
    sys.modules[name] = None
import numpy as np, torch
images = torch.from_numpy(np.load("images.npy"))
"""
#: What goes with a file and its logits, by the format.
LOADED = {
    "torchscript": """
extra = {"dmmix.json": ""}
model = torch.jit.load("model", _extra_files=extra)
about, logits = json.loads(extra["dmmix.json"]), model(images)
""",
    "onnx": """
import onnx
from onnx.reference import ReferenceEvaluator
loaded = onnx.load("model")
about = json.loads({each.key: each.value for each in loaded.metadata_props}["dmmix"])
logits = torch.from_numpy(ReferenceEvaluator(loaded).run(None, {"images": images.numpy()})[0])
""",
    "safetensors": """
from safetensors import safe_open
with safe_open("model", "pt") as file:
    about = json.loads(file.metadata()["dmmix"])
    w = {name: file.get_tensor(name) for name in file.keys()}
""",
    "torch": """
w = torch.load("model", weights_only=True)
about = json.load(open("model.json", encoding="utf-8"))
""",
}
#: ResNet-18 as a function of its weights.
FORWARD = """
from torch.nn import functional as F
mean, std = (torch.tensor(about[name]).view(3, 1, 1) for name in ("mean", "std"))
def conv(x, name, bn, stride=1):
    kernel = w[f"backbone.{name}.weight"]
    x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
    parts = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(w[f"backbone.{bn}.{part}"] for part in parts))
x = F.relu(conv((images / 255 - mean) / std, "conv1", "bn1"))
for stage in range(1, 5):
    for block in range(2):
        at, stride = f"layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1
        y = F.relu(conv(x, at + "conv1", at + "bn1", stride))
        y = conv(y, at + "conv2", at + "bn2")
        if f"backbone.{at}downsample.0.weight" in w:
            x = conv(x, at + "downsample.0", at + "downsample.1", stride)
        x = F.relu(x + y)
logits = F.linear(x.mean((2, 3)), w["head.fc.weight"], w["head.fc.bias"])
"""
END = """
json.dump([about, logits.tolist()], sys.stdout)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("trained") / "best.pth")


@pytest.fixture(scope="module")
def images():
    return torch.randint(
        0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
    )


@pytest.mark.parametrize("form", ANY)
def test_the_logits_agree_where_there_is_no_dmmix(call, checkpoint, images, tmp_path, form):
    done = call("export", checkpoint, "--to", form, "--out", "model")
    assert done.status == 0, done.err
    assert re.search(r"model: logits agree to \d\.\de-\d\d", done.out.replace("+", "-"))
    np.save(tmp_path / "images.npy", images.numpy())
    program = ALONE + LOADED[form] + ("" if "logits" in LOADED[form] else FORWARD) + END
    got = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        encoding="utf-8",
    )
    assert got.returncode == 0, got.stderr
    about, logits = json.loads(got.stdout)
    right = dmmix.load(str(checkpoint), device="cpu").logits(images)
    assert right.std() > 0.1
    assert (torch.tensor(logits) - right).abs().max() < 1e-5 * right.abs().max()
    assert about == json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert about["classes"] == list(NAMES)
    assert about["scores"] == "softmax"
    assert about["resize"] == {"short_edge": 36, "interpolation": "bilinear", "antialias": True}
    assert about["crop"] == [32, 32]
    assert about["mean"] == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize("library", ["torchvision", "timm"])
@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        (dict(type="ResNet", depth=18), 512),
        pytest.param(dict(type="ResNet", depth=50), 2048, marks=pytest.mark.slow),
        pytest.param(dict(type="ResNeXt", depth=50), 2048, marks=pytest.mark.slow),
        (dict(type="TIMMBackbone", model_name="resnet10t"), 512),
    ],
    ids=["resnet18", "resnet50", "resnext50", "timm"],
)
def test_weights_of_libraries(call, tmp_path, library, backbone, channels, images):
    timm = pytest.importorskip("timm")
    file = write_checkpoint(tmp_path / "best.pth", backbone, channels)
    done = call("export", file, "--to", library, "--out", "model.pth")
    if backbone["type"] == "TIMMBackbone" and library == "torchvision":
        assert "torchvision has no network that is this one" in error_of(done)
        return
    assert done.status == 0, done.err
    about = json.loads((tmp_path / "model.pth.json").read_text(encoding="utf-8"))
    if library == "timm":
        model = timm.create_model(about["architecture"], num_classes=3, checkpoint_path="model.pth")
    else:
        from torchvision import models

        model = getattr(models, about["architecture"])(num_classes=3)
        model.load_state_dict(torch.load("model.pth", weights_only=True))
    mean, std = (torch.tensor(about[name]).view(3, 1, 1) for name in ("mean", "std"))
    right = dmmix.load(str(file), device="cpu").logits(images)
    with torch.no_grad():
        found = model.eval()((images / 255 - mean) / std)
    assert (found - right).abs().max() < 1e-4 * right.abs().max()  # not normalised in one step


def test_nothing_is_left_where_the_logits_differ(call, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(Logits, "normalised", lambda self, images: images.float() / 255)
    done = call("export", checkpoint, "--to", "torchscript", "--out", "model.pt")
    assert re.search(
        r"the logits of torchscript differ from the checkpoint's by \S+ of the largest "
        r".* so model\.pt was not written",
        error_of(done),
    )
    assert not list(tmp_path.iterdir())


def test_beside_the_checkpoint_by_default(call, tmp_path):
    file = write_checkpoint(tmp_path / "best.pth")
    call("export", file, "--to", "torch")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.pth", "best.weights.pth", "best.weights.pth.json",
    ]  # fmt: skip


def test_images_that_were_no_files_need_a_size(call, tmp_path):
    file = write_checkpoint(tmp_path / "best.pth", files=False)
    assert "--size HEIGHT WIDTH" in error_of(call("export", file, "--to", "torch"))
    assert call("export", file, "--to", "torchscript", "--size", 16, 24).status == 0
    about = json.loads((tmp_path / "best.torchscript.pt.json").read_text(encoding="utf-8"))
    assert about["input"] == {"shape": ["N", 3, 16, 24], "dtype": "uint8", "channels": "RGB"}
    assert about["resize"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.pth", "--to", "torch"], "no checkpoint gone.pth"),
        (["CHECKPOINT", "--to", "onx"], "invalid choice: 'onx'"),
        (["CHECKPOINT", "--to", "torch", "--out", "no/w.pth"], "--out: no folder .*no"),
        (["CHECKPOINT", "--to", "torch", "--out", "."], r"--out: \. is a folder"),
        (["CHECKPOINT", "--to", "torch", "--out", "CHECKPOINT"], "is the checkpoint itself"),
        (["CHECKPOINT", "--to", "torch", "--size", "1", "2", "3"], "--size takes an edge, or"),
        (["CHECKPOINT", "--to", "torchvision"], "torchvision has no network .* ResNet_CIFAR with"),
        (["weights.pth", "--to", "torch"], "says neither its network nor its classes"),
    ],
)
def test_mistakes(call, checkpoint, tmp_path, arguments, says):
    torch.save({"state_dict": {}}, tmp_path / "weights.pth")
    arguments = [checkpoint if word == "CHECKPOINT" else word for word in arguments]
    message = error_of(call("export", *arguments))
    assert re.search(says, message), message


@pytest.mark.parametrize(
    ("form", "package"), [("onnx", "onnxscript"), ("safetensors", "safetensors")]
)
def test_a_package_is_asked_for_in_one_sentence(call, checkpoint, monkeypatch, form, package):
    monkeypatch.setitem(sys.modules, package, None)
    message = error_of(call("export", checkpoint, "--to", form))
    assert message == (f"dmmix needs {package} here, which is not installed: pip install {package}")


def test_formats_have_endings():
    assert ENDINGS.keys() == WRITERS.keys()
