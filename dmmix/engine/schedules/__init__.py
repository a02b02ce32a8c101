"""Schedules that mmengine lacks. Importing it registers them."""

from dmmix.engine.schedules.partial_cosine import PartialCosineLR

__all__ = ["PartialCosineLR"]
