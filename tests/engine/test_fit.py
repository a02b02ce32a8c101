"""A checkpoint of another network is told before any of it is loaded."""

import copy
import itertools

import pytest
import torch
from mmengine.model import BaseModel, BaseModule
from torch import nn

from dmmix.compat import CheckpointError
from dmmix.compat.fit import find_fit
from tests.engine import small

pytestmark = pytest.mark.openmmlab


class Backbone(BaseModule):
    def __init__(self, depth=2, width=4, init_cfg=None):
        super().__init__(init_cfg)
        sizes = [2, *[width] * depth]
        layers = (nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Head(BaseModule):
    def __init__(self, classes, width):
        super().__init__()
        self.fc = nn.Linear(width, classes)


class Toy(BaseModel):
    def __init__(self, classes=10, depth=2, width=4, init_cfg=None):
        super().__init__()
        self.backbone = Backbone(depth, width, init_cfg)
        self.head = Head(classes, width)

    def forward(self, inputs, mode="tensor"):
        return {"loss": self.head.fc(self.backbone(torch.stack(inputs))).square().mean()}


def make_runner(work, model=None, **settings):
    return small.toy_runner(
        work,
        model or Toy(),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9)),
        param_scheduler=dict(type="LinearLR", end=2),
        **settings,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    make_runner(folder, epochs=1).train()
    return folder / "epoch_1.pth"


def resumed(work, path, model=None):
    runner = make_runner(work, model, load_from=str(path), resume=True)
    runner.train()
    return runner


def test_what_fits_is_resumed_and_told(saved, tmp_path, capsys):
    assert resumed(tmp_path, saved).epoch == 2
    assert "4 of 4 backbone weights, 2 of 2 head weights" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (dict(classes=12), r"2 of another shape \(head.fc.bias is \(10,\) in the file, \(12,\) in"),
        (dict(width=5), "5 of another shape"),
        (dict(depth=3), r"2 not in the file \(backbone.layers.2.weight, \.\.\.\)"),
        (dict(depth=1), r"2 not in the network \(backbone.layers.1.weight, \.\.\.\)"),
    ],
)
def test_another_network_is_not_resumed(saved, tmp_path, model, says):
    network = Toy(**model)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(CheckpointError, match=rf"epoch_1.pth is of another network: .*{says}"):
        resumed(tmp_path, saved, network)
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("optimizer"), "holds no optimizer to go on from"),
        (lambda c: c.pop("param_schedulers"), "holds no param_schedulers"),
        (lambda c: c["meta"].update(epoch=-3), "its epoch is -3"),
        (lambda c: c["meta"].pop("iter"), "its iter is None"),
        (lambda c: c["state_dict"]["head.fc.bias"].fill_(float("nan")), "head.fc.bias is not fin"),
    ],
)
def test_what_is_missing_is_told(saved, tmp_path, change, says):
    content = torch.load(saved, weights_only=True)
    change(content)
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=says):
        resumed(tmp_path, tmp_path / "a.pth")


def load(work, path, purpose, model=None, **settings):
    runner = make_runner(work, model, load_from=str(path), **settings)
    runner.purpose = purpose
    runner.load_or_resume()


def test_training_begins_from_another_head(saved, tmp_path, capsys):
    load(tmp_path, saved, "train", Toy(classes=12))
    line = "4 of 4 backbone weights; head left out (12 classes for 10)"
    assert line in "".join(capsys.readouterr())


@pytest.mark.parametrize("purpose", ["train", "test"])
@pytest.mark.parametrize("model", [dict(width=5), dict(depth=3), dict(depth=1)])
def test_another_backbone_is_refused(saved, tmp_path, purpose, model):
    with pytest.raises(CheckpointError, match="of another network"):
        load(tmp_path, saved, purpose, Toy(**model))


def test_another_head_is_not_tested(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"head.fc.bias is \(10,\) in the file, \(12,\) in"):
        load(tmp_path, saved, "test", Toy(classes=12))


def test_a_part_is_loaded_where_that_is_asked_for(saved, tmp_path):
    hooks = [dict(type="FitHook", partial=True)]
    load(tmp_path, saved, "train", Toy(depth=3), custom_hooks=hooks, default_scope="dmmix")


def initialised(path, depth=2, **init):
    init = dict(type="Pretrained", checkpoint=str(path), **init)
    model = Toy(depth=depth, init_cfg=init)
    model.init_weights()
    return model


def test_a_backbone_is_initialised_and_told(saved, capsys):
    model = initialised(saved, prefix="backbone.")
    weights = torch.load(saved, weights_only=True)["state_dict"]
    assert torch.equal(model.backbone.layers[1].weight, weights["backbone.layers.1.weight"])
    assert "4 of 4 weights" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("init", "says"),
    [
        (dict(), r"0 of 4 weights fit; 4 not in the file .*; say prefix='backbone\.' in init_cfg"),
        (dict(prefix="neck"), r"no weights under prefix='neck\.': its parts are backbone, head"),
        (dict(prefix="backbone", depth=3), "4 of 6 weights fit; 2 not in the file"),
        (dict(prefix="backbone", depth=1), "2 of 2 weights fit; 2 not in the network"),
    ],
)
def test_what_initialises_nothing_or_a_part_is_told(saved, init, says):
    with pytest.raises(CheckpointError, match=says):
        initialised(saved, **init)


def test_a_part_initialises_where_that_is_asked_for(saved):
    initialised(saved, depth=3, prefix="backbone", partial=True)
    with pytest.raises(CheckpointError, match="0 of 4 weights fit"):
        initialised(saved, partial=True)


def test_what_a_module_does_to_a_file_is_done_before_the_comparison():
    network = nn.Linear(2, 3)

    def rename(weights, prefix, *args):
        weights[f"{prefix}weight"] = weights.pop(f"{prefix}old")

    network._register_load_state_dict_pre_hook(rename)
    weights = {"old": torch.zeros(3, 2), "bias": torch.zeros(3)}
    assert find_fit(network, weights).differences() == ""
    assert set(weights) == {"old", "bias"}
