"""The last step of a pipeline: an image tensor and a label, and no object around them."""

from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from dmmix.registry import TRANSFORMS

__all__ = ["PackLabels"]


@TRANSFORMS.register_module()
class PackLabels(BaseTransform):
    """Packs a sample as ``inputs`` (ch, H, W) and ``labels``, for ``default_collate``.

    Needs ``img`` (H, W, ch) or (H, W) and ``gt_label`` (an integer) or ``gt_score`` (soft
    labels). The batch then holds two tensors, and no data sample an image.
    """

    def transform(self, results: dict) -> dict:
        """The packed sample.

        Raises:
            KeyError: a key is missing.
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
            label = torch.tensor(int(results["gt_label"]))
        else:
            raise KeyError(
                f"PackLabels needs 'gt_label' or 'gt_score', the sample has {sorted(results)}"
            )
        return {"inputs": image, "labels": label}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
