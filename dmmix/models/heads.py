"""mmpretrain's heads, taught :class:`~dmmix.functional.MixedLabels`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from mmpretrain.models.heads import (
    LinearClsHead,
    MultiLabelLinearClsHead,
    StackedLinearClsHead,
    VisionTransformerClsHead,
)
from torch import Tensor

from dmmix.functional import MixedLabels, mixed_accuracy
from dmmix.functional.labels import as_mixed_labels
from dmmix.models.losses import DecoupledMixupBCELoss, MixupLoss
from dmmix.registry import MODELS

if TYPE_CHECKING:
    from mmpretrain.models import ClsHead as _Head
else:
    _Head = object


class MixedLabelsMixin(_Head):
    """Makes ``head.loss(feats, labels)`` take labels as one object for the batch.

    Stands before a :class:`mmpretrain.models.ClsHead` (or ``MultiLabelClsHead``) in the bases of a
    class. ``labels`` is
    :class:`~dmmix.functional.MixedLabels`, (N,) integers or (N, C) soft labels; a list of
    mmpretrain's data samples works as before.

    With one of our losses the parts are logged apart (``loss_mixup``, ``loss_decoupled``). Any
    other loss module gets integers where nothing is mixed, else (N, C) soft labels.

    Args:
        cal_mixed_acc: whether to log ``mixed_top1`` (the highest prediction is one of the
            classes mixed in) and ``mixed_top2`` (the two highest are exactly those mixed in; of
            a mix of k classes, the k highest), in percent. Of (N, C) targets under a loss with a
            sigmoid for each class, which may be multi-label, they say nothing and are left out.
        **kwargs: the head's own.
    """

    def __init__(self, *args: Any, cal_mixed_acc: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cal_mixed_acc = cal_mixed_acc

    def _get_loss(self, cls_score: Tensor, labels: Any, **kwargs: Any) -> dict[str, Tensor]:
        """mmpretrain calls this with the logits and whatever ``loss`` was given."""
        if isinstance(labels, list | tuple):
            return super()._get_loss(cls_score, labels, **kwargs)
        if isinstance(self.loss_module, MixupLoss):
            losses = self.loss_module.parts(cls_score, labels, **kwargs)
        else:
            target = _plain_target(labels, cls_score)
            losses = {
                "loss": self.loss_module(cls_score, target, avg_factor=cls_score.shape[0], **kwargs)
            }
        if self.cal_mixed_acc and not self._may_be_multi_label(labels):
            losses.update(_accuracy(cls_score, labels, getattr(self.loss_module, "k", 2)))
        return losses

    def _may_be_multi_label(self, labels: MixedLabels | Tensor) -> bool:
        """By the loss: to look at the values would wait for the device."""
        sigmoid = isinstance(self.loss_module, DecoupledMixupBCELoss) or getattr(
            self.loss_module, "use_sigmoid", False
        )
        return sigmoid and isinstance(labels, Tensor) and labels.is_floating_point()


def _plain_target(labels: MixedLabels | Tensor, logits: Tensor) -> Tensor:
    if isinstance(labels, Tensor):
        return labels
    if labels.classes.shape[1] == 1 and labels.smoothing is None:
        return labels.classes[:, 0]
    return labels.dense(logits.shape[1])


@torch.no_grad()
def _accuracy(logits: Tensor, labels: MixedLabels | Tensor, k: int) -> dict[str, Tensor]:
    if isinstance(labels, Tensor) and labels.is_floating_point():
        labels = MixedLabels.from_dense(labels, k, check=False)
    accuracy = mixed_accuracy(logits, as_mixed_labels(labels))
    percent = 100 / max(1, logits.shape[0])
    return {
        "mixed_top1": accuracy.top1.sum() * percent,
        "mixed_top2": accuracy.topk.sum() * percent,
    }


@MODELS.register_module()
class DMLinearClsHead(MixedLabelsMixin, LinearClsHead):
    """:class:`mmpretrain.models.LinearClsHead` that takes mixed labels."""


@MODELS.register_module()
class DMMultiLabelLinearClsHead(MixedLabelsMixin, MultiLabelLinearClsHead):
    """:class:`mmpretrain.models.MultiLabelLinearClsHead` that takes mixed labels.

    Its scores are sigmoids: images have any number of classes, those whose score is ``thr`` (0.5)
    or more. The targets are (N, C) multi-hot, the loss one with a sigmoid for each class.
    """


@MODELS.register_module()
class DMStackedLinearClsHead(MixedLabelsMixin, StackedLinearClsHead):
    """:class:`mmpretrain.models.StackedLinearClsHead` that takes mixed labels."""


@MODELS.register_module()
class DMVisionTransformerClsHead(MixedLabelsMixin, VisionTransformerClsHead):
    """:class:`mmpretrain.models.VisionTransformerClsHead` that takes mixed labels."""
