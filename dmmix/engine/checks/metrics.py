"""What is measured, and what is chosen by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mmengine.evaluator import DumpResults, Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner
from mmpretrain.evaluation import Accuracy

from dmmix.engine.hooks.mixed_accuracy_hook import MixedAccuracyHook
from dmmix.evaluation.accuracy import accuracy_names


def check_topk(evaluator: Any, num_classes: int | None, where: str) -> None:
    """No metric asks for more classes than there are, or a ValueError."""
    for metric in _metrics(evaluator):
        topk = getattr(metric, "topk", None)
        if num_classes is None or topk is None:
            continue
        wanted = max(topk) if isinstance(topk, Sequence) else topk
        if wanted > num_classes:
            raise ValueError(
                f"{where}: {type(metric).__name__}(topk={topk}) for {num_classes} classes: each k "
                f"must be at most {num_classes}, topk=(1,) say"
            )


def check_monitors(runner: Runner) -> None:
    """What chooses the best checkpoint, stops early or lowers the rate is measured by somebody, or
    a ValueError."""
    wanted = list(_monitored(runner))
    if not wanted:
        return
    if runner._val_loop is None:
        for argument, value in wanted:
            runner.logger.warning("%s=%r has no effect: nothing is validated", argument, value)
        return
    names, prefixes, complete = _given(runner)
    for argument, value in wanted:
        known = value in names or any(value.startswith(f"{prefix}/") for prefix in prefixes)
        if complete and not known:
            there = [*sorted(names), *(f"{prefix}/..." for prefix in sorted(prefixes))]
            raise ValueError(
                f"{argument}={value!r}, but val_evaluator gives no such metric, only "
                f"{', '.join(map(repr, there)) or 'none'}"
            )


def drop_label_metrics(evaluator: Any) -> list[str]:
    """Takes out the metrics that compare with labels; their names."""
    if not isinstance(evaluator, Evaluator):
        return []
    kept = [m for m in evaluator.metrics if not _needs_labels(m)]
    dropped = [type(m).__name__ for m in evaluator.metrics if m not in kept]
    evaluator.metrics[:] = kept
    return dropped


def _needs_labels(metric: Any) -> bool:
    return type(metric).__module__.startswith(("mmpretrain.evaluation", "dmmix.evaluation"))


def _metrics(evaluator: Any) -> list[Any]:
    return list(evaluator.metrics) if isinstance(evaluator, Evaluator) else []


def _monitored(runner: Runner) -> Iterable[tuple[str, str]]:
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best is not None:
            names = hook.save_best if isinstance(hook.save_best, list) else [hook.save_best]
            yield from (("save_best", name) for name in names if name != "auto")
        if isinstance(hook, EarlyStoppingHook):
            yield "monitor", hook.monitor
    schedulers = runner.param_schedulers
    if isinstance(schedulers, dict):
        schedulers = [scheduler for group in schedulers.values() for scheduler in group]
    for scheduler in schedulers or ():
        if isinstance(name := getattr(scheduler, "monitor", None), str):
            yield "param_scheduler.monitor", name


def _given(runner: Runner) -> tuple[set[str], set[str], bool]:
    """Names of metrics, beginnings of such, and whether these are all that there can be."""
    names: set[str] = set()
    prefixes: set[str] = set()
    evaluator = runner.val_evaluator
    # A class of somebody else's may return what it likes.
    complete = getattr(type(evaluator), "evaluate", None) is Evaluator.evaluate
    for metric in _metrics(evaluator):
        if isinstance(metric, Accuracy):
            names |= set(accuracy_names(metric))
        elif metric.prefix is not None:
            prefixes.add(metric.prefix)
        elif not isinstance(metric, DumpResults):
            complete = False
    for hook in runner.hooks:
        if isinstance(hook, MixedAccuracyHook):
            names |= set(hook.names)
        elif type(hook).after_val_epoch is not Hook.after_val_epoch:
            # One of somebody else's may add metrics of its own.
            complete &= type(hook).__module__.startswith(("mmengine.", "mmpretrain.", "dmmix."))
    return names, prefixes, complete
