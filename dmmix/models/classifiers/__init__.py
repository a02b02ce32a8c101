"""Classifiers that mix."""

from dmmix.models.classifiers.mixup_classifier import MixupClassifier

__all__ = ["MixupClassifier"]
