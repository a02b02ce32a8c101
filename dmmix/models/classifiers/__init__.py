"""Classifiers, and what all of them share."""

from dmmix.models.classifiers.base import BatchClassifier
from dmmix.models.classifiers.mixup_classifier import MixupClassifier

__all__ = ["BatchClassifier", "MixupClassifier"]
