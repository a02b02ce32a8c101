"""The mix that MixMatch and ReMixMatch are made of: everything with everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Generator, Tensor

from dmmix.functional import Mixed
from dmmix.functional.semi.pseudo_labels import one_hot
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.mixups import Mix, RandomMix, RandomStream, build_mix, draw_for, step_generator
from dmmix.models.semi.parts.pairing import check_draws_pairs, paired


class OwnMix:
    r"""A mix of pairs in which each image keeps the larger share,
    :math:`\lambda' = \max(\lambda, 1 - \lambda)`.

    Args:
        mixup: the mix, or its config; ``None`` is Mixup with ``alpha=0.75``.

    Raises:
        ValueError: a mix that is not one of pairs, whose share is not drawn, or that looks into
            the network.
    """

    def __init__(self, mixup: Mapping | Mix | None = None) -> None:
        self.mixup = build_mix({"type": "Mixup", "alpha": 0.75} if mixup is None else mixup)
        if self.mixup.needs or isinstance(self.mixup, RandomMix):
            raise ValueError(
                f"mixup: {type(self.mixup).__name__} is no mix of pairs of images with a share "
                "that is drawn; take Mixup, CutMix, FMix, ResizeMix or SaliencyMix"
            )
        check_draws_pairs(self.mixup, "mixup")

    def __call__(
        self, labelled: Tensor, labels: Tensor, views: Sequence[Tensor], guess: Tensor
    ) -> tuple[Mixed, Generator]:
        """Labelled images (B, ch, H, W) with (B,) labels, and V views of unlabelled ones with one
        (M, C) guess, all mixed with all; and the generator of the draws.

        The labels are dense, (B + V M, C). Some mixes (GridMix) give the own image less than was
        drawn: :func:`rate_below_half`.
        """
        images = torch.cat([labelled, *views])
        targets = torch.cat([one_hot(labels, guess), *[guess] * len(views)])
        generator = step_generator(RandomStream.OWN_MIX)
        draws = draw_for(self.mixup, images, generator, partial(paired, change=_the_larger_share))
        return self.mixup.blend(images, targets, draws), generator


def rate_below_half(mixed: Mixed) -> Tensor:
    """The part of the samples of which the own image got less than half of the pixels."""
    share = mixed.mask.to(share_dtype(mixed.images)).mean((1, 2, 3))
    return (share < 0.5 - 2**-20).to(share.dtype).mean()


def _the_larger_share(lam: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    return torch.maximum(lam, 1 - lam), index
