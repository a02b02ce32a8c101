"""Top-k accuracy of whole batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_gather_object
from mmpretrain.evaluation import metrics
from torch import Tensor

from dmmix.evaluation.collect import interleave
from dmmix.evaluation.predictions import Predictions
from dmmix.functional.ranges import Count
from dmmix.registry import METRICS

__all__ = ["Accuracy"]


@METRICS.register_module()
class Accuracy(metrics.Accuracy):
    """:class:`mmpretrain.evaluation.Accuracy` that also takes whole batches: same numbers.

    Config: ``val_evaluator = dict(type='Accuracy', topk=(1, 5))``. Of a batch that comes whole
    (:class:`~dmmix.evaluation.BatchEvaluator`) it keeps one bit a sample for each k and threshold,
    on the device until the last batch has been seen; ranks exchange these through their process
    group. Data samples are taken as mmpretrain does.

    Args:
        topk: counts a sample whose class is among the k highest scores; one k or several.
        thrs: counts it only if its score is above the threshold (``None``: always); one or several.
        collect_device: how ranks exchange data samples: ``'cpu'`` or ``'gpu'``.
        prefix: of the names, ``accuracy`` by default.

    Raises:
        ValueError: (when a batch comes) soft labels; a k above the number of classes. (At the end)
            both whole batches and data samples have come.
    """

    def __init__(
        self,
        topk: Count | Sequence[Count] = (1,),
        thrs: float | Sequence[float | None] | None = 0.0,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        if topk == [] or topk == ():
            raise ValueError(f"topk must name a k, got {topk!r}")
        super().__init__(topk, thrs, collect_device, prefix)
        self._hits: list[Tensor] = []

    def process_batch(self, predictions: Predictions) -> None:
        """Takes the predictions of a batch; nothing waits for the device."""
        if predictions.soft:
            raise ValueError(
                "Accuracy needs (N,) integer labels, got soft labels of shape "
                f"{tuple(predictions.labels.shape)}"
            )
        num_classes = predictions.scores.shape[1]
        if max(self.topk) > num_classes:
            raise ValueError(
                f"Top-{max(self.topk)} accuracy is unavailable since the number of categories is "
                f"{num_classes}. Please check the `val_evaluator` and `test_evaluator` fields in "
                "your config file."
            )
        self._hits.append(_hits(predictions, self.topk, self.thrs))

    def evaluate(self, size: int) -> dict[str, float]:
        """Accuracy in percent over the first ``size`` samples of all ranks; starts anew."""
        hits = torch.cat(self._hits).cpu() if self._hits else None
        self._hits.clear()
        gathered = all_gather_object((hits, bool(self.results)))
        parts = [hits for hits, _ in gathered if hits is not None]
        if not parts:
            return super().evaluate(size)
        if any(samples for _, samples in gathered):
            self.results.clear()
            raise ValueError(
                "Accuracy got whole batches and data samples in one evaluation: all batches must "
                "have labels (PackLabels) or all data_samples (PackInputs)"
            )
        hits = interleave(parts)[:size]
        percent = hits.sum(dim=0).float().mul_(100.0 / len(hits))
        return dict(zip(self._names(), percent.tolist(), strict=True))

    def _names(self) -> list[str]:
        """As mmpretrain names the results."""
        names = []
        for k in self.topk:
            for thr in self.thrs:
                suffix = "_no-thr" if thr is None else f"_thr-{thr:.2f}"
                names.append(f"{self.prefix}/top{k}{suffix if len(self.thrs) > 1 else ''}")
        return names


def _hits(predictions: Predictions, topk: Sequence[int], thrs: Sequence[float | None]) -> Tensor:
    """Whether a sample counts, (N, len(topk) * len(thrs))."""
    scores, classes = predictions.scores.float().topk(max(topk), dim=1)
    right = classes == predictions.labels[:, None]
    counted = [right if thr is None else right & (scores > thr) for thr in thrs]
    return torch.stack([hit[:, :k].any(dim=1) for k in topk for hit in counted], dim=1)
