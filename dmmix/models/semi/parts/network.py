"""Backbone, neck and head of a classifier as one function from images to logits."""

from __future__ import annotations

from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

__all__ = ["Network"]


class Network(nn.Module):
    """Images to logits with the parts of a classifier, which it shares.

    Args:
        classifier: whose backbone, neck (if there is one) and head are used; the classifier itself
            does not become a part.
    """

    def __init__(self, classifier: ImageClassifier) -> None:
        super().__init__()
        self.backbone = classifier.backbone
        self.neck = classifier.neck if classifier.with_neck else None
        self.head = classifier.head

    def forward(self, images: Tensor) -> Tensor:
        """(N, ch, H, W) to (N, C)."""
        return self.head(self.extract_feat(images))

    def extract_feat(self, images: Tensor) -> tuple:
        """What the head takes."""
        feats = self.backbone(images)
        return feats if self.neck is None else self.neck(feats)
