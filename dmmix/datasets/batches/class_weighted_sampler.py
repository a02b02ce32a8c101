"""Images of rare classes more often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from dmmix.arguments import Checked
from dmmix.datasets.arrays.rows import times_before
from dmmix.datasets.interface import LabelSource, class_names, is_multi_label, makes_repeats
from dmmix.functional.ranges import Probability
from dmmix.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassWeightedSampler(Checked, Sampler):
    r"""Draws with replacement, class :math:`c` of :math:`n_c` images with probability

    .. math:: p_c = n_c^q / \sum_j n_j^q

    and within a class each image alike: ``q = 0`` is the same for all classes, ``q = 0.5`` by the
    square root of their sizes, ``q = 1`` as they are. An epoch is as long as without it.

    To a data set that draws by index (``dmmix.datasets.interface.RepeatSource``), the k-th
    draw of an image in an epoch is a copy of its own, cropped anew.

    Config: ``train_dataloader = dict(sampler=dict(type='ClassWeightedSampler', q=0.5), ...)``.

    Args:
        dataset: with labels, one class a sample.
        q: in [0, 1].
        seed: of the draws, the same on all ranks; by default one of them draws it.

    Raises:
        ValueError: samples without a label, or of several classes.

    Source: Kang et al., *Decoupling Representation and Classifier for Long-Tailed Recognition*,
    ICLR 2020, equation 1.
    """

    def __init__(self, dataset: Any, q: Probability = 0.0, seed: int | None = None) -> None:
        self.dataset = dataset
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        labels = _labels(dataset)
        counts = np.bincount(labels)
        self._weights = torch.from_numpy(counts[labels] ** (float(q) - 1))
        makes_repeats(dataset)  # said before the first epoch

    def set_epoch(self, epoch: int) -> None:
        """Which epoch is drawn next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        total = len(self) * self.world_size
        drawn = torch.multinomial(self._weights, total, replacement=True, generator=generator)
        if makes_repeats(self.dataset):
            drawn += len(self.dataset) * torch.from_numpy(times_before(drawn.numpy()))
        return iter(drawn[self.rank :: self.world_size].tolist())

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.world_size)


def _labels(dataset: Any) -> np.ndarray:
    name = type(dataset).__name__
    if is_multi_label(dataset):
        raise ValueError(f"{name} has samples of several classes, and a class is drawn at a time")
    if isinstance(dataset, LabelSource):
        labels = np.asarray(dataset.get_gt_labels())
    else:
        found = [dataset.get_cat_ids(k) for k in range(len(dataset))]
        labels = np.asarray([one[0] if len(one) == 1 else -1 for one in found])
    if not len(labels) or labels.min() < 0:
        missing = np.flatnonzero(labels < 0)
        raise ValueError(
            f"{name} has no label for {len(missing)} of {len(labels)} samples"
            f"{f', the first is {missing[0]}' if len(missing) else ''}: classes cannot be drawn"
        )
    known = class_names(dataset)
    if known is not None and labels.max() >= len(known):
        raise ValueError(f"{name} has label {labels.max()} and {len(known)} classes")
    return labels
