"""Metrics and robustness, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.evaluation.accuracy import Accuracy
from dmmix.evaluation.evaluator import BatchEvaluator, batch_evaluator
from dmmix.evaluation.predictions import Predictions

__all__ = ["Accuracy", "BatchEvaluator", "Predictions", "batch_evaluator"]
