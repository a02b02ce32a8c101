"""Early stopping that a resumed run goes on with."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import EarlyStoppingHook as _EarlyStoppingHook

from dmmix.registry import HOOKS


@HOOKS.register_module()
class EarlyStoppingHook(_EarlyStoppingHook):
    """mmengine's, and a run that is resumed has seen the validations before: it stops where an
    uninterrupted one stops.

    Args:
        monitor: the metric, ``accuracy/top1`` for example.
        **kwargs: those of mmengine's: ``patience``, ``min_delta``, ``rule`` and others.
    """

    def __init__(self, monitor: str, **kwargs: Any) -> None:
        super().__init__(monitor, **kwargs)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Its counts go with the checkpoint."""
        checkpoint["early_stopping"] = {"waited": self.wait_count, "best": float(self.best_score)}

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """And come back from it."""
        seen = checkpoint.get("early_stopping")
        if seen is not None and runner.purpose == "resume":
            self.wait_count, self.best_score = seen["waited"], seen["best"]
