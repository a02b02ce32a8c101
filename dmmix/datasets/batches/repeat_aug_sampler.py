"""Several augmented versions of each image in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmpretrain.datasets import RepeatAugSampler as _RepeatAugSampler

from dmmix.arguments import Checked
from dmmix.datasets.interface import makes_repeats
from dmmix.functional.ranges import Count
from dmmix.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class RepeatAugSampler(Checked, _RepeatAugSampler):
    """Each drawn image ``num_repeats`` times, and an epoch as long as without.

    The order is mmpretrain's: a permutation, each entry repeated, dealt out to the ranks, of which
    each takes as many as it would have without repeats. (So an epoch sees a third of the images
    three times, with ``num_repeats=3``.)

    A dataset that draws by index would crop all copies alike. To one that says so
    (``dataset.repeats``, as :class:`~dmmix.datasets.DecodedImages`) copy ``k`` of sample ``i`` is
    therefore ``i + k * len(dataset)``.

    Args:
        dataset: that is sampled.
        shuffle: draw a permutation in each epoch.
        num_repeats: copies of each image, at least 1.
        seed: of the permutation, the same on all ranks.

    Raises:
        ValueError: ``num_repeats`` below 1; a wrapper around such a dataset, which hides it
            (:func:`~dmmix.datasets.unwrap` finds it).

    Source: Hoffer et al., *Augment your batch*, CVPR 2020; Touvron et al., DeiT, ICML 2021.
    """

    def __init__(
        self, dataset: Any, shuffle: bool = True, num_repeats: Count = 3, seed: int | None = None
    ) -> None:
        makes_repeats(dataset)  # said before the first epoch
        super().__init__(dataset, shuffle=shuffle, num_repeats=num_repeats, seed=seed)

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = torch.arange(n)
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed + self.epoch)
            order = torch.randperm(n, generator=generator)
        step = n if makes_repeats(self.dataset) else 0
        indices = (order[:, None] + step * torch.arange(self.num_repeats)).flatten()
        # As many more as make it the same number for each rank, from the start again.
        times = -(-self.total_size // len(indices))
        indices = indices.repeat(times)[: self.total_size][self.rank :: self.world_size]
        return iter(indices[: self.num_selected_samples].tolist())
