"""Batches as tensors: images normalised, labels in one piece."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.utils import ClsDataPreprocessor
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.registry import MODELS

__all__ = ["MixupDataPreprocessor"]


@MODELS.register_module()
class MixupDataPreprocessor(ClsDataPreprocessor):
    """mmpretrain's preprocessing, with the labels of a training batch as one tensor.

    Takes batches of :class:`~dmmix.datasets.PackLabels` (``inputs``, ``labels``) and of
    mmpretrain's ``PackInputs`` (``inputs``, ``data_samples``). For training it returns
    ``inputs`` and ``labels``, (N,) integers or (N, C) soft labels; for evaluation ``inputs``
    and one data sample an image, as mmpretrain's metrics expect.

    Args: those of :class:`mmpretrain.models.ClsDataPreprocessor` but ``batch_augments``: mixing
        is the ``mixup`` of :class:`~dmmix.models.MixupClassifier`.
    """

    def __init__(self, *args: Any, batch_augments: None = None, **kwargs: Any) -> None:
        if batch_augments:
            raise ValueError(
                "train_cfg.augments / batch_augments: MixupClassifier mixes through its own "
                "argument, write model.mixup=dict(type=...) instead"
            )
        super().__init__(*args, **kwargs)

    def forward(self, data: dict, training: bool = False) -> dict:
        """``data`` as collated; returns what ``MixupClassifier.forward`` takes."""
        inputs = super().forward({"inputs": data["inputs"]}, training)["inputs"]
        labels, samples = data.get("labels"), data.get("data_samples")
        if training:
            labels = _gather_labels(samples) if labels is None else labels
            if labels is None:
                raise ValueError(
                    "a training batch needs 'labels' (PackLabels) or 'data_samples' (PackInputs), "
                    f"got {sorted(data)}"
                )
            return {"inputs": inputs, "labels": self.cast_data(labels)}
        if samples is None and labels is not None:
            samples = [_data_sample(label) for label in labels.cpu()]
        return {"inputs": inputs, "data_samples": self.cast_data(samples)}


def _gather_labels(samples: list[DataSample] | None) -> Tensor | None:
    if not samples:
        return None
    if "gt_score" in samples[0]:
        return torch.stack([sample.gt_score for sample in samples])
    return torch.cat([sample.gt_label for sample in samples])


def _data_sample(label: Tensor) -> DataSample:
    sample = DataSample()
    if label.is_floating_point():
        return sample.set_gt_score(label)
    return sample.set_gt_label(label.reshape(1))
