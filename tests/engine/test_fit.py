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


PARTS, SHORT = ("optimizer", "message_hub", "param_schedulers"), torch.zeros(3, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("optimizer"), "holds no optimizer to go on from"),
        (lambda c: c.pop("param_schedulers"), "holds no param_schedulers"),
        (lambda c: c["meta"].update(epoch=-3), "its epoch is -3"),
        (lambda c: c["meta"].pop("iter"), "its iter is None"),
        (lambda c: c["state_dict"]["head.fc.bias"].fill_(float("nan")), "head.fc.bias is not fin"),
        *(
            (lambda c, key=key: c.update({key: "x"}), r"a.pth cannot be (res|load)")
            for key in PARTS
        ),
        (lambda c: c["random_states"].update(ranks=[]), "its random states are da"),
        (lambda c: c["random_states"].update(ranks=3), "its random states are da"),
        (lambda c: c["random_states"]["ranks"][0].update(torch=SHORT), "its random states are da"),
        (lambda c: c["random_states"]["ranks"][0].pop("numpy"), "its random states are da"),
        (
            lambda c: c["optimizer"]["state"][1].update(momentum_buffer=torch.zeros(7)),
            r"a.pth .* momentum_buffer of weight 1 is \(7,\) in",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_told(saved, tmp_path, change, says):
    content = torch.load(saved, weights_only=True)
    change(content)
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=says):
        resumed(tmp_path, tmp_path / "a.pth")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod."])
def test_weights_of_a_compiled_network_load(saved, tmp_path, prefix):
    """huggingface/pytorch-image-models#2003, pytorch/pytorch#101107: ``torch.compile`` puts a
    prefix before each name, and nothing was loaded."""
    weights = torch.load(saved, weights_only=True)["state_dict"]
    compiled = {prefix + name: value + 1 for name, value in weights.items()}
    torch.save({"state_dict": compiled}, tmp_path / "a.pth")
    runner = make_runner(tmp_path / "work", load_from=str(tmp_path / "a.pth"))
    runner.load_or_resume()
    torch.testing.assert_close(runner.model.state_dict(), {k: v + 1 for k, v in weights.items()})


def test_a_work_folder_that_was_moved_is_resumed(tmp_path):
    """ray-project/ray#28082: absolute paths are stored, as mmengine does in ``last_checkpoint``,
    and a folder that was moved could not be resumed."""
    make_runner(tmp_path / "here", epochs=1).train()
    (tmp_path / "here").rename(tmp_path / "there")
    runner = make_runner(tmp_path / "there", resume=True)
    runner.train()
    assert (runner.epoch, [path.name for path in tmp_path.iterdir()]) == (2, ["there"])


def load(work, path, purpose, model=None, **settings):
    runner = make_runner(work, model, load_from=str(path), **settings)
    runner.purpose = purpose
    runner.load_or_resume()


def test_another_head_is_left_out_or_not_tested_and_a_part_is_loaded_on_demand(
    saved, tmp_path, capsys
):
    load(tmp_path, saved, "train", Toy(classes=12))
    line = "4 of 4 backbone weights; head left out (12 classes for 10)"
    assert line in "".join(capsys.readouterr())
    with pytest.raises(CheckpointError, match=r"head.fc.bias is \(10,\) in the file, \(12,\) in"):
        load(tmp_path, saved, "test", Toy(classes=12))
    hooks = [dict(type="FitHook", partial=True)]
    load(tmp_path, saved, "train", Toy(depth=3), custom_hooks=hooks, default_scope="dmmix")


@pytest.mark.parametrize("purpose", ["train", "test"])
@pytest.mark.parametrize("model", [dict(width=5), dict(depth=3), dict(depth=1)])
def test_another_backbone_is_refused(saved, tmp_path, purpose, model):
    with pytest.raises(CheckpointError, match="of another network"):
        load(tmp_path, saved, purpose, Toy(**model))


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
        (dict(partial=True), "0 of 4 weights fit"),
    ],
)
def test_what_initialises_nothing_or_a_part_is_told(saved, init, says):
    with pytest.raises(CheckpointError, match=says):
        initialised(saved, **init)
    initialised(saved, depth=3, prefix="backbone", partial=True)  # where that is asked for


def test_what_a_module_does_to_a_file_is_done_before_the_comparison():
    network = nn.Linear(2, 3)

    def rename(weights, prefix, *args):
        weights[f"{prefix}weight"] = weights.pop(f"{prefix}old")

    network._register_load_state_dict_pre_hook(rename)
    weights = {"old": torch.zeros(3, 2), "bias": torch.zeros(3)}
    assert find_fit(network, weights).differences() == ""
    assert set(weights) == {"old", "bias"}
