"""What of a run's config decides where training goes, and how that of a checkpoint differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.dist import get_world_size

from dmmix.datasets.interface import class_names

__all__ = ["differences", "settings_of", "table"]

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
