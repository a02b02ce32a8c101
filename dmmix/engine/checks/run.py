"""All of it, for a run."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.runner import Runner

from dmmix.datasets.interface import class_names, has_labels
from dmmix.datasets.sources.match_classes import match_classes
from dmmix.engine.checks.batches import check_batches
from dmmix.engine.checks.classes import check_labels, check_num_classes, check_targets, head_classes
from dmmix.engine.checks.metrics import check_monitors, check_topk, drop_label_metrics

__all__ = ["check_test", "check_training"]


def check_training(runner: Runner) -> None:
    """Training data, validation data, model and metrics fit each other.

    Validation data whose classes have the training data's names in another order, or some of
    them, get the training data's numbers.

    Raises:
        ValueError: they do not.
    """
    loader = runner.train_dataloader
    check_batches(loader, "train_dataloader", runner.model)
    where = "train_dataloader.dataset"
    check_labels(runner.model, loader.dataset, where)
    check_num_classes(runner.model, loader.dataset, where)
    check_targets(runner.model, loader.dataset, where)
    check_monitors(runner)
    if runner._val_loop is None:
        return
    loader = runner.val_dataloader
    check_batches(loader, "val_dataloader")
    check_labels(runner.model, loader.dataset, "val_dataloader.dataset")
    _match(runner, "val_dataloader", class_names(runner.train_dataloader.dataset), "training data")
    check_num_classes(runner.model, loader.dataset, "val_dataloader.dataset")
    check_topk(runner.val_evaluator, head_classes(runner.model), "val_evaluator")


def check_test(
    runner: Runner, kind: str, names: Sequence[str] | None = None, of: str = "training data"
) -> None:
    """The same of a run that only tests or validates.

    Args:
        runner: whose loop is built.
        kind: ``'test'`` or ``'val'``.
        names: of the classes that the network was trained on; ``None`` where they are not known.
        of: whose names they are, for messages.

    Raises:
        ValueError: something does not fit.
    """
    loader = getattr(runner, f"{kind}_dataloader")
    evaluator = getattr(runner, f"{kind}_evaluator")
    where = f"{kind}_dataloader.dataset"
    check_batches(loader, f"{kind}_dataloader")
    if has_labels(loader.dataset) is False:
        if dropped := drop_label_metrics(evaluator):
            runner.logger.info("%s has no labels: no %s.", where, ", ".join(dropped))
        return
    _match(runner, f"{kind}_dataloader", names, of)
    check_topk(evaluator, head_classes(runner.model), f"{kind}_evaluator")


def _match(runner: Runner, name: str, classes: Sequence[str] | None, of: str) -> None:
    told = match_classes(getattr(runner, name).dataset, classes, f"{name}.dataset", of)
    if told:
        runner.logger.info(told)
