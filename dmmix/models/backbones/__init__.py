"""Backbones for small images that mmpretrain lacks."""

from dmmix.models.backbones.convnext_cifar import ConvNeXt_CIFAR
from dmmix.models.backbones.resnext_cifar import ResNeXt_CIFAR
from dmmix.models.backbones.wide_resnet import WideResNet

__all__ = ["ConvNeXt_CIFAR", "ResNeXt_CIFAR", "WideResNet"]
