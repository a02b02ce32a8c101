"""ConvNeXt for small images."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ConvNeXt
from torch import nn

from dmmix.registry import MODELS

__all__ = ["ConvNeXt_CIFAR"]


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
