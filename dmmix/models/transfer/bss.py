"""Batch spectral shrinkage."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dmmix.functional.ranges import Count, NonNegative
from dmmix.functional.transfer import batch_spectral_shrinkage
from dmmix.models.semi.supervised import Supervised
from dmmix.registry import MODELS


@MODELS.register_module()
class BSS(Supervised):
    r"""Fine-tuning with batch spectral shrinkage.

    .. math:: L = L_\mathrm{labelled} + w \sum_{i=1}^{k} \sigma_{-i}^2

    with the ``k`` smallest singular values :math:`\sigma_{-i}` of the features of the labelled
    images (what the head's classifier reads). They are an iteration that waits for a GPU.

    Args:
        shrinkage_weight: :math:`w`, 0 or more.
        k: singular values, at least 1; a batch must have as many images.
        others: as for :class:`~dmmix.models.semi.Supervised`; ``stream_mix`` adds ``+ DM``.

    Source: Catastrophic forgetting meets negative transfer (NeurIPS 2019).
    """

    def __init__(
        self, *args: Any, shrinkage_weight: NonNegative = 1e-3, k: Count = 1, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.shrinkage_weight = float(shrinkage_weight)
        self.k = k

    def labelled_losses(self, feats: tuple, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        shrinkage = batch_spectral_shrinkage(self.head.pre_logits(feats), self.k)
        return {
            **super().labelled_losses(feats, logits, labels),
            "loss_shrinkage": self.shrinkage_weight * shrinkage,
        }
