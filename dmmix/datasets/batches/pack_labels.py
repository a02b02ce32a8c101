"""The last step of a pipeline: an image tensor and a label, and no object around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackLabels(Checked, BaseTransform):
    """Packs a sample as ``inputs`` (ch, H, W) and ``labels``, for ``default_collate``.

    Needs ``img`` (H, W, ch) or (H, W) and ``gt_label`` (an integer) or ``gt_score`` (soft
    labels). The batch then holds two tensors, and no data sample an image.

    Args:
        num_classes: of multi-label data, whose ``gt_label`` is a list of classes: ``labels`` is
            (``num_classes``,) floats, 1 for each class of the sample, for DM(BCE).
    """

    def __init__(self, num_classes: Count | None = None) -> None:
        self.num_classes = num_classes

    def transform(self, results: dict) -> dict:
        """The packed sample.

        Raises:
            KeyError: a key is missing.
            ValueError: several classes without ``num_classes``, or one that is not below it.
        """
        if "img" not in results:
            raise KeyError(f"PackLabels needs 'img', the sample has {sorted(results)}")
        image = results["img"]
        if image.ndim == 2:
            image = image[..., None]
        image = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        if "gt_score" in results:
            label = torch.as_tensor(results["gt_score"], dtype=torch.float32)
        elif "gt_label" in results:
            label = self._target(results["gt_label"])
        else:
            raise KeyError(
                f"PackLabels needs 'gt_label' or 'gt_score', the sample has {sorted(results)}"
            )
        return {"inputs": image, "labels": label}

    def _target(self, label: Any) -> torch.Tensor:
        classes = np.atleast_1d(np.asarray(label, dtype=np.int64))
        if self.num_classes is None:
            if np.ndim(label):
                raise ValueError(
                    f"gt_label is {classes.tolist()}, several classes of one sample (multi-label): "
                    "say dict(type='PackLabels', num_classes=...) for a multi-hot target"
                )
            return torch.tensor(int(label))
        if len(classes) and not (classes.min() >= 0 and classes.max() < self.num_classes):
            raise ValueError(f"gt_label is {classes.tolist()}, num_classes={self.num_classes}")
        target = torch.zeros(self.num_classes)
        target[torch.from_numpy(classes)] = 1
        return target

    def __repr__(self) -> str:
        shown = "" if self.num_classes is None else f"num_classes={self.num_classes}"
        return f"{type(self).__name__}({shown})"
