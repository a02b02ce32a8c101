"""What does not fit together in a run is said before it costs an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from dmmix.datasets.interface import class_names, has_labels
from dmmix.datasets.sources.match_classes import match_classes
from dmmix.engine.checks.data import (
    check_batches,
    check_labels,
    check_num_classes,
    check_targets,
    head_classes,
)
from dmmix.engine.checks.metrics import check_monitors, check_topk, drop_label_metrics
from dmmix.registry import HOOKS


@HOOKS.register_module()
class RunChecksHook(Hook):
    """Compares data, model, metrics and checkpoint where the run is built.

    Refused in one sentence are: other numbers of classes in head, preprocessor and data; classes
    of validation or test data that the training data or the checkpoint (its ``dataset_meta``) does
    not have; no batch in an epoch, or a last one of a single image under BatchNorm; a top-k of
    more classes than there are; training or validation data without labels; a ``save_best`` or
    ``monitor`` that nothing measures. Classes of the same names in another order, or some of them,
    get the training data's numbers. Test data without labels are predicted, and nothing is
    measured on them.

    A runner of type ``DmmixRunner`` always has one.
    """

    # Before any other looks at the data.
    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self._trains = False  # and that was looked at

    def before_run(self, runner: Runner) -> None:
        """Loaders and model are there, nothing is trained or loaded."""
        if isinstance(runner._train_loop, BaseLoop):
            if not self._trains:
                check_training(runner)
                self._trains = True
            names = class_names(runner.train_dataloader.dataset)
            for kind in _tests(runner):
                check_test(runner, kind, names)
            return
        for kind in _tests(runner) or _validates(runner):
            check_test(runner, kind)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Of a run that tests: the classes are those of the checkpoint."""
        if isinstance(runner._train_loop, BaseLoop):
            return
        names = _names(checkpoint)
        for kind in _tests(runner) or _validates(runner):
            if names is not None:
                check_test(runner, kind, names, "checkpoint")

    def before_test(self, runner: Runner) -> None:
        """The checkpoint is loaded, and may have had no names."""
        check_num_classes(runner.model, runner.test_dataloader.dataset, "test_dataloader.dataset")

    def before_val(self, runner: Runner) -> None:
        """The same, of a run that validates alone."""
        if not isinstance(runner._train_loop, BaseLoop):
            check_num_classes(runner.model, runner.val_dataloader.dataset, "val_dataloader.dataset")


def _tests(runner: Runner) -> list[str]:
    return ["test"] if isinstance(runner._test_loop, BaseLoop) else []


def _validates(runner: Runner) -> list[str]:
    return ["val"] if isinstance(runner._val_loop, BaseLoop) else []


def _names(checkpoint: Mapping) -> tuple[str, ...] | None:
    meta = checkpoint.get("meta") if isinstance(checkpoint, Mapping) else None
    data = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
    names = data.get("classes") if isinstance(data, Mapping) else None
    return tuple(map(str, names)) if isinstance(names, list | tuple) else None


def check_training(runner: Runner) -> None:
    """Training data, validation data, model and metrics fit each other, or a ValueError."""
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
    """The same of a run that only tests or validates (``kind``, ``'test'`` or ``'val'``).

    ``names`` are those of the classes that the network was trained on, where they are known, ``of``
    says whose, for messages.
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
