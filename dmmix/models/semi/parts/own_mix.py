"""The mix that MixMatch and ReMixMatch are made of: everything with everything."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dmmix.mixups import Mix, PairMix, build_mix

__all__ = ["build_own_mix"]


def build_own_mix(config: Mapping | Mix | None) -> PairMix:
    r"""A mix of pairs in which each image keeps the larger share,
    :math:`\lambda' = \max(\lambda, 1 - \lambda)`; Mixup with ``alpha=0.75`` by default.

    Raises:
        ValueError: a mix that is not one of pairs, whose share is not drawn, or that looks into
            the network.
    """
    mix = build_mix({"type": "Mixup", "alpha": 0.75} if config is None else config)
    if not isinstance(mix, PairMix) or not mix.follows_lam or mix.needs_guide or mix.mixes_features:
        raise ValueError(
            f"mixup: {type(mix).__name__} is no mix of pairs of images with a share that is drawn; "
            "take Mixup, CutMix, FMix, ResizeMix or SaliencyMix"
        )
    mix.pair_with(_keep_the_larger_share)
    return mix


def _keep_the_larger_share(lam: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    return torch.maximum(lam, 1 - lam), index
