"""The learning-rate range test: how the loss goes while the rate grows."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook, LoggerHook
from mmengine.runner import Runner

from dmmix.engine.hooks.finite_hook import FiniteHook
from dmmix.engine.hooks.resume_hook import ResumeHook

_KEPT = 0.9  # of the mean, with each loss
_SETTLED = 10  # updates after which it is a mean of enough losses
_EXPLODED = 4  # times the lowest smoothed loss
_SAFETY = 10


@dataclass
class RateRange:
    """What a range test saw, an entry an update.

    Attributes:
        rates: learning rates, of weights without a multiplier.
        losses: of the batches, before the update with that rate.
        smoothed: their exponential mean, :math:`s_k = \\frac{1 - \\beta}{1 - \\beta^k}
            \\sum_{i \\le k} \\beta^{k - i} l_i` with :math:`\\beta` = 0.9.
        exploded: whether the loss did, before the highest rate.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    exploded: bool = False

    def add(self, rate: float, loss: float) -> None:
        """The next entry; a loss that is not finite, or too high, is an explosion and the end."""
        if not math.isfinite(loss):
            self.exploded = True
            return
        self.rates.append(rate)
        self.losses.append(loss)
        before = self.smoothed[-1] * (1 - _KEPT ** len(self.smoothed)) if self.smoothed else 0.0
        mean = (_KEPT * before + (1 - _KEPT) * loss) / (1 - _KEPT ** len(self.losses))
        self.smoothed.append(mean)
        if len(self.smoothed) > _SETTLED:
            # A loss near 0 is soon four times as high, and harmless.
            start, low = self.smoothed[_SETTLED - 1], self.smoothed[self.best]
            self.exploded = mean > max(_EXPLODED * low, start)

    @property
    def best(self) -> int:
        """Where the smoothed loss was lowest, from the tenth update on; there must be one."""
        first = min(_SETTLED, len(self.smoothed)) - 1
        return min(range(first, len(self.smoothed)), key=self.smoothed.__getitem__)

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate where the smoothed loss was lowest; ``None`` where that is below the
        lowest rate, as of a loss that never fell."""
        rate = self.rates[self.best] / _SAFETY
        return rate if rate >= self.rates[0] else None


def lr_range_test(
    runner: Runner,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 100,
    told: Callable[[RateRange], None] = lambda seen: None,
) -> RateRange:
    """Trains while the learning rate grows by the same factor with each update.

    .. math:: r_k = r_0 \\, (r_n / r_0)^{k / (n - 1)}

    Weights with a multiplier (``paramwise_cfg``) keep it. Writes no checkpoint, and ends where the
    loss is not finite, or (from the tenth update on) smoothed above four times its lowest and
    above where it began.

    Args:
        runner: a new one that trains long enough, without schedules; it is of no use afterwards.
        lowest: first rate, above 0.
        highest: last rate.
        steps: updates, at least 2.
        told: called after each update.

    Raises:
        ValueError: the learning rate of the config is 0, and has nothing to grow by.

    Source: Cyclical learning rates for training neural networks (WACV 2017).
    """
    rising = _RisingRate(lowest, highest, steps, told)
    runner.register_hook(rising)
    runner.writes = False
    with suppress(_RangeDone):
        runner.train()
    return rising.seen


class _RangeDone(Exception):
    """Raised after the last update; nothing that follows it is run."""


class _RisingRate(Hook):
    priority = "LOWEST"  # all other hooks have acted

    def __init__(self, lowest: float, highest: float, steps: int, told: Callable) -> None:
        self._rates = [lowest * (highest / lowest) ** (k / (steps - 1)) for k in range(steps)]
        self._told = told
        self._losses: list[float] = []  # of the batches of this update
        self.seen = RateRange()

    def before_run(self, runner: Runner) -> None:
        # They would write, stop, or take an explosion for a fault.
        kinds = (CheckpointHook, EarlyStoppingHook, FiniteHook, LoggerHook, ResumeHook)
        runner._hooks = [hook for hook in runner.hooks if not isinstance(hook, kinds)]

    def before_train(self, runner: Runner) -> None:
        optimizer = runner.optim_wrapper.optimizer
        own = optimizer.defaults["lr"]
        if not own > 0:
            raise ValueError(
                f"optim_wrapper.optimizer.lr must be above 0 to grow by a factor, got {own}"
            )
        self._parts = [(group, group["lr"] / own) for group in optimizer.param_groups]
        self._set()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: dict | None = None
    ) -> None:
        self._losses.append(torch.as_tensor((outputs or {})["loss"]).item())
        if math.isfinite(self._losses[-1]) and not runner.optim_wrapper.should_update():
            return
        rate = self._rates[len(self.seen.rates)]
        self.seen.add(rate, sum(self._losses) / len(self._losses))
        self._told(self.seen)
        if self.seen.exploded or len(self.seen.rates) == len(self._rates):
            raise _RangeDone
        self._losses.clear()
        self._set()

    def _set(self) -> None:
        for group, multiplier in self._parts:
            group["lr"] = self._rates[len(self.seen.rates)] * multiplier
