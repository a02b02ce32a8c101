"""Going on from a checkpoint: what it gives, what the config says, and what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop

from dmmix.compat import CheckpointError
from dmmix.datasets.interface import class_names
from dmmix.engine.loops import EpochTrainLoop
from dmmix.engine.processes import network_of
from dmmix.engine.resuming.rates import follow_schedules, names_of_weights, take_optimizer_state

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


_KEYS = ("model", "optim_wrapper", "param_scheduler", "auto_scale_lr", "train_cfg", "step")
#: What a loader does faster or slower with the same result.
_SPEED = {
    *("num_workers", "persistent_workers", "pin_memory", "pin_memory_device", "prefetch_factor"),
    *("timeout", "worker_init_fn", "multiprocessing_context"),
}
_WIDTH = 40
_ROWS = 30


def settings_of(runner: Any) -> dict[str, Any]:
    """Plain data: model, optimiser, schedule, training data, step, seed, processes, classes."""
    cfg = runner.cfg
    found = {key: cfg.get(key) for key in _KEYS if cfg.get(key) is not None}
    loader = cfg.get("train_dataloader")
    if isinstance(loader, Mapping):
        found["train_dataloader"] = {k: v for k, v in loader.items() if k not in _SPEED}
    found["seed"] = runner.seed
    found["processes"] = get_world_size()
    found["classes"] = class_names(runner.train_dataloader.dataset)
    found["batches_in_epoch"] = len(runner.train_dataloader)
    return _plain(found)


def differences(then: Mapping, now: Mapping) -> list[tuple[str, str, str]]:
    """Each setting that is another one: its name, what it was, what it is; ``-``: not there."""
    old, new = dict(_flat(then)), dict(_flat(now))
    names = dict.fromkeys((*old, *new))
    return [
        (name, *_told(old.get(name, _ABSENT), new.get(name, _ABSENT)))
        for name in names
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    ]


def table(rows: Sequence[tuple[str, str, str]]) -> str:
    """In columns."""
    head = ("setting", "checkpoint", "now")
    more = len(rows) - _ROWS
    shown = [head, *rows[:_ROWS]]
    wide = [max(len(row[k]) for row in shown) for k in range(2)]
    lines = [f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c}".rstrip() for a, b, c in shown]
    return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))


class _Absent:
    def __repr__(self) -> str:
        return "-"


_ABSENT = _Absent()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    kind = value if isinstance(value, type) or callable(value) else type(value)
    return getattr(kind, "__qualname__", type(kind).__qualname__)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping | list) for v in value):
        for k, part in enumerate(value):
            yield from _flat(part, f"{name}[{k}]")
    else:
        yield name, list(value) if isinstance(value, tuple) else value


def _told(old: Any, new: Any) -> tuple[str, str]:
    """Long lists by where they differ."""
    if isinstance(old, list) and isinstance(new, list) and max(len(old), len(new)) > 4:
        if len(old) != len(new):
            return f"{len(old)} of them", f"{len(new)} of them"
        at = next(k for k in range(len(old)) if old[k] != new[k])
        return _short(f"[{at}] = {old[at]!r}"), _short(f"[{at}] = {new[at]!r}")
    return _short(repr(old)), _short(repr(new))


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
