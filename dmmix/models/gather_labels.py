"""The labels of mmpretrain's data samples in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpretrain.structures import DataSample
from torch import Tensor


def gather_labels(samples: Sequence[DataSample] | None, num_classes: int | None) -> Tensor | None:
    """(N,) integers, or (N, C) soft or multi-hot labels; ``None`` where there are none.

    Samples of several classes (or of none) are rows with a 1 for each of their classes.

    Args:
        samples: of a batch.
        num_classes: C, for multi-hot labels.

    Raises:
        ValueError: some samples have labels and others not, or scores and others classes; several
            classes a sample and no ``num_classes``, or a class that is not below it.
    """
    if not samples:
        return None
    scores, labels = ([name in sample for sample in samples] for name in ("gt_score", "gt_label"))
    if all(scores):
        return torch.stack([sample.gt_score for sample in samples])
    if not any(scores) and not any(labels):
        return None
    if any(scores) or not all(labels):
        raise ValueError(
            f"of the {len(samples)} samples of a batch {sum(scores)} have gt_score and "
            f"{sum(labels)} gt_label: all must have the same one"
        )
    classes = [sample.gt_label.reshape(-1) for sample in samples]
    if all(len(row) == 1 for row in classes):
        return torch.cat(classes)
    if num_classes is None:
        row = next(i for i, found in enumerate(classes) if len(found) != 1)
        raise ValueError(
            f"sample {row} of a batch has {len(classes[row])} classes (multi-label), which become "
            "a multi-hot target: say how many there are in data_preprocessor.num_classes"
        )
    targets = torch.zeros(len(classes), num_classes, device=classes[0].device)
    for row, found in enumerate(classes):
        if len(found) and not (found.min() >= 0 and found.max() < num_classes):
            raise ValueError(
                f"sample {row} of a batch has the classes {found.tolist()}, but "
                f"data_preprocessor.num_classes={num_classes}"
            )
        targets[row, found.long()] = 1
    return targets
