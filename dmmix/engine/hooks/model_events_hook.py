"""Models that want to know what training does are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from dmmix.engine.processes import network_of
from dmmix.registry import HOOKS


@HOOKS.register_module()
class ModelEventsHook(Hook):
    """Calls what the model has of these methods:

    - ``see_dataset(dataset)`` before weights are initialised or loaded, with the dataset of the
      training loader;
    - ``start_training()`` before the first iteration, unless it is a resumed run;
    - ``after_update()`` after each update of the weights; with ``accumulative_counts`` not after
      each batch.

    The semi-supervised methods need it. A runner of type ``DmmixRunner`` always has one.
    """

    # Before EMAHook, which averages what after_update may have changed.
    priority = "HIGH"

    def __init__(self) -> None:
        self._model: nn.Module | None = None  # whose after_update is known
        self._after_update: Callable | None = None

    def before_run(self, runner: Runner) -> None:
        """The dataset is there, the weights are not."""
        loop = runner._train_loop
        if hasattr(loop, "dataloader"):
            _tell(runner, "see_dataset", loop.dataloader.dataset)

    def before_train(self, runner: Runner) -> None:
        """The weights are there."""
        if runner.iter == 0:
            _tell(runner, "start_training")

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """The weights may have changed."""
        if runner.model is not self._model:  # to ask a module for what it lacks takes its time
            self._model = runner.model
            self._after_update = getattr(network_of(runner.model), "after_update", None)
        if self._after_update is None:
            return
        should_update = getattr(runner.optim_wrapper, "should_update", None)
        if should_update is None or should_update():
            self._after_update()


def _tell(runner: Runner, event: str, *args: Any) -> None:
    method = getattr(network_of(runner.model), event, None)
    if method is not None:
        method(*args)
