"""ResNeXt and ConvNeXt for small images against plain loops; mmpretrain's ResNet_CIFAR too."""

import pytest
import torch

from dmmix.models import ConvNeXt_CIFAR, ResNeXt_CIFAR
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


def bottlenecks(blocks, groups, inner):
    """Weights of the stages of a ResNet-50, counted on paper; ``inner`` widths of the 3 x 3."""
    total, before = 0, 64
    for count_, width, out in zip(blocks, inner, (256, 512, 1024, 2048), strict=True):
        for k in range(count_):
            total += before * width + 9 * width * width // groups + width * out
            total += 2 * (width + width + out)
            total += before * out + 2 * out if k == 0 else 0
            before = out
    return total


STEM = 3 * 64 * 9 + 2 * 64  # 3 x 3 and its norm


def test_weights_of_resnext50():
    """23.2 M with 100 classes; torchvision's ResNeXt-50 (25,028,904 with 1000) less its stem."""
    network = ResNeXt_CIFAR(depth=50)
    blocks, inner = (3, 4, 6, 3), (128, 256, 512, 1024)
    assert count(network) == STEM + bottlenecks(blocks, 32, inner) == 22_972_224
    assert count(network) + (2048 + 1) * 100 == 23_177_124
    wider_stem = 3 * 64 * (49 - 9)
    assert count(network) + wider_stem + (2048 + 1) * 1000 == 25_028_904


@pytest.mark.parametrize(
    ("depth", "classes", "published"),
    [(18, 10, 11_173_962), (18, 100, 11_220_132), (50, 10, 23_520_842), (50, 100, 23_705_252)],
)
def test_weights_of_mmpretrains_resnet_cifar(depth, classes, published):
    """It is what the paper states, so there is none of ours."""
    network = MODELS.build(dict(type="mmpretrain.ResNet_CIFAR", depth=depth))
    total = STEM + bottlenecks((3, 4, 6, 3), 1, (64, 128, 256, 512))
    if depth == 18:
        total = STEM
        for before, width in ((64, 64), (64, 128), (128, 256), (256, 512)):
            total += 9 * (before * width + 3 * width * width) + 2 * 4 * width
            total += before * width + 2 * width if before != width else 0
    assert count(network) == total
    assert total + ((512 if depth == 18 else 2048) + 1) * classes == published


def test_weights_of_convnext_tiny():
    """ConvNeXt-T has 28,589,128 with 1000 classes; the stem's 4 x 4 becomes 3 x 3."""
    network = ConvNeXt_CIFAR(arch="tiny")
    assert count(network) + 3 * 96 * (16 - 9) + (768 + 1) * 1000 == 28_589_128


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


def test_stem_of_convnext():
    network = small_convnext()
    assert network.downsample_layers[0](torch.rand(1, 3, 32, 32)).shape == (1, 8, 32, 32)
    with pytest.raises(TypeError, match="ConvNeXt_CIFAR has no stem_patch_size"):
        ConvNeXt_CIFAR(arch="tiny", stem_patch_size=4)
    frozen = small_convnext(frozen_stages=1)
    assert not any(weight.requires_grad for weight in frozen.downsample_layers[0].parameters())


@pytest.mark.parametrize("build", [small_resnext, small_convnext])
def test_compiles_in_one_graph(build):
    found = compiles_in_one_graph(build())
    if found.ndim == 4:
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_frozen_stages_of_resnext():
    network = ResNeXt_CIFAR(depth=50, frozen_stages=1)
    network.train()
    trained = {name.split(".")[0] for name, w in network.named_parameters() if w.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"}
