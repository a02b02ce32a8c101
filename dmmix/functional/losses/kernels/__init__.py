"""Single-pass forms of the loss, and the one entry point that picks between them."""

from dmmix.functional.losses.kernels.dispatch import Backend, mixup_terms

__all__ = ["Backend", "mixup_terms"]
