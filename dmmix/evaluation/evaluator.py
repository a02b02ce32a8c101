"""An evaluator that hands batches on as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import Evaluator

from dmmix.evaluation.predictions import Predictions
from dmmix.registry import EVALUATORS


@EVALUATORS.register_module()
class BatchEvaluator(Evaluator):
    """:class:`mmengine.evaluator.Evaluator` that leaves a batch's predictions in one piece.

    A metric with a method ``process_batch(predictions)``, such as
    :class:`~dmmix.evaluation.Accuracy`, gets :class:`~dmmix.evaluation.Predictions`, on their
    device. Any other gets what it always got, one dict a sample; their tensors are on the CPU,
    where a batch is copied at once. Models that predict lists of data samples work as before.

    Config: ``val_evaluator = dict(type='BatchEvaluator', metrics=dict(type='Accuracy'))``.

    Args:
        metrics: a metric or its config, or a list of them.
    """

    def process(self, data_samples: Sequence, data_batch: Any = None) -> None:
        """Hands the predictions of a batch to each metric."""
        if not isinstance(data_samples, Predictions):
            super().process(data_samples, data_batch)
            return
        samples = None
        for metric in self.metrics:
            if hasattr(metric, "process_batch"):
                metric.process_batch(data_samples)
            else:
                samples = data_samples.cpu().dicts() if samples is None else samples
                metric.process(data_batch, samples)


def batch_evaluator(evaluator: Any) -> Any:
    """A :class:`BatchEvaluator` where the config of an evaluator asks for mmengine's plain one.

    Args:
        evaluator: as mmengine's runner takes it: the config of a metric, a list of metrics or
            configs, ``dict(metrics=...)``, or an evaluator.

    Returns:
        What to give to :meth:`mmengine.runner.Runner.build_evaluator`: an evaluator whose class
        was chosen, built or by ``type``, is handed back as it is.
    """
    if isinstance(evaluator, Mapping) and "metrics" not in evaluator:
        return BatchEvaluator(evaluator)
    if isinstance(evaluator, Mapping) and set(evaluator) == {"metrics"}:
        return BatchEvaluator(evaluator["metrics"])
    if isinstance(evaluator, list):
        return BatchEvaluator(evaluator)
    return evaluator
