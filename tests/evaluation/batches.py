"""Random predictions, in one piece and as mmpretrain has them."""

import torch
from mmpretrain.structures import DataSample

from dmmix.evaluation import Predictions
from dmmix.registry import MODELS

HEAD = MODELS.build(dict(type="mmpretrain.ClsHead"))


def logits_and_labels(n, classes=7, soft=False, seed=0):
    """Random logits that are right more often than not."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    logits = torch.randn(n, classes, generator=generator)
    logits[torch.arange(n), labels] += 1.5
    if soft:
        labels = torch.rand(n, classes, generator=generator).softmax(1)
    return logits, labels


def in_one_piece(logits, labels):
    return Predictions(logits.softmax(dim=1), labels)


def one_by_one(logits, labels):
    """mmpretrain's data samples, as its heads make them."""
    if labels.is_floating_point():
        samples = [DataSample().set_gt_score(label) for label in labels]
    else:
        samples = [DataSample().set_gt_label(label.reshape(1)) for label in labels]
    return HEAD._get_predictions(logits, samples)


def split(logits, labels, size):
    """Batches of ``size``; the last one may be smaller."""
    return list(zip(logits.split(size), labels.split(size), strict=True))
