"""ResNeXt and ConvNeXt for small images against plain loops; mmpretrain's ResNet_CIFAR too."""

import pytest
import torch

from dmmix.models import ConvNeXt_CIFAR, ResNeXt_CIFAR, WideResNet
from dmmix.registry import MODELS
from tests.models.backbones.networks import (
    compiles_in_one_graph,
    count,
    images,
    state_of,
    stirred,
)
from tests.models.backbones.reference import convnext_cifar, resnext_cifar

pytestmark = pytest.mark.openmmlab


class SmallResNeXt(ResNeXt_CIFAR):
    """One or two blocks a stage; the same code."""

    arch_settings = {50: (ResNeXt_CIFAR.arch_settings[50][0], (2, 1, 1, 1))}  # noqa: RUF012


def small_resnext():
    return SmallResNeXt(depth=50, groups=4, width_per_group=2, base_channels=8, stem_channels=8)


def small_convnext(**options):
    arch = dict(depths=[1, 2, 1, 1], channels=[8, 12, 16, 20])
    return ConvNeXt_CIFAR(arch=arch, layer_scale_init_value=1.0, **options)


@pytest.mark.parametrize("training", [False, True])
def test_resnext_is_that_of_plain_loops(training):
    network = stirred(small_resnext())
    network.train(training)  # mmpretrain's returns nothing
    batch, state = images(3, 3, 16, 8), state_of(network)
    (found,) = network(batch)
    assert found.shape == (3, 8 * 8 * 4, 2, 1)
    expected = resnext_cifar(state, batch, (2, 1, 1, 1), 4, training)
    torch.testing.assert_close(found, expected)


def test_convnext_is_that_of_plain_loops():
    network = stirred(small_convnext())
    network.train()
    batch, state = images(3, 3, 16, 8), state_of(network)
    (found,) = network(batch)
    assert found.shape == (3, 20)
    torch.testing.assert_close(found, convnext_cifar(state, batch, (1, 2, 1, 1)))


@pytest.mark.parametrize(
    ("network", "classes", "stem", "published"),
    [
        # The published ones have another stem: 7 x 7 in place of 3 x 3, patches of 4 x 4.
        (dict(type="dmmix.ResNeXt_CIFAR", depth=50), 1000, 3 * 64 * (49 - 9), 25_028_904),
        (dict(type="dmmix.ConvNeXt_CIFAR", arch="tiny"), 1000, 3 * 96 * (16 - 9), 28_589_128),
        # mmpretrain's is what the paper states, so there is none of ours.
        (dict(type="mmpretrain.ResNet_CIFAR", depth=18), 10, 0, 11_173_962),
        (dict(type="mmpretrain.ResNet_CIFAR", depth=18), 100, 0, 11_220_132),
        (dict(type="mmpretrain.ResNet_CIFAR", depth=50), 10, 0, 23_520_842),
        (dict(type="mmpretrain.ResNet_CIFAR", depth=50), 100, 0, 23_705_252),
    ],
)
def test_numbers_of_weights(network, classes, stem, published):
    network = MODELS.build(network)
    width = network(torch.rand(2, 3, 32, 32))[0].shape[1]
    assert count(network) + stem + (width + 1) * classes == published


@pytest.mark.parametrize("kind", ["dmmix.ResNeXt_CIFAR", "mmpretrain.ResNet_CIFAR"])
def test_stem_and_stages(kind):
    network = MODELS.build(dict(type=kind, depth=50, out_indices=(0, 1, 2, 3)))
    assert network.conv1.weight.shape == (64, 3, 3, 3)
    assert network.conv1.stride == (1, 1)
    assert network.res_layers == ["layer1", "layer2", "layer3", "layer4"]
    with torch.no_grad():
        shapes = [tuple(each.shape) for each in network(torch.rand(1, 3, 32, 32))]
    sizes = [(256, 32), (512, 16), (1024, 8), (2048, 4)]
    assert shapes == [(1, width, side, side) for width, side in sizes]


def test_stem_of_convnext_and_frozen_stages():
    network = small_convnext()
    assert network.downsample_layers[0](torch.rand(1, 3, 32, 32)).shape == (1, 8, 32, 32)
    with pytest.raises(TypeError, match="ConvNeXt_CIFAR has no stem_patch_size"):
        ConvNeXt_CIFAR(arch="tiny", stem_patch_size=4)
    frozen = small_convnext(frozen_stages=1)
    assert not any(weight.requires_grad for weight in frozen.downsample_layers[0].parameters())
    network = ResNeXt_CIFAR(depth=50, frozen_stages=1)
    network.train()
    trained = {name.split(".")[0] for name, w in network.named_parameters() if w.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"}


def wide():
    norm, act = dict(type="BN", momentum=0.001, eps=0.001), dict(type="LeakyReLU", inplace=True)
    return WideResNet(10, 1, norm_cfg=norm, act_cfg=act, activate_shortcut=(True, False, False))


@pytest.mark.parametrize("build", [small_resnext, small_convnext, wide])
def test_compiles_in_one_graph(build):
    found = compiles_in_one_graph(build())
    if found.ndim == 4:
        assert found.is_contiguous(memory_format=torch.channels_last)
