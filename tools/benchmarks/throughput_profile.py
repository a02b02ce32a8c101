"""Where the time of dmmix's training goes: the parts of an iteration."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

LOADER = "loader"


class Parts:
    """Clocks of an iteration's parts; each counts what it takes without those inside it.

    What is outside of every part is the loader: making the next batch, and starting an epoch.

    Args:
        device: on a GPU it waits for the device wherever a part begins or ends, so that each part
            has its own time; the sum is more than an iteration takes without.
    """

    def __init__(self, device: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.device, self.clock = device, clock
        self.stack = [LOADER]
        self.reset()

    def reset(self) -> None:
        """Starts from zero, in whatever part this is."""
        self.totals: dict[str, float] = defaultdict(float)
        self.since = self.clock()

    def read(self, iterations: int) -> dict[str, float]:
        """Seconds an iteration, by part."""
        self._charge()
        return {name: total / iterations for name, total in self.totals.items()}

    def timed(self, name: str, function: Callable) -> Callable:
        """``function``, whose time is ``name``'s."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self.stack.append(name)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self.stack.pop()

        return call

    def watch(self, runner: Any) -> None:
        """Puts clocks around the parts of ``runner``'s training."""

        def put(owner: Any, attribute: str, name: str) -> None:
            setattr(owner, attribute, self.timed(name, getattr(owner, attribute)))

        model = runner.model
        put(runner, "call_hook", "hooks, logging")
        put(model.data_preprocessor, "forward", "preprocess")
        for transforms in (
            getattr(model.data_preprocessor, "before", []),
            getattr(model.data_preprocessor, "after", []),
        ):
            transforms[:] = [self.timed("augment", transform) for transform in transforms]
        if getattr(model, "_compiled_step", None) is not None:
            model._compiled_step = self.timed("compiled: mix, forward, loss", model._compiled_step)
        else:
            put(model, "extract_feat", "forward")
            put(model.head, "loss", "loss")
            if hasattr(model.mixup, "blend"):
                put(model.mixup, "blend", "mix")
        if model.mixup is not None:
            put(model.mixup, "mix", "mix")
            if hasattr(model.mixup, "draw"):
                put(model.mixup, "draw", "draws")
        put(model, "parse_losses", "sum of losses")
        # The training loop and the optimiser are built when training starts.
        runner.register_hook(_before_train(self, put), priority="VERY_HIGH")

    def _charge(self) -> None:
        if self.device != "cpu":
            import torch

            torch.cuda.synchronize()
        now = self.clock()
        self.totals[self.stack[-1]] += now - self.since
        self.since = now


def _before_train(parts: Parts, put: Callable) -> Any:
    from mmengine.hooks import Hook

    class Watch(Hook):
        def before_train(self, runner: Any) -> None:
            put(runner.train_loop, "run_iter", "rest")
            put(runner.optim_wrapper, "backward", "backward")
            put(runner.optim_wrapper, "step", "optimiser")
            put(runner.optim_wrapper, "zero_grad", "optimiser")

    return Watch()
