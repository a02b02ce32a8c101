"""A trained network with its preprocessing: pixels in, logits out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dmmix.models.classifiers.base import BatchClassifier


class Logits(nn.Module):
    """Logits (N, C) of images (N, ch, H, W) with pixels 0 to 255, which it normalises itself.

    Only operations that a tracer follows are run, and nothing that a training alone needs.

    Args:
        model: the classifier of a checkpoint, in evaluation mode.
        channels: 3, where images are RGB; the network's own order of channels is seen to.

    Attributes:
        network: what predicts: of a classifier with a mean teacher the teacher's.
        mean, std: of RGB pixels 0 to 255; 0 and 1 where nothing is normalised.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, channels: int) -> None:
        super().__init__()
        self.network = model.tested if isinstance(model, BatchClassifier) else model
        preprocessor = model.data_preprocessor
        # Images are RGB, as the data sets of files make them, and whoever calls this.
        self.flips = bool(preprocessor.to_rgb) and channels == 3
        normalises = preprocessor._enable_normalize
        for name, value in (("mean", 0.0), ("std", 1.0)):
            kept = (
                getattr(preprocessor, name) if normalises else torch.full((channels, 1, 1), value)
            )
            self.register_buffer(name, kept.detach().clone())

    def forward(self, images: Tensor) -> Tensor:
        """(N, ch, H, W) of numbers from 0 to 255 to (N, C)."""
        return self.network(self.normalised(images))

    def normalised(self, images: Tensor) -> Tensor:
        """What the network itself takes."""
        images = images.float()
        return ((images.flip(1) if self.flips else images) - self.mean) / self.std
