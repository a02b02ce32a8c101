"""The losses of :mod:`dmmix.functional`, registered for configs."""

from dmmix.functional import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    MixupLoss,
)
from dmmix.registry import MODELS

__all__ = ["DecoupledMixupBCELoss", "DecoupledMixupLoss", "MixupCrossEntropyLoss", "MixupLoss"]

MODELS.register_module(module=DecoupledMixupLoss)
MODELS.register_module(module=MixupCrossEntropyLoss)
MODELS.register_module(module=DecoupledMixupBCELoss)
