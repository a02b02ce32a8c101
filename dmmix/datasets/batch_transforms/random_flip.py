"""Random flips, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.functional.ranges import Filled, Probability
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.transforms import draw_uniform, flip
from dmmix.functional.transforms.flip import Direction
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BatchRandomFlip(BatchTransform):
    """Each image flipped with a probability.

    The arguments of mmpretrain's (mmcv's) ``RandomFlip``.

    Args:
        prob: of a flip, in [0, 1]; for a list of directions shared equally among them, or a list
            with one probability for each, whose sum is at most 1.
        direction: ``'horizontal'``, ``'vertical'`` or ``'diagonal'`` (both at once), or a list of
            these, of which an image gets at most one.
    """

    def __init__(
        self,
        prob: Probability | Sequence[Probability] = 0.5,
        direction: Direction | Annotated[Sequence[Direction], Filled()] = "horizontal",
    ) -> None:
        directions = (direction,) if isinstance(direction, str) else tuple(direction)
        if isinstance(prob, (list, tuple)):
            if len(prob) != len(directions):
                raise ValueError(f"prob must have one number a direction, got {prob!r}")
            if sum(prob) > 1:
                raise ValueError(f"prob must sum to at most 1, got {prob!r}")
        self.prob = prob
        self.direction = direction

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        direction = self.direction
        directions = (direction,) if isinstance(direction, str) else direction
        probs: Any = self.prob
        if not isinstance(probs, (list, tuple)):
            probs = [probs / len(directions)] * len(directions)
        # The directions lie side by side in [0, 1), so that at most one of them is met.
        spot = draw_uniform(len(images), (0, 1), generator)
        ends = torch.tensor(probs, dtype=torch.float64).cumsum(0)
        chosen = torch.searchsorted(ends, spot, right=True)
        (chosen,) = to_device([chosen], images.device)
        for number, direction in enumerate(directions):
            images = flip(images, chosen == number, direction)
        return images
