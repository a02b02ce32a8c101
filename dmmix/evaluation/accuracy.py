"""Top-k accuracy of whole batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from mmengine.dist import all_gather_object
from mmpretrain.evaluation import metrics
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dmmix.evaluation.predictions import Predictions
from dmmix.functional.ranges import Count
from dmmix.registry import METRICS


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
        return dict(zip(accuracy_names(self), percent.tolist(), strict=True))


def accuracy_names(metric: metrics.Accuracy) -> Iterator[str]:
    """What mmpretrain calls the results of an accuracy."""
    for k in metric.topk:
        for thr in metric.thrs:
            suffix = "_no-thr" if thr is None else f"_thr-{thr:.2f}"
            yield f"{metric.prefix}/top{k}{suffix if len(metric.thrs) > 1 else ''}"


def _hits(predictions: Predictions, topk: Sequence[int], thrs: Sequence[float | None]) -> Tensor:
    """Whether a sample counts, (N, len(topk) * len(thrs))."""
    scores, classes = predictions.scores.float().topk(max(topk), dim=1)
    right = classes == predictions.labels[:, None]
    counted = [right if thr is None else right & (scores > thr) for thr in thrs]
    return torch.stack([hit[:, :k].any(dim=1) for k in topk for hit in counted], dim=1)


def interleave(parts: Sequence[Tensor]) -> Tensor:
    """First rows of all ranks, then second rows, ...: mmengine's ``collect_results``, as tensors.

    Samplers deal samples out like cards: rank r of R has samples r, r + R, r + 2R, ... Those that
    a sampler repeats so that all ranks have the same number come last; cut them off by the size of
    the dataset.

    Args:
        parts: one (n, ...) a rank, on the same device; n may differ.

    Returns:
        (sum of n, ...).
    """
    rows = pad_sequence(list(parts))  # (longest n, ranks, ...)
    lengths = torch.tensor([len(part) for part in parts], device=rows.device)
    return rows[torch.arange(len(rows), device=rows.device)[:, None] < lengths]
