"""Going on from a checkpoint: what it gives, what the config says, and what differs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop

from dmmix.compat import CheckpointError
from dmmix.engine.loops import EpochTrainLoop
from dmmix.engine.processes import network_of
from dmmix.engine.resuming.rates import follow_schedules, names_of_weights, take_optimizer_state
from dmmix.engine.resuming.settings import differences, settings_of, table

__all__ = ["add_settings", "check_seed", "go_on"]

SETTINGS, WEIGHTS = "settings", "weights_of_optimizer"
_SLOW = 3  # seconds


def add_settings(runner: Any, checkpoint: dict) -> None:
    """Puts in a checkpoint what :func:`go_on` compares and goes by."""
    checkpoint[SETTINGS] = settings_of(runner)
    if isinstance(runner.optim_wrapper, OptimWrapper) and "optimizer" in checkpoint:
        checkpoint[WEIGHTS] = _names(runner)


def check_seed(file: str, checkpoint: Mapping, seed: int | None) -> None:
    """Two seeds are two runs: other batches, and maybe other images that are trained on.

    Raises:
        CheckpointError: the checkpoint has another one.
    """
    saved = checkpoint["meta"].get("seed")
    if saved is not None and seed is not None and saved != seed:
        raise CheckpointError(
            f"{file} was trained with seed {saved}, and the config says {seed}: resume with "
            f"randomness.seed={saved} (--seed {saved}), or begin from its weights with load_from"
        )


def go_on(runner: Any, file: str, checkpoint: Mapping) -> None:
    """Everything but the weights, which are loaded: place, optimiser, schedules; tells the rest.

    Args:
        runner: with loop, optimiser and schedules as the config has them.
        file: the checkpoint's name.
        checkpoint: what was read.

    Raises:
        CheckpointError: its place is in the middle of an epoch of other batches, or the optimiser
            has other weights.
    """
    then = checkpoint.get(SETTINGS)
    then = then if isinstance(then, Mapping) else None
    loop = runner.train_loop
    loop._iter = _place(runner, file, then)
    rows = [] if then is None else differences(then, settings_of(runner))
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapper):
        saved = checkpoint["optimizer"]
        try:
            names = _names_in(checkpoint)
            lost = take_optimizer_state(wrapper, saved, names, _names(runner))
        except CheckpointError as error:
            raise CheckpointError(f"{file} cannot be resumed: {error}") from None
        if lost:
            runner.logger.warning(f"{file}, of the optimiser's state: {lost}.")
        if runner.param_schedulers:
            started = time.monotonic()
            follow_schedules(runner, checkpoint["param_schedulers"], saved["param_groups"])
            if time.monotonic() - started > _SLOW:
                runner.logger.info("The schedules were stepped through what was trained.")
    else:  # several optimisers
        wrapper.load_state_dict(checkpoint["optimizer"])
        for name, schedules in (runner.param_schedulers or {}).items():
            for schedule, state in zip(
                schedules, checkpoint["param_schedulers"][name], strict=True
            ):
                schedule.load_state_dict(state)
        runner.logger.warning(
            "There are several optimisers: their settings and schedules are the checkpoint's, "
            "whatever the config says."
        )
    if then is None:
        runner.logger.info(
            f"{file} says nothing of its settings: whether they are those of the config is not "
            "known. Rates and all else are as the config says."
        )
    elif rows:
        runner.logger.warning(
            f"{file} was trained with other settings; from here on those of the config hold:\n"
            + table(rows)
        )


def _names_in(checkpoint: Mapping) -> list[str] | None:
    names = checkpoint.get(WEIGHTS)
    count = sum(len(group["params"]) for group in checkpoint["optimizer"]["param_groups"])
    if names is None or (isinstance(names, list) and len(names) == count):
        return names
    raise CheckpointError(f"its {WEIGHTS} are {str(names)[:60]!r}, and must name {count} weights")


def _names(runner: Any) -> list[str]:
    return names_of_weights(network_of(runner.model), runner.optim_wrapper.optimizer)


def _place(runner: Any, file: str, then: Mapping | None) -> int:
    """The iteration to go on from, by the epochs of the present loader."""
    loop, epoch, step = runner.train_loop, runner.epoch, runner.iter
    if not isinstance(loop, EpochBasedTrainLoop):
        return step
    length = len(loop.dataloader)
    before = (then or {}).get("batches_in_epoch")
    if type(before) is not int or before < 1:
        whole = epoch > 0 and step % epoch == 0
        before = step // epoch if whole and step // epoch != length else length
    within = step - epoch * before
    if within == 0:
        return epoch * length
    if not 0 < within <= before:
        raise CheckpointError(
            f"{file} cannot be resumed: its iteration {step} is not in its epoch {epoch + 1} of "
            f"{before} batches; a run by iterations goes on with train_cfg.by_epoch=False"
        )
    if before != length:
        raise CheckpointError(
            f"{file} cannot be resumed: it is {within} batches into an epoch of {before}, and an "
            f"epoch has {length} now; resume with the batch size and the data of before, or from "
            "the end of an epoch"
        )
    if not isinstance(loop, EpochTrainLoop):
        raise CheckpointError(
            f"{file} cannot be resumed: it is {within} batches into an epoch, and "
            f"{type(loop).__name__} begins with whole ones; take EpochTrainLoop "
            "(by_epoch=True), or resume from the end of an epoch"
        )
    return epoch * length + within
