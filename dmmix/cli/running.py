"""What a command does with a config: builds of it, and says in one message what goes wrong."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dmmix.configuration.errors import UserError, explain, of_all_ranks, tells_all, unknown_type


def build_runner(cfg: Any) -> Any:
    """The runner of the config; dmmix's own unless ``runner_type`` names another."""
    from mmengine.registry import RUNNERS

    import dmmix.engine

    dmmix.engine.init_cpu_processes(cfg.launcher, cfg)
    if cfg.get("runner_type") is None:
        runner = dmmix.engine.DmmixRunner.from_cfg(cfg)
    else:
        runner = RUNNERS.build(cfg)
    _check_optimizer(cfg)
    return runner


def _check_optimizer(cfg: Any) -> None:
    """mmengine itself says of an unknown one that None is not callable."""
    from mmengine.registry import OPTIMIZERS

    optimizer = (cfg.get("optim_wrapper") or {}).get("optimizer")
    kind = optimizer.get("type") if isinstance(optimizer, dict) else None
    with OPTIMIZERS.switch_scope_and_registry(None) as optimizers:
        if isinstance(kind, str) and optimizers.get(kind) is None:
            raise UserError(unknown_type(kind, f"{optimizers.scope}::optimizer"))


@contextmanager
def config_scope(cfg: Any) -> Iterator[None]:
    """The registries that the config means: those of its ``default_scope``."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", "mmpretrain")):
        yield


def build_dataset(cfg: Any, dataset: Any) -> Any:
    """The dataset of a part of the config, such as ``cfg.train_dataloader.dataset``."""
    from dmmix.datasets import unwrap
    from dmmix.registry import DATASETS

    with config_scope(cfg):
        return unwrap(DATASETS.build(dataset))


def leave_processes() -> None:
    """The orderly end of a run that was started by a launcher."""
    import dmmix.engine

    dmmix.engine.leave_processes()


def watched(runner: Any, run: Callable[[], Any], show_traceback: bool) -> Any:
    """What ``run()`` gives; what goes wrong before its first batch is done is one message."""
    from mmengine.hooks import Hook

    class Watch(Hook):
        done = False

        def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
            self.done = True

        after_test_iter = after_train_iter

    watch = Watch()
    runner.register_hook(watch)
    with reported_errors(show_traceback, lambda: watch.done):
        return run()


@contextmanager
def starting() -> Iterator[None]:
    """While modules are imported and a runner is built, the garbage collector rests.

    They make a million objects and next to no garbage; going through them again and again took a
    quarter of the time to the first iteration. They stay to the end of the process, so no later
    collection looks at them either.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        if not gc.get_freeze_count():  # once a process: what is frozen, garbage too, stays
            gc.freeze()
            atexit.register(gc.unfreeze)  # the end takes it apart: triton reports what is left
    finally:
        if collecting:
            gc.enable()


@contextmanager
def reported_errors(
    show_traceback: bool, running: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Turns an error into one message on standard error and exit status 2.

    Once ``running()`` is true the mistake is not one of the config any more, and the error goes
    its usual way; but numbers that are not finite, and a full disk, are told in one message all
    the same.
    """
    try:
        yield
    except Exception as error:
        if running() and not tells_all(error):
            raise
        if of_all_ranks(error) and int(os.environ.get("RANK", 0)):
            sys.exit(2)
        if show_traceback:
            traceback.print_exc()
        print(f"\nerror: {explain(error)}", file=sys.stderr)
        if not show_traceback and not isinstance(error, UserError) and not tells_all(error):
            print("(--traceback shows where)", file=sys.stderr)
        sys.exit(2)


@contextmanager
def stoppable(how: str = "the same command goes on with it") -> Iterator[None]:
    """Ctrl-C ends a command that can be gone on with, and says ``how``."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nstopped; {how}", file=sys.stderr)
        sys.exit(130)
