"""The heads, one line each: mmpretrain's own plus the mixin."""

from mmpretrain.models.heads import (
    LinearClsHead,
    StackedLinearClsHead,
    VisionTransformerClsHead,
)

from dmmix.models.heads.mixed_labels_mixin import MixedLabelsMixin
from dmmix.registry import MODELS

__all__ = ["DMLinearClsHead", "DMStackedLinearClsHead", "DMVisionTransformerClsHead"]


@MODELS.register_module()
class DMLinearClsHead(MixedLabelsMixin, LinearClsHead):
    """:class:`mmpretrain.models.LinearClsHead` that takes mixed labels."""


@MODELS.register_module()
class DMStackedLinearClsHead(MixedLabelsMixin, StackedLinearClsHead):
    """:class:`mmpretrain.models.StackedLinearClsHead` that takes mixed labels."""


@MODELS.register_module()
class DMVisionTransformerClsHead(MixedLabelsMixin, VisionTransformerClsHead):
    """:class:`mmpretrain.models.VisionTransformerClsHead` that takes mixed labels."""
