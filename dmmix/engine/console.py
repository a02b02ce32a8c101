"""What a run says on the terminal: what somebody waits for. All of it is in the log file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

#: How messages begin that nobody reads while a run starts, or that only the stack can act on.
_FOR_THE_FILE = (
    "Config:",
    "System environment:",
    "Hooks will be executed in the following order:",
    "Distributed training is not used",
    "Exp name:",
    "Checkpoints will be saved to",
    "Saving checkpoint at",
    "The previous best checkpoint",
    "paramwise_options --",
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)


def quiet_terminal(logger: logging.Logger, bar: bool = False) -> None:
    """Keeps from the terminal what is for the log file; from the level DEBUG on nothing is kept.

    Args:
        logger: mmengine's, with its handlers.
        bar: whether a bar shows what is logged of each epoch.
    """
    for handler in logger.handlers:
        if type(handler) is logging.StreamHandler and handler.level > logging.DEBUG:
            handler.addFilter(_Filter(bar))


class _Filter(logging.Filter):
    def __init__(self, bar: bool) -> None:
        super().__init__()
        self.unsaid = (*_FOR_THE_FILE, *(("Epoch(", "Iter(") if bar else ()))

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().strip(" \n-").startswith(self.unsaid)


class ProgressHook(Hook):
    """A bar with the time left, images a second, loss parts and the last accuracies.

    It shows what is logged when it is logged, and waits for no device. Lines of validations stay
    above it.

    Args:
        console: where it is; standard error by default.
    """

    priority = "VERY_LOW"

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress: Progress | None = None

    def before_train(self, runner: Any) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            _ImagesPerSecond(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[losses]}", table_column=Column(no_wrap=True, ratio=1)),
            console=self.console,
        )
        loader = getattr(runner.train_dataloader, "batch_size", None)
        self._task = self._progress.add_task(
            "training", total=runner.max_iters, completed=runner.iter, images=loader or 1, losses=""
        )
        self._progress.start()

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if self._progress is None:
            return
        scalars = runner.message_hub.log_scalars
        losses = {
            name.removeprefix("train/").removeprefix("loss_"): scalars[name].current()
            for name in scalars
            if name.startswith("train/loss") and len(scalars[name].data[0])
        }
        self._progress.update(
            self._task,
            completed=runner.iter + 1,
            description=f"epoch {runner.epoch + 1}",
            losses=_listed(losses),
        )

    def after_val_epoch(self, runner: Any, metrics: Mapping[str, float] | None = None) -> None:
        if self._progress is not None and metrics:
            self._progress.console.print(
                f"epoch {runner.epoch}: {_listed(metrics)}", highlight=False
            )

    def after_run(self, runner: Any) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class _ImagesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed * task.fields['images']:,.0f} images/s")


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
