"""ResNeXt for small images."""

from __future__ import annotations

from mmpretrain.models import ResNet_CIFAR, ResNeXt

from dmmix.registry import MODELS

__all__ = ["ResNeXt_CIFAR"]


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
