"""Wide residual networks with pre-activation, for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule, Sequential
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count, Range
from dmmix.registry import MODELS

_NORM = dict(type="BN")
_ACTIVATION = dict(type="ReLU", inplace=True)
_INIT = (
    dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
    dict(type="Constant", layer="_BatchNorm", val=1),
)


class _WideBlock(BaseModule):
    """norm, activation, 3 x 3; norm, activation, dropout, 3 x 3; plus the shortcut."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        activate_shortcut: bool,
        drop_rate: float,
        norm_cfg: dict,
        act_cfg: dict,
    ) -> None:
        super().__init__()
        self.norm1 = build_norm_layer(norm_cfg, in_channels)[1]
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm2 = build_norm_layer(norm_cfg, out_channels)[1]
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.act = build_activation_layer(act_cfg)
        self.dropout = nn.Dropout(drop_rate) if drop_rate > 0 else nn.Identity()
        self.shortcut = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        self.activate_shortcut = activate_shortcut

    def forward(self, x: Tensor) -> Tensor:
        activated = self.act(self.norm1(x))
        out = self.act(self.norm2(self.conv1(activated)))
        out = self.conv2(self.dropout(out))
        if self.shortcut is None:
            return out + x
        return out + self.shortcut(activated if self.activate_shortcut else x)


@MODELS.register_module()
class WideResNet(Checked, BaseBackbone):
    """Wide residual network, WRN-``depth``-``widen_factor``.

    A 3 x 3 stem with 16 channels; three stages ``layer1``, ``layer2``, ``layer3`` of
    (depth - 4) / 6 pre-activation blocks with 16, 32 and 64 times ``widen_factor`` channels, the
    last two of stride 2; normalisation and activation of the last stage's sum.

    There are two variants in use, with the same weights and number of them:

    - Zagoruyko's, the default: ReLU, PyTorch's BatchNorm, and in the first block of each stage
      the shortcut's 1 x 1 convolution reads the activated input.
    - that of MixMatch, FixMatch and the semi-supervised literature, which the decoupled mixup
      paper's code uses too: leaky ReLU, slowly moving statistics, and an activated shortcut in
      the first stage only: ``act_cfg=dict(type='LeakyReLU', negative_slope=0.1, inplace=True),
      norm_cfg=dict(type='BN', momentum=0.001, eps=0.001),
      activate_shortcut=(True, False, False)``.

    Unlike in a ResNet, the last normalisation of a block must not start at zero: a ReLU and a
    convolution come after it, and where a ReLU gets nothing but zeros no gradient passes, ever.

    Args:
        depth: 6 n + 4 layers; 28 is the usual.
        widen_factor: 2, 8 and 10 are the usual ones.
        in_channels, stem_channels: of the images and of the stem.
        strides: of the stages.
        activate_shortcut: for each stage, whether the 1 x 1 convolution of its first block's
            shortcut reads the activated input.
        drop_rate: dropout between the convolutions of a block, in [0, 1).
        norm_cfg, act_cfg: of all layers.
        out_indices: the stages to return, of 0, 1, 2.
        frozen_stages: that many stages, and the stem, are not trained; -1: none, 0: the stem.
        norm_eval: whether normalisation layers keep their statistics in training.
        init_cfg: Kaiming-normal convolutions (fan-out) if not given.

    Shapes:
        (N, 3, H, W) to a tuple with (N, 64 * widen_factor, H / 4, W / 4).

    Raises:
        ValueError: a depth that is not 6 n + 4, or an option out of range.

    Source: Wide Residual Networks (arXiv 1605.07146); the second variant: MixMatch
    (arXiv 1905.02249).
    """

    def __init__(
        self,
        depth: int = 28,
        widen_factor: Count = 10,
        in_channels: int = 3,
        stem_channels: int = 16,
        strides: Sequence[int] = (1, 2, 2),
        activate_shortcut: Sequence[bool] = (True, True, True),
        drop_rate: float = 0.0,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        out_indices: Sequence[int] = (2,),
        frozen_stages: Annotated[int, Range(-1, 3)] = -1,
        norm_eval: bool = False,
        init_cfg: Any = None,
    ) -> None:
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth must be 6 n + 4, n at least 1 (10, 16, 22, 28), got {depth}")
        for name, value in (("strides", strides), ("activate_shortcut", activate_shortcut)):
            if len(value) != 3:
                raise ValueError(f"{name} must have one entry for each of 3 stages, got {value}")
        if not 0 <= drop_rate < 1:
            raise ValueError(f"drop_rate must be in [0, 1), got {drop_rate}")
        if not out_indices or not set(out_indices) <= {0, 1, 2}:
            raise ValueError(f"out_indices must be some of 0, 1, 2, got {out_indices}")
        super().__init__(list(_INIT) if init_cfg is None else init_cfg)
        norm_cfg, act_cfg = dict(norm_cfg or _NORM), dict(act_cfg or _ACTIVATION)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.conv1 = nn.Conv2d(in_channels, stem_channels, 3, padding=1, bias=False)
        self.res_layers = ["layer1", "layer2", "layer3"]
        before, width = stem_channels, 16 * widen_factor
        for name, stride, activated in zip(
            self.res_layers, strides, activate_shortcut, strict=True
        ):
            blocks = [
                _WideBlock(
                    before if k == 0 else width,
                    width,
                    stride if k == 0 else 1,
                    bool(activated),
                    drop_rate,
                    norm_cfg,
                    act_cfg,
                )
                for k in range((depth - 4) // 6)
            ]
            self.add_module(name, Sequential(*blocks))
            before, width = width, 2 * width
        self.norm = build_norm_layer(norm_cfg, before)[1]
        self.act = build_activation_layer(act_cfg)
        self.feat_dim = before
        self._freeze_stages()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The maps of the stages in ``out_indices``."""
        x = self.conv1(x)
        maps = []
        for k, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if k in self.out_indices:
                maps.append(self.act(self.norm(x)) if k == 2 else x)
        return tuple(maps)

    def train(self, mode: bool = True) -> WideResNet:
        """As torch does; frozen parts, and with ``norm_eval`` all statistics, stay as they are."""
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen = [self.conv1, *(getattr(self, n) for n in self.res_layers[: self.frozen_stages])]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)
