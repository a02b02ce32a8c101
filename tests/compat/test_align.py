"""Weights of other libraries find their place in a network."""

import pytest
import torch
from torch import nn

from dmmix.compat.align import align, head_weight
from dmmix.compat.errors import CheckpointError
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

NETWORKS = {
    "resnet18": dict(type="ResNet", depth=18),
    "convnext_atto": dict(
        type="ConvNeXt", arch=dict(depths=[2, 2, 6, 2], channels=[40, 80, 160, 320])
    ),
    "vit_tiny_patch16_224": dict(
        type="VisionTransformer", arch="deit-tiny", img_size=64, out_type="cls_token"
    ),
    "efficientnet_lite0": dict(type="TIMMBackbone", model_name="efficientnet_lite0"),
}
SAVED = {
    "plain": lambda weights: weights,
    "of several processes": lambda weights: {f"module.{k}": v for k, v in weights.items()},
    "mmengine": lambda weights: {"state_dict": {f"backbone.{k}": v for k, v in weights.items()}},
    "Lightning": lambda weights: {
        "pytorch-lightning_version": "2.6.0",
        "state_dict": {f"model.net.{k}": v for k, v in weights.items()}
        | {"loss.eta": torch.ones(1)},
    },
    "USB": lambda weights: {
        "model": weights,
        "ema_model": {k: torch.zeros_like(v) for k, v in weights.items()},
    },
}


def built(config):
    network = MODELS.build({**config, "_scope_": "dmmix"})
    network.eval()
    return network


def features_of_timm(network, images):
    features = network.forward_features(images)
    if features.ndim == 3:
        return features[:, 0]  # the class token
    norm = getattr(getattr(network, "head", None), "norm", None)  # of a ConvNeXt, after the mean
    return features if norm is None else norm(features.mean((2, 3), keepdim=True)).flatten(1)


@pytest.mark.parametrize("name", NETWORKS)
def test_timm_networks_see_the_same(name, tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    options = dict(img_size=64) if "vit" in name else {}
    if name == "convnext_atto":
        options = dict(conv_mlp=False)
    theirs = timm.create_model(name, **options).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    init = dict(type="Pretrained", checkpoint=str(tmp_path / "weights.pth"), prefix="auto")
    network = built({**NETWORKS[name], "init_cfg": init})
    network.init_weights()
    images = torch.randn(2, 3, 64, 64)
    expected = features_of_timm(theirs, images)
    torch.testing.assert_close(network(images)[-1], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("kind", SAVED)
def test_wherever_they_stand(kind, ending, tmp_path):
    small = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)
    theirs = built(small)
    content = SAVED[kind]({**theirs.state_dict(), "fc.weight": torch.zeros(1000, 64)})
    file = tmp_path / f"weights.{ending}"
    if ending == "safetensors":
        files = pytest.importorskip("safetensors.torch")
        files.save_file(content.get("state_dict", content.get("model", content)), file)
    else:
        torch.save(content, file)
    network = built(
        {**small, "init_cfg": dict(type="Pretrained", checkpoint=str(file), prefix="auto")}
    )
    network.init_weights()
    for name, value in network.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name


def test_what_is_not_all_there_keeps_its_names():
    network = torch.nn.Linear(2, 3)
    assert set(align(network, {"module.weight": torch.zeros(3, 2)})) == {"weight"}
    assert set(align(network, {"a.weight": torch.zeros(3, 2)})) == {"a.weight"}


def test_a_cut_safetensors_file_is_told(tmp_path):
    files = pytest.importorskip("safetensors.torch")
    from dmmix.compat.safe_load import load

    files.save_file({"w": torch.ones(100)}, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(whole[:-9])
    with pytest.raises(CheckpointError, match=r"w\.safetensors is damaged"):
        load(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"fc": (7, 4)}, "fc"),
        ({"module.backbone.block.fc": (9, 4), "module.head.fc": (7, 4)}, "module.head.fc"),
        ({"head_dist": (7, 4), "head": (7, 4)}, "head"),
        ({"classifier.1": (7, 4), "classifier.0": (4, 9)}, "classifier.1"),
        ({"heads.head": (7, 4)}, "heads.head"),
        ({"fc": (7, 5), "mlp": (7, 4)}, None),
    ],
)
def test_the_classifier_of_a_file(names, found):
    """By its name and by how many features it takes."""
    weights = {f"{name}.weight": torch.rand(shape) for name, shape in names.items()}
    weights |= {f"{name}.bias": torch.rand(shape[0]) for name, shape in names.items()}
    assert head_weight(weights, 4) == (found and f"{found}.weight")
    head = nn.ModuleDict({"fc": nn.Linear(4, 7)})
    if found:
        got = align(head, weights)
        assert torch.equal(got["fc.weight"], weights[f"{found}.weight"])
        assert torch.equal(got["fc.bias"], weights[f"{found}.bias"])
