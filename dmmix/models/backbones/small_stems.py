"""ConvNeXt and ResNeXt for small images."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ConvNeXt, ResNet_CIFAR, ResNeXt
from torch import nn

from dmmix.registry import MODELS


@MODELS.register_module()
class ConvNeXt_CIFAR(ConvNeXt):
    """ConvNeXt whose stem is a 3 x 3 convolution of stride 1 instead of patches of 4 x 4, so that a
    32 x 32 image is still 32 x 32 in the first stage.

    That is what the decoupled mixup paper's code trains on CIFAR-100. Stages are ``stages.0`` ...
    ``stages.3``.

    Args:
        **kwargs: those of :class:`mmpretrain.models.ConvNeXt` but ``stem_patch_size``.

    Shapes:
        (N, 3, H, W) to a tuple with (N, 768), the mean over H / 8 x W / 8 (``arch='tiny'``).

    Source: A ConvNet for the 2020s (arXiv 2201.03545).
    """

    def __init__(self, **kwargs: Any) -> None:
        if "stem_patch_size" in kwargs:
            raise TypeError(
                "ConvNeXt_CIFAR has no stem_patch_size: its stem is a 3 x 3 convolution of stride 1"
            )
        super().__init__(**kwargs)
        patches = self.downsample_layers[0][0]
        self.downsample_layers[0][0] = nn.Conv2d(
            patches.in_channels, patches.out_channels, kernel_size=3, padding=1
        )
        self._freeze_stages()


@MODELS.register_module()
class ResNeXt_CIFAR(ResNet_CIFAR, ResNeXt):
    """ResNeXt with the stem of :class:`mmpretrain.models.ResNet_CIFAR`: one 3 x 3 convolution of
    stride 1 and no max-pooling, so that a 32 x 32 image is still 32 x 32 in the first stage.

    Stages are ``layer1`` ... ``layer4``; ``depth=50, groups=32, width_per_group=4`` (the default
    groups) is ResNeXt-50 32x4d with 22,972,224 weights.

    Args:
        depth: 50, 101 or 152.
        groups, width_per_group: of the 3 x 3 convolutions; 32 and 4.
        **kwargs: those of :class:`mmpretrain.models.ResNet`.

    Shapes:
        (N, 3, H, W) to a tuple with (N, 2048, H / 8, W / 8).

    Source: Aggregated Residual Transformations for Deep Neural Networks (arXiv 1611.05431).
    """
