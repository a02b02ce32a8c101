"""Registered losses: the functions of :mod:`dmmix.functional` with their settings."""

from dmmix.models.losses.mixup_losses import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    MixupLoss,
)

__all__ = ["DecoupledMixupBCELoss", "DecoupledMixupLoss", "MixupCrossEntropyLoss", "MixupLoss"]
