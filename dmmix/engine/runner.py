"""mmengine's runner, with a resume that survives broken checkpoints."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DATASETS
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, Runner
from mmengine.runner.base_loop import BaseLoop
from torch import nn
from torch.utils.data import DataLoader, default_collate

from dmmix.arguments import check_argument
from dmmix.compat import CheckpointError
from dmmix.compat.fit import WRAPPED
from dmmix.datasets import BatchLoader, unwrap, whole_batch
from dmmix.datasets.interface import makes_batches, wraps_batches
from dmmix.datasets.sources.unwrapped import WRAPPERS
from dmmix.engine.auto_resume import first_usable, is_local
from dmmix.engine.checks.hook import RunChecksHook
from dmmix.engine.console import quiet_terminal
from dmmix.engine.hooks.dataset_epoch_hook import DatasetEpochHook
from dmmix.engine.hooks.finite_hook import FiniteHook
from dmmix.engine.hooks.fit_hook import FitHook
from dmmix.engine.hooks.model_events_hook import ModelEventsHook
from dmmix.engine.hooks.random_state_hook import RandomStateHook
from dmmix.engine.hooks.resume_hook import ResumeHook
from dmmix.engine.inferencer_config import add_inferencer_pipeline
from dmmix.engine.loops import EpochTrainLoop, IterTrainLoop
from dmmix.engine.optim_wrappers import StepOptimWrapper, count_frozen_weights
from dmmix.engine.processes import on_master
from dmmix.engine.resuming.folder import WorkFolder, keep_other_config
from dmmix.engine.resuming.go_on import go_on
from dmmix.engine.run_options import (
    check_dataloader,
    check_optim_wrapper,
    check_run,
    check_train_loop,
)
from dmmix.engine.step_options import StepOptions
from dmmix.evaluation import batch_evaluator
from dmmix.functional.ranges import Positive
from dmmix.registry import RUNNERS

#: Of mmengine's loops, those that go on at any batch.
_LOOPS = {"EpochBasedTrainLoop": EpochTrainLoop, "IterBasedTrainLoop": IterTrainLoop}


@RUNNERS.register_module()
class DmmixRunner(Runner):
    """:class:`mmengine.runner.Runner` that finds the checkpoint to go on from more carefully.

    With ``resume=True`` and no ``load_from``, it tries the checkpoint that ``last_checkpoint``
    names, then the other ``epoch_*.pth`` and ``iter_*.pth`` of the work folder, newest first. A
    damaged one is skipped with a warning. Where none can be used, but some are there, it raises: a
    fresh start would overwrite them. Where there are none at all, training starts from scratch.

    From there it trains as an uninterrupted run of its config would: rates and settings are the
    config's, what differs from the checkpoint's is told, and in the middle of an epoch it goes on
    with the next batch. A validation that was not come to is made up
    (:class:`~dmmix.engine.ResumeHook`). Another seed is refused.

    One run trains in a work folder at a time, and none writes over the checkpoints of another:
    ``overwrite = True`` of the config lets those of an earlier run go.

    Always among the hooks are a :class:`~dmmix.engine.RunChecksHook` and a
    :class:`~dmmix.engine.FitHook` (what does not fit together, or to the network, is told before
    the first step), a :class:`~dmmix.engine.RandomStateHook` (a resumed run draws what the
    uninterrupted one would have) and a :class:`~dmmix.engine.FiniteHook` (a run whose numbers are
    not finite ends). ``step = dict(...)`` of the config says how a training step is run: see
    :class:`~dmmix.engine.StepOptions`.

    The merged config is written to the work folder, but not over the file that it was read from,
    nor over another one. mmpretrain's ``ImageClassificationInferencer`` and ``get_model`` take it.

    A data loader whose dataset makes whole batches (``dataset.batched``) leaves them as they are,
    and without worker processes is a :class:`~dmmix.datasets.BatchLoader`. A wrapper of data sets
    (``ClassBalancedDataset``, ``KFoldDataset``, ...) is :func:`~dmmix.datasets.unwrap`-ped.

    Config: ``runner_type = 'DmmixRunner'``.

    Raises:
        FileNotFoundError: ``load_from`` names a local file that does not exist.
    """

    #: What a checkpoint is loaded for, 'train', 'resume' or 'test', and which one.
    purpose = "train"
    loading: str | None = None
    #: Whether its training writes to the work folder.
    writes = True
    _read: Any = None  # the checkpoint that is being resumed from
    _has_loaded: bool
    _folder: WorkFolder | None = None  # of a training that writes

    def __init__(self, *args: Any, load_from: str | None = None, **kwargs: Any) -> None:
        self._acting: dict[str, tuple[list, list]] = {}
        check_run({**kwargs, "load_from": load_from})
        _check_exists(load_from)
        super().__init__(*args, load_from=load_from, **kwargs)
        add_inferencer_pipeline(self.cfg)
        if self._train_loop is None:  # one that trains may have no right to the folder
            self._dump_config()

    def train(self) -> nn.Module:
        """As mmengine does, as the only run in its work folder.

        Raises:
            BlockingIOError: another run writes there.
            FileExistsError: checkpoints of an earlier run are there, and this one does not resume.
        """
        overwrite = self.cfg.get("overwrite", False)
        check_argument("config", "overwrite", overwrite, bool)
        if not self.writes:
            return super().train()
        self._folder = WorkFolder(self.work_dir, self._templates())
        torn = self._folder.begin(self._resume, overwrite, self._load_from)
        if torn:
            self.logger.info(f"Removed {torn} files that a killed run had never finished.")
        try:
            self._dump_config()
            self._adopt_seed()
            return super().train()
        finally:
            self._folder.end()

    def _templates(self) -> list[str]:
        return [hook.filename_tmpl for hook in self.hooks if isinstance(hook, CheckpointHook)]

    def _adopt_seed(self) -> None:
        """Where the config has none, that of the checkpoint: before it orders the data."""
        if not self._resume or self._randomness_cfg.get("seed") is not None:
            return
        file = self._load_from or self._choose()
        read = CheckpointLoader.load_checkpoint(file, map_location="cpu") if file else {}
        meta = read.get("meta", {})
        if type(meta.get("seed")) is int and meta["seed"] != self.seed:
            self._randomness_cfg.update(seed=meta["seed"])
            self.set_randomness(**self._randomness_cfg)

    @cached_property
    def step_options(self) -> StepOptions:
        """What the config says under ``step``."""
        return StepOptions.from_cfg(self.cfg)

    def build_logger(self, *args: Any, **kwargs: Any) -> Any:
        """As mmengine's; what nobody waits for is in the log file alone."""
        logger = super().build_logger(*args, **kwargs)
        quiet_terminal(logger)
        return logger

    def build_train_loop(self, loop: Any) -> BaseLoop:
        """As mmengine does, if ``train_cfg`` is what its loop takes.

        Its two loops are those that go on at any batch.
        """
        check_train_loop(loop)
        if isinstance(loop, Mapping):
            loop = dict(loop)
            if "type" in loop:
                name = getattr(loop["type"], "__name__", loop["type"]).split(".")[-1]
                loop["type"] = _LOOPS.get(name, loop["type"])
            elif "by_epoch" in loop:
                loop["type"] = EpochTrainLoop if loop.pop("by_epoch") else IterTrainLoop
        return super().build_train_loop(loop)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """As mmengine does, after what ``step`` asks of the model.

        Raises:
            ValueError: an unknown ``sync_bn``, or one that this device cannot do.
        """
        _check_sync_bn(self.cfg.get("sync_bn"), self.distributed)
        self.step_options.prepare(model)
        return super().wrap_model(model_wrapper_cfg, model)

    def _init_model_weights(self) -> None:
        """As mmengine does; the memory format does not change which weights a seed gives."""
        # Random numbers are filled in as they lie in memory.
        self.step_options.set_memory_format(self.model, torch.contiguous_format)
        super()._init_model_weights()
        self.step_options.set_memory_format(self.model, torch.channels_last)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """As mmengine does, with what ``step`` asks of the optimiser."""
        check_optim_wrapper(optim_wrapper)
        config = self.step_options.optim_wrapper(optim_wrapper)
        with count_frozen_weights(self.logger):
            wrapper = super().build_optim_wrapper(config)
        if config is not optim_wrapper:
            self.step_options.merge_groups(wrapper.optimizer)
        if isinstance(wrapper, StepOptimWrapper) and isinstance(
            self._train_loop, EpochBasedTrainLoop
        ):
            wrapper.epoch_length = len(self._train_loop.dataloader)
        return wrapper

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Multiplies the learning rates by the batch size over ``base_batch_size``.

        The batch size is what one update of the weights sees: that of a process, times the number
        of processes, times ``accumulative_counts`` (mmengine leaves the last one out).

        Raises:
            ValueError: ``base_batch_size`` is missing or no positive number.
        """
        options = auto_scale_lr or {}
        if not options.get("enable", False):
            return
        base = options.get("base_batch_size")
        check_argument("auto_scale_lr", "base_batch_size", base, Positive)
        loader = self._train_dataloader
        size = _batch_size(loader) if isinstance(loader, DataLoader) else loader["batch_size"]
        several = isinstance(optim_wrapper, OptimWrapperDict)
        for wrapper in optim_wrapper.values() if several else [optim_wrapper]:
            batches = wrapper._accumulative_counts
            ratio = size * self.world_size * batches / base
            self.logger.info(
                f"Learning rates times {ratio:g}: the batch is {size * self.world_size * batches} "
                f"({size} x {self.world_size} processes x {batches} batches an update), "
                f"base_batch_size {base}."
            )
            for group in wrapper.param_groups:
                group["lr"] *= ratio

    def build_evaluator(self, evaluator: Any) -> Any:
        """As mmengine does; metrics that can take whole batches get them whole."""
        return super().build_evaluator(batch_evaluator(evaluator))

    @staticmethod
    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> DataLoader:
        """As mmengine does; batches that the dataset makes as a whole are passed through."""
        check_dataloader(dataloader)
        if isinstance(dataloader, Mapping):
            dataloader = {**dataloader, "dataset": _unwrapped(dataloader.get("dataset"))}
        loader = Runner.build_dataloader(dataloader, *args, **kwargs)
        if not makes_batches(loader.dataset):
            if wraps_batches(loader.dataset) and _is_whole_batch(loader.collate_fn):
                loader.collate_fn = default_collate  # a wrapper that takes its batches apart
            return loader
        if loader.num_workers == 0:
            return BatchLoader(loader)  # pins no memory: the batch may be on the GPU already
        loader.collate_fn = whole_batch
        return loader

    def register_hooks(self, default_hooks: Any = None, custom_hooks: Any = None) -> None:
        """As mmengine does, plus the hooks that the same and finite numbers in every run need."""
        super().register_hooks(default_hooks, custom_hooks)
        kinds = (FitHook, RandomStateHook, DatasetEpochHook, ModelEventsHook, ResumeHook)
        for kind in (*kinds, RunChecksHook, FiniteHook):
            if not any(isinstance(hook, kind) for hook in self.hooks):
                self.register_hook(kind())

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """As mmengine does; of hooks that do nothing in a training step none is called in each.

        Which these are is found again where the hooks are others, and after any other event.
        """
        if fn_name not in ("before_train_iter", "after_train_iter"):
            self._acting.clear()
            super().call_hook(fn_name, **kwargs)
            return
        known, acting = self._acting.get(fn_name, ([], []))
        if known != self._hooks:
            acting = [hook for hook in self._hooks if _acts(hook, fn_name)]
            self._acting[fn_name] = list(self._hooks), acting
        for hook in acting:
            try:
                getattr(hook, fn_name)(self, **kwargs)
            except TypeError as error:
                raise TypeError(f"{error} in {hook}") from None

    def dump_config(self) -> None:
        """Nothing yet: mmengine calls it while the runner is built. See :meth:`train`."""

    @master_only
    def _dump_config(self) -> None:
        """As mmengine does, ``work_dir/NAME.py``, but never over the file that was read.

        Where that is the same file, ``NAME_full.py`` is written beside it. Another config of that
        name is kept as ``NAME_1.py`` and so on.
        """
        source = Path(self.cfg.filename) if self.cfg.filename else None
        target = Path(self.work_dir, source.name if source else f"{self.timestamp}.py")
        if source is not None and _same_file(source, target):
            target = target.with_stem(f"{source.stem}_full")
        kept = keep_other_config(target, self.cfg.pretty_text)
        if kept is not None:
            self.logger.warning(f"{target} was another config, which is {kept.name} now.")
        self.cfg.dump(target)

    def load_or_resume(self) -> None:
        """Load weights, or go on from a checkpoint, as ``load_from`` and ``resume`` say.

        Raises:
            FileNotFoundError: ``load_from`` names a local file that does not exist.
            dmmix.compat.CorruptCheckpointError: ``load_from`` names a damaged file.
            dmmix.compat.UnsafeCheckpointError: A checkpoint holds a class that is not allowed. Such
                a file is never skipped: somebody should look at it.
            dmmix.compat.CheckpointError: There are checkpoints to resume from, all unusable.
        """
        if self._has_loaded:
            return
        if self._load_from is not None or not self._resume:
            _check_exists(self._load_from)
            super().load_or_resume()
            # All is built and fits: only now may an earlier run's checkpoints be lost.
            gone = 0 if self._resume or self._folder is None else self._folder.let_go()
            if gone:
                self.logger.info(f"Removed {gone} checkpoints of an earlier run.")
            return
        checkpoint = self._choose()
        if checkpoint is None:
            self.logger.info(f"No checkpoint in {self.work_dir}: training starts from scratch.")
            return
        self.logger.info(f"Resuming from {checkpoint}.")
        self.resume(checkpoint)
        self._has_loaded = True

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict:
        """As mmengine does, if the weights fit the network (see ``FitHook``).

        Raises:
            dmmix.compat.CheckpointError: They do not.
        """
        self.loading = filename
        if len(args) < 3:  # map_location, strict, revise_keys
            kwargs.setdefault("revise_keys", [(WRAPPED, "")])
        with _named(filename, "loaded"):
            checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        if self.purpose == "resume":
            self._read = checkpoint
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """As mmengine does, if all of it fits; optimiser and schedules are set as the config says.

        Raises:
            dmmix.compat.CheckpointError: It does not, it has another seed, or something to go on
                from is missing.
        """
        self.purpose = "resume"
        options = dict(resume_optimizer=False, resume_param_scheduler=False)
        with _named(filename, "resumed"):
            super().resume(filename, **{**kwargs, **options})
            checkpoint, self._read = self._read, None
            go_on(self, filename, checkpoint)

    def test(self) -> dict:
        """As mmengine does; the checkpoint must have all weights of the network."""
        self.purpose = "test"
        return super().test()

    def val(self) -> dict:
        """As mmengine does; the checkpoint must have all weights of the network."""
        self.purpose = "test"
        return super().val()

    def _choose(self) -> str | None:
        return on_master(lambda: first_usable(self.work_dir, self._templates(), self.logger))


def _acts(hook: Any, event: str) -> bool:
    """Whether the hook does something there, by a method of its own or of its class."""
    if not isinstance(hook, Hook):
        return hasattr(hook, event)
    names = event, f"_{event.replace('_train', '')}"  # the second is what mmengine's own calls
    return any(
        name in vars(hook) or getattr(type(hook), name) is not getattr(Hook, name) for name in names
    )


@contextmanager
def _named(file: str, purpose: str) -> Iterator[None]:
    """What goes wrong with the content of a checkpoint is said with its name."""
    try:
        yield
    except CheckpointError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if _is_of_checks(error):
            raise
        raise CheckpointError(f"{file} cannot be {purpose}: {error!r}") from error


def _is_of_checks(error: Exception) -> bool:
    """Whether the checks of the run have raised it: then it says itself what it is about."""
    names = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return any(name.startswith("dmmix.engine.checks") for name in names)


def _unwrapped(dataset: Any) -> Any:
    """A wrapper of data sets, or its config, as one whose samples come straight from them."""
    if not isinstance(dataset, Mapping):
        return unwrap(dataset)
    kind = dataset.get("type")
    with DATASETS.switch_scope_and_registry(dataset.get("_scope_")) as registry:
        kind = registry.get(kind) if isinstance(kind, str) else kind
    wraps = inspect.isclass(kind) and issubclass(kind, WRAPPERS)
    return unwrap(DATASETS.build(dataset)) if wraps else dataset


def _is_whole_batch(collate: Any) -> bool:
    return whole_batch in (collate, getattr(collate, "func", None))


def _batch_size(loader: DataLoader) -> int:
    """Of a process; with a batch sampler of our own, that of the labelled images."""
    batches: Any = loader.batch_sampler
    return batches.batch_size if loader.batch_size is None else loader.batch_size


def _same_file(one: Path, other: Path) -> bool:
    """Also by way of links; a file that does not exist is no other's."""
    return one.exists() and other.exists() and one.samefile(other)


def _check_sync_bn(kind: Any, distributed: bool) -> None:
    if kind is None:
        return
    if kind not in ("torch", "mmcv"):
        raise ValueError(f"sync_bn must be 'torch', 'mmcv' or None, got {kind!r}")
    if not distributed:
        return  # mmengine puts plain BatchNorm in its place
    if get_device() == "cpu":
        raise ValueError(
            f"sync_bn={kind!r} needs a GPU in each process: torch has no synchronised BatchNorm on "
            "the CPU. Leave sync_bn out there; the SyncBuffersHook of configs/_base_ averages the "
            "statistics after each epoch"
        )
    if kind == "mmcv" and not _has_mmcv_ops():
        raise ValueError("sync_bn='mmcv' needs mmcv with compiled ops; take sync_bn='torch'")


def _has_mmcv_ops() -> bool:
    try:
        from mmcv.ops import SyncBatchNorm  # noqa: F401
    except ImportError:
        return False
    return True


def _check_exists(load_from: str | None) -> None:
    if load_from is not None and is_local(load_from):
        path = Path(load_from).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"load_from names a checkpoint that does not exist: {path}")
