"""Evaluation and checkpoints of a moving average of the weights."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.engine import EMAHook as StockHook

from dmmix.registry import HOOKS


@HOOKS.register_module()
class EMAHook(StockHook):
    """Keeps an exponential moving average of the model, tests that and saves both.

    ``average = (1 - momentum) * average + momentum * weight`` after each update of the weights.
    In a checkpoint ``state_dict`` is the average, which is what one wants to use, and
    ``ema_state_dict`` what training goes on from.

    What differs from mmpretrain's hook of the same name:

    - the statistics of BatchNorm are averaged as the weights are (``update_buffers=True``); those
      of the last batches do not fit averaged weights;
    - several processes test and save one average of the statistics, not each its own;
    - with ``accumulative_counts`` it moves when the weights do, not with every batch;
    - other hooks that look at the model after validation still see the averaged one;
    - a ``momentum`` above 0.5, which must be a decay, is an error and not a warning.

    Config: ``default_hooks = dict(ema=dict(type='EMAHook', momentum=4e-5))``.

    Args:
        momentum: the share of the new weights, above 0 and at most 0.5: 1 minus the decay; 0.0002
            by default.
        update_buffers: average the buffers too.
        begin_epoch, begin_iter: until then the average is a copy of the weights.
        evaluate_on_ema, evaluate_on_origin: what is tested; both is allowed.
        others: of :class:`mmpretrain.engine.EMAHook`: ``interval``, ``ema_type``, ...

    Raises:
        ValueError: a ``momentum`` out of range.
    """

    # After hooks that look at the model while it is the average, before CheckpointHook.
    priority = "LOW"

    def __init__(
        self, momentum: float | None = None, update_buffers: bool = True, **kwargs: Any
    ) -> None:
        if momentum is not None and not 0 < momentum <= 0.5:
            hint = f"; for a decay of {momentum} it is {1 - momentum:.6g}" if momentum < 1 else ""
            raise ValueError(
                "EMAHook: momentum is the share of the new weights, above 0 and at most 0.5, got "
                f"{momentum}{hint}"
            )
        if momentum is not None:  # StochasticWeightAverage has none
            kwargs["momentum"] = momentum
        super().__init__(update_buffers=update_buffers, **kwargs)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Moves the average, where the weights were updated."""
        should_update = getattr(runner.optim_wrapper, "should_update", None)
        if should_update is None or should_update() or not self._ema_started(runner):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def after_train_epoch(self, runner: Runner) -> None:
        """Makes the averages of all processes one: what is tested and saved next."""
        self._sync_buffers()

    def before_val_epoch(self, runner: Runner) -> None:
        """Puts the average in the model's place."""
        if isinstance(runner._train_loop, IterBasedTrainLoop):  # which has no ends of epochs
            self._sync_buffers()
        super().before_val_epoch(runner)

    def _sync_buffers(self) -> None:
        # The weights are the same everywhere: so are their gradients.
        if is_distributed():
            all_reduce_params(self.ema_model.module.buffers(), op="mean")
