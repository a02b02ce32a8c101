"""mmpretrain's heads, taught :class:`~dmmix.functional.MixedLabels`."""

from dmmix.models.heads.dm_heads import (
    DMLinearClsHead,
    DMStackedLinearClsHead,
    DMVisionTransformerClsHead,
)
from dmmix.models.heads.mixed_labels_mixin import MixedLabelsMixin

__all__ = [
    "DMLinearClsHead",
    "DMStackedLinearClsHead",
    "DMVisionTransformerClsHead",
    "MixedLabelsMixin",
]
