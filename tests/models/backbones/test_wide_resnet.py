"""WideResNet against plain loops; its numbers of weights, stages and initialisation."""

import pytest
import torch

from dmmix.models import WideResNet
from dmmix.registry import MODELS
from tests.models.backbones.networks import (
    count,
    images,
    state_of,
    stirred,
)
from tests.models.backbones.reference import wide_resnet

pytestmark = pytest.mark.openmmlab

SEMI = dict(
    act_cfg=dict(type="LeakyReLU", negative_slope=0.1, inplace=True),
    norm_cfg=dict(type="BN", momentum=0.001, eps=0.001),
    activate_shortcut=(True, False, False),
)
MIXED = dict(activate_shortcut=(False, True, False))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("options", "shortcuts", "slope", "eps"),
    [
        ({}, (True, True, True), 0.0, 1e-5),
        (SEMI, (True, False, False), 0.1, 1e-3),
        (MIXED, (False, True, False), 0.0, 1e-5),
    ],
)
@pytest.mark.parametrize(("depth", "widen"), [(10, 1), (16, 2)])
def test_forward_is_that_of_plain_loops(depth, widen, options, shortcuts, slope, eps, training):
    network = stirred(WideResNet(depth, widen, **options)).train(training)
    batch, state = images(3, 3, 8, 12), state_of(network)
    (found,) = network(batch)
    expected = wide_resnet(state, batch, (depth - 4) // 6, shortcuts, slope, eps, training)
    assert found.shape == (3, 64 * widen, 2, 3)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("widen", "classes", "published"),
    [
        (2, 10, 1_467_610),  # 1.5 M: MixMatch, FixMatch
        (8, 100, 23_401_012),  # 23.4 M
        (10, 10, 36_479_194),  # 36.5 M: Zagoruyko's table 1
        (10, 100, 36_536_884),
    ],
)
def test_weights(widen, classes, published):
    with torch.device("meta"):
        network = WideResNet(28, widen)
    assert count(network) + (64 * widen + 1) * classes == published


def test_stages_and_shapes():
    network = WideResNet(10, 2, out_indices=(0, 1, 2))
    assert network.res_layers == ["layer1", "layer2", "layer3"]
    assert network.feat_dim == 128
    assert network.conv1(torch.rand(1, 3, 32, 32)).shape == (1, 16, 32, 32)
    shapes = [tuple(each.shape) for each in network(torch.rand(2, 3, 32, 32))]
    assert shapes == [(2, 32, 32, 32), (2, 64, 16, 16), (2, 128, 8, 8)]
    # Only the last map is normalised.
    network = stirred(WideResNet(10, 1, out_indices=(0, 2))).eval()
    first, last = network(images(2, 3, 8, 8))
    assert (first < 0).any()  # the sum of a stage
    assert (last >= 0).all()  # after the activation


def test_zeros_before_a_relu_cut_a_block_off():
    """Why the norms of its blocks do not start at zero as those of a ResNet do."""
    block = WideResNet(10, 1).layer1[0]
    torch.nn.init.zeros_(block.norm2.weight)
    block(torch.randn(4, 16, 8, 8)).square().sum().backward()
    assert not block.norm2.weight.grad.any()
    assert not block.norm2.bias.grad.any()
    assert not block.conv2.weight.grad.any()


def test_initial_weights_let_gradients_through():
    torch.manual_seed(0)
    network = MODELS.build(dict(type="dmmix.WideResNet", depth=10, widen_factor=2))
    network.init_weights()
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)
    network(torch.randn(4, 3, 16, 16))[0].square().sum().backward()
    assert all(weight.grad.any() for weight in network.parameters())


def test_dropout_stands_between_the_convolutions():
    torch.manual_seed(0)
    network = WideResNet(10, 1, drop_rate=0.5)
    seen = []
    network.layer2[0].conv2.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    network.eval()(torch.rand(2, 3, 8, 8))
    network.train()(torch.rand(2, 3, 8, 8))
    assert (seen[0] == 0).float().mean() < 0.7
    assert (seen[1] == 0).float().mean() > 0.7  # half of what the ReLU leaves
    with pytest.raises(ValueError, match=r"drop_rate must be in \[0, 1\), got 1"):
        WideResNet(10, 1, drop_rate=1)


def test_frozen_stages_and_statistics():
    network = WideResNet(10, 1, frozen_stages=1).train()
    trained = {name.split(".")[0] for name, w in network.named_parameters() if w.requires_grad}
    assert trained == {"layer2", "layer3", "norm"}
    assert not network.layer1.training
    assert network.layer2.training
    stem = WideResNet(10, 1, frozen_stages=0)
    trained = {name.split(".")[0] for name, w in stem.named_parameters() if w.requires_grad}
    assert trained == {"layer1", "layer2", "layer3", "norm"}
    still = WideResNet(10, 1, norm_eval=True).train()
    before = still.norm.running_mean.clone()
    still(torch.rand(2, 3, 8, 8))
    assert torch.equal(still.norm.running_mean, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(depth=27), "depth must be 6 n [+] 4, n at least 1 .*, got 27"),
        (dict(depth=4), "depth must be 6 n [+] 4, .*, got 4"),
        (dict(widen_factor=0), "widen_factor must be an int of at least 1, got 0"),
        (dict(strides=(1, 2)), "strides must have one entry for each of 3 stages"),
        (dict(activate_shortcut=(True,)), "activate_shortcut must have one entry"),
        (dict(out_indices=(3,)), r"out_indices must be some of 0, 1, 2, got \(3,\)"),
        (dict(out_indices=()), "out_indices must be some of 0, 1, 2"),
        (dict(frozen_stages=4), r"frozen_stages must be an int in \[-1, 3\], got 4"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        WideResNet(**{"depth": 10, "widen_factor": 1, **options})
