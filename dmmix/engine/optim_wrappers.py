"""The update of the weights: precision, groups of batches, gradient norms that nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from dmmix.arguments import Checked
from dmmix.engine.faults.checks import mark_bad_gradients
from dmmix.engine.faults.skipping import SkippedUpdates
from dmmix.functional.ranges import Count
from dmmix.registry import OPTIM_WRAPPERS

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@OPTIM_WRAPPERS.register_module()
class StepOptimWrapper(Checked, OptimWrapper):
    """:class:`mmengine.optim.OptimWrapper` in fp32, bfloat16 or float16, on any device.

    The norm that ``clip_grad`` measures stays on the device until it is logged.

    With ``accumulative_counts = n`` the weights are updated after every n batches, with the mean
    of their gradients, so n batches of equal size do what one of n times that size would (as long
    as no BatchNorm looks at them one by one). The last group of an epoch has the batches that are
    left, and the mean is over those; mmengine's goes on into the next epoch, where a resumed run
    has lost the gradients of the last.

    Args:
        accumulative_counts: batches of an update.
        precision: ``'fp32'``, or ``'bf16'`` or ``'fp16'`` for autocast in the forward pass.
            float16 comes with a scaled loss, whose scale is saved in checkpoints; an update with
            gradients that are not finite is left out, and the scale halved.
        non_finite: ``'skip'`` leaves out an update with a loss or a gradient that is not finite:
            weights, momentum, scale and buffers (BatchNorm's statistics) are as if its batches had
            not been. With ``accumulative_counts`` these are all of the group. It reads a number
            from the device each update. ``'stop'`` makes every update; that the run then ends is
            up to :class:`~dmmix.engine.FiniteHook`.
        others: those of :class:`mmengine.optim.OptimWrapper`.

    Attributes:
        epoch_length: batches of an epoch; ``None`` (an iteration-based loop) has no ends of epochs.
        skipped: what was left out; ``None`` for ``non_finite='stop'``.

    Raises:
        ValueError: another ``precision`` or ``non_finite``, or ``accumulative_counts`` that is no
            number of batches.
    """

    def __init__(
        self,
        *args: Any,
        accumulative_counts: Count = 1,
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        non_finite: Literal["stop", "skip"] = "stop",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, accumulative_counts=accumulative_counts, **kwargs)
        self.precision = precision
        self.skipped = SkippedUpdates() if non_finite == "skip" else None
        self._skipped_at = -1
        self.epoch_length: int | None = None
        self._scaler: torch.amp.GradScaler | None = None
        if precision == "fp16":
            device = self.optimizer.param_groups[0]["params"][0].device.type
            self._scaler = torch.amp.GradScaler(device)
        self._scalars: dict[str, Tensor] = {}

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        """Of the loss, in float16."""
        return self._scaler

    def optim_context(self, model: nn.Module) -> AbstractContextManager:
        """What the forward pass runs in."""
        if self.skipped is not None and self._ends_group(self._inner_count):
            self.skipped.start(model)  # a group has ended: the next one begins
        dtype = _DTYPES[self.precision]
        if dtype is not None:
            return self._autocast(model, dtype)
        # Where each batch is an update, no gradient waits for that of the next one.
        each = self._accumulative_counts == 1
        return nullcontext() if each else super().optim_context(model)

    @contextmanager
    def _autocast(self, model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype):
            yield

    # Groups of batches

    @property
    def accumulative_counts(self) -> int:
        """How many batches make one update."""
        return self._accumulative_counts

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """As mmengine's, which would warn where a run is resumed after an incomplete group."""
        if self.epoch_length is None:
            super().initialize_count_status(model, init_counts, max_counts)
        else:
            super().initialize_count_status(model, 0, max_counts)
            self._inner_count = init_counts

    def should_update(self) -> bool:
        """Whether the batch just seen was the last of its group, and the update not left out."""
        return self._ends_group(self._inner_count) and not self.has_skipped

    def should_sync(self) -> bool:
        """Whether the next batch is the last of its group."""
        return self._ends_group(self._inner_count + 1)

    @property
    def has_skipped(self) -> bool:
        """Whether the update after the batch just seen was left out."""
        return self._skipped_at == self._inner_count

    def _ends_group(self, count: int) -> bool:
        done = count if self.epoch_length is None else count % self.epoch_length
        return done % self._accumulative_counts == 0 or count == self._max_counts

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss over the number of batches in its group."""
        if self.epoch_length is None:
            return super().scale_loss(loss)
        done = self._inner_count % self.epoch_length
        start = done - done % self._accumulative_counts
        size = min(self._accumulative_counts, self.epoch_length - start)
        return loss / size if size > 1 else loss

    # The update

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Computes the gradients, of the scaled loss in float16."""
        if self.skipped is not None:
            self.skipped.see(loss)
        super().backward(loss if self._scaler is None else self._scaler.scale(loss), **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Updates the weights."""
        if self._scaler is not None and (self.clip_grad_kwargs or self.skipped is not None):
            self._scaler.unscale_(self.optimizer)
        if self.clip_grad_kwargs:
            self._clip_grad()
        if self.skipped is not None and self._skip(self.skipped):
            return
        if self._scaler is None:
            self.optimizer.step(**kwargs)
        else:
            self._scaler.step(self.optimizer, **kwargs)
            self._scaler.update()

    def _skip(self, skipped: SkippedUpdates) -> bool:
        """Whether the update is left out; if so, all is as it was before its batches."""
        flag = torch.zeros(1, device=self.optimizer.param_groups[0]["params"][0].device)
        mark_bad_gradients(self.optimizer, flag, torch.ones_like(flag))
        bad_loss, bad_gradient = skipped.faults(flag)
        if not (bad_loss or bad_gradient):
            skipped.made()
            return False
        self._skipped_at = self._inner_count
        self._scalars.clear()
        if self._scaler is None:
            skipped.undo()
        elif bad_loss:
            skipped.undo()
            self._scaler.update(self._scaler.get_scale())  # as it is: no scale helps
        else:
            skipped.undo(counts=False)
            self._scaler.update()
        return True

    def state_dict(self) -> dict:
        """That of the optimiser; in float16 also ``loss_scaler``, as mmengine's AmpOptimWrapper."""
        state = super().state_dict()
        if self._scaler is not None:
            state["loss_scaler"] = self._scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Takes the state of a run in any precision; without ``loss_scaler`` it starts anew."""
        state_dict = dict(state_dict)
        scaler = state_dict.pop("loss_scaler", None)
        if self._scaler is not None and scaler:
            self._scaler.load_state_dict(scaler)
        super().load_state_dict(state_dict)

    def pop_scalars(self) -> dict[str, Tensor]:
        """What was measured since the last call, by name; the values are still on the device."""
        scalars, self._scalars = self._scalars, {}
        return scalars

    def _clip_grad(self) -> None:
        weights = [
            weight
            for group in self.optimizer.param_groups
            for weight in group["params"]
            if weight.requires_grad and weight.grad is not None
        ]
        if weights:
            norm = self.clip_func(weights, **self.clip_grad_kwargs)
            if norm is not None:  # clipping by value measures none
                self._scalars[self.grad_name] = norm.detach()


_MARK = "is skipped since its requires_grad=False"


@contextmanager
def count_frozen_weights(logger: logging.Logger) -> Iterator[None]:
    """One line for all weights without a gradient, in the place of a warning for each.

    The optimiser's constructor of mmengine warns of each; a teacher has as many as its student, and
    they are meant to be left out.
    """
    parts: dict[str, int] = {}

    def told_once(record: logging.LogRecord) -> bool:
        name, found, _ = record.getMessage().partition(f" {_MARK}")
        if found:
            part = name.lstrip(".").partition(".")[0]
            parts[part] = parts.get(part, 0) + 1
        return not found

    logger.addFilter(told_once)
    try:
        yield
    finally:
        logger.removeFilter(told_once)
    if parts:
        told = ", ".join(f"{part}: {count}" for part, count in parts.items())
        logger.info(f"Weights that the optimizer leaves alone (requires_grad=False): {told}")
