"""RandAugment of whole batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.augment_plan import AugmentPlan, Draws
from dmmix.datasets.batch_transforms.augment_policies import parse_policies
from dmmix.datasets.batch_transforms.augment_presets import PRESETS
from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.functional.ranges import Count, Finite, NonNegative, Positive
from dmmix.functional.transforms.checks import check_bytes
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BatchRandAugment(BatchTransform):
    r"""RandAugment with policies and magnitudes of its own for each image.

    ``num_policies`` times a policy is drawn for each image, each equally likely and with
    replacement. It runs with its probability ``prob``, at the level

    .. math::
        l = \mathrm{clip}(\mathcal N(\mathtt{magnitude\_level}, \mathtt{magnitude\_std}), 0,
        \mathtt{total\_level}), \qquad
        m = v_1 + \frac{l}{\mathtt{total\_level}} (v_2 - v_1)

    with its ``magnitude_range`` :math:`(v_1, v_2)`; with probability ``random_negative_prob`` the
    magnitude is :math:`-m`. Policies, probabilities and ranges are those of mmpretrain's
    ``RandAugment``, so a config needs but another type. The pixels are those of
    ``torchvision.transforms.v2.functional`` (so a shear leaves the edge of the image in place,
    not the centre of its first pixel, up to .15 pixels away, as OpenCV's).

    Args:
        policies: a preset or a list of dicts as in mmpretrain.

            - ``'timm_increasing'``: that of mmpretrain;
            - ``'fixmatch'``: FixMatch and UDA, every magnitude uniform in its range. Their Cutout
              is a transform of its own, :class:`BatchCutout`.
        num_policies: how many are drawn for each image, at least 1.
        magnitude_level: at least 0; with a ``magnitude_std`` no magnitude goes beyond its range,
            without one that of a level above ``total_level`` does. ``None``: as in the preset, 9
            (``'fixmatch'``: 10). So is ``None`` for ``hparams``.
        magnitude_std: of the level. 0, below 0 or ``None``: it does not change. ``'inf'``: it is
            uniform in [0, ``magnitude_level``]. ``'preset'``: .5 (``'fixmatch'``: ``'inf'``).
        total_level: the level of the second end of a range, above 0.
        hparams: ``pad_val`` (the colour of what lies outside, in [0, 255], one number or one for
            each channel in their order) and ``interpolation`` (``'nearest'``, ``'bilinear'``,
            ``'bicubic'``) for the policies that have none of their own. By default
            ``dict(pad_val=128)`` and what mmpretrain's transforms have, bicubic for shears,
            otherwise nearest; ``'fixmatch'``: black and nearest.
        channel_order: ``'rgb'`` or ``'bgr'``, of the images: for their grey values.

    The types of policies are ``AutoContrast``, ``Brightness``, ``ColorTransform``, ``Contrast``,
    ``Equalize``, ``Identity``, ``Invert``, ``Posterize``, ``Rotate``, ``Sharpness``, ``Shear``,
    ``Solarize``, ``SolarizeAdd`` and ``Translate``, with mmpretrain's options. Two have one more,
    ``rounding``: ``'ceil'``, ``'floor'``, ``'nearest'`` or ``'trunc'``, of the bits of a
    ``Posterize`` (``'ceil'``) and the pixels of a ``Translate`` (not rounded).

    Images are uint8, of 1 or 3 channels.

    Raises:
        TypeError, ValueError: an argument of a wrong type or value; images that are not uint8.

    Example::

        model = dict(data_preprocessor=dict(batch_transforms=[
            dict(type='BatchRandAugment', policies='timm_increasing', num_policies=2,
                 total_level=10, magnitude_level=9, magnitude_std=0.5,
                 hparams=dict(pad_val=[124, 116, 104], interpolation='bicubic'))]))

    Source: RandAugment (arXiv 1909.13719), FixMatch (arXiv 2001.07685, table 12).
    """

    def __init__(
        self,
        policies: str | Sequence[Mapping[str, Any]] = "timm_increasing",
        num_policies: Count = 2,
        magnitude_level: NonNegative | None = None,
        magnitude_std: Finite | Literal["inf", "preset"] | None = "preset",
        total_level: Positive = 10,
        hparams: Mapping[str, Any] | None = None,
        channel_order: Literal["rgb", "bgr"] = "rgb",
    ) -> None:
        if isinstance(policies, str) and policies not in PRESETS:
            raise ValueError(f"policies must be one of {sorted(PRESETS)}, got {policies!r}")
        preset = PRESETS[policies if isinstance(policies, str) else "timm_increasing"]
        configs = preset.policies if isinstance(policies, str) else policies
        self.policies = parse_policies(configs, preset.hparams if hparams is None else hparams)
        self.num_policies = num_policies
        self.total_level = total_level
        self.magnitude_level = (
            preset.magnitude_level if magnitude_level is None else magnitude_level
        )
        if self.magnitude_level > 10 * total_level:
            raise ValueError(
                f"magnitude_level must be at most 10 times total_level ({total_level:g}), which "
                f"is the second end of each range, got {self.magnitude_level:g}"
            )
        self.magnitude_std = preset.magnitude_std if magnitude_std == "preset" else magnitude_std
        self.channel_order = channel_order
        self._low, self._high, self._prob, self._negative_prob = np.array(
            [(p.low or 0, p.high or 0, p.prob, p.negative_prob) for p in self.policies]
        ).T
        self._plan = AugmentPlan(self.policies, channel_order)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        check_bytes(images)
        return self._plan.run(images, self.draw(len(images), generator))

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if k[0] != "_"}
        shown["policies"] = [policy.type for policy in self.policies]
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def draw(self, n: int, generator: Generator) -> Draws:
        """The policies and magnitudes of ``n`` images."""
        shape = (self.num_policies, n)
        choice = torch.randint(len(self.policies), shape, generator=generator).numpy()
        uniform = torch.rand((2, *shape), dtype=torch.float64, generator=generator).numpy()
        low, high = self._low[choice], self._high[choice]
        magnitude = low + self._levels(shape, generator) / self.total_level * (high - low)
        negative = uniform[1] < self._negative_prob[choice]
        return Draws(
            choice=choice,
            active=uniform[0] < self._prob[choice],
            magnitude=np.where(negative, -magnitude, magnitude),
        )

    def _levels(self, shape: tuple[int, int], generator: Generator) -> np.ndarray | float:
        std = self.magnitude_std
        if std == "inf":
            draws = torch.rand(shape, dtype=torch.float64, generator=generator)
            return draws.numpy() * self.magnitude_level
        if std is None or std <= 0:
            return self.magnitude_level
        draws = torch.randn(shape, dtype=torch.float64, generator=generator)
        return (draws.numpy() * std + self.magnitude_level).clip(0, self.total_level)
