"""One cell of a sweep: its folder, its config, the command that trains it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import fingerprint
from dmmix.configuration.python_text import assignments
from dmmix.configuration.reading import read_file
from dmmix.configuration.shipped import CONFIGS, PREFIX
from dmmix.experiments.grid.sweep_file import AXES, Sweep, matches
from dmmix.experiments.paper.settings import loss_config, mix_config, recipe_settings

#: Options of a recipe's loss that stay when the objective is another, by the types that have them.
_KEPT = {
    "label_smoothing": ("MixupCrossEntropyLoss", "DecoupledMixupLoss"),
    "class_weight": None,
    "reduction": None,
    "loss_weight": None,
}


@dataclass(frozen=True, eq=False)
class Cell:
    """A training.

    Attributes:
        sweep: what it is a cell of.
        point: the name of its value on each axis.
        folder: where all of it goes.
    """

    sweep: Sweep
    point: dict[str, str]
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def config(self) -> Path:
        return self.folder / "config.py"

    @property
    def recipe(self) -> str:
        return self.sweep.recipe(self.point)

    def command(self, processes: int = 1, resume: bool = False) -> list[str]:
        """What trains it.

        Args:
            processes: above 1: that many, started by torchrun on this machine.
            resume: go on from the latest checkpoint in the folder.
        """
        program = [sys.executable]
        if processes > 1:
            program += ["-m", "torch.distributed.run", "--standalone"]
            program += [f"--nproc_per_node={processes}"]
        program += ["-m", "dmmix", "train", str(self.config)]
        program += ["--work-dir", str(self.folder)]
        if processes > 1:
            program += ["--launcher", "pytorch"]
        return [*program, "--resume"] if resume else program

    def shown_command(self, processes: int = 1) -> str:
        """The command as it is typed in this folder."""
        parts = [_shorter(part) for part in self.command(processes)]
        return subprocess.list2cmdline(parts) if os.name == "nt" else shlex.join(parts)

    @cached_property
    def changes(self) -> dict[str, Any]:
        """What its config has beside the recipe."""
        point, sweep, recipe = self.point, self.sweep, _read(CONFIGS / self.recipe)
        mixup, objective = point.get("mixup"), point.get("objective")
        model: dict[str, Any] = {}
        settings: dict[str, Any] = {}
        if mixup is not None:
            mix = sweep.axes["mixup"][mixup]
            if not isinstance(mix, dict):
                settings = recipe_settings(mixup, self.recipe)
                mix = mix_config(mixup, objective or "mce", self.recipe)
            model["mixup"] = _instead(plain(mix), recipe.model.get("mixup"))
        if objective is not None:
            old = recipe.model.head.get("loss")
            loss = sweep.axes["objective"][objective]
            if not isinstance(loss, dict):
                loss = _with_kept(loss_config(objective, mixup or "none", self.recipe), old)
            model["head"] = dict(loss=_instead(plain(loss), old))
        _set_numbers(model, point, sweep.axes)
        changes: dict[str, Any] = dict(model=model) if model else {}
        _merge(changes, settings)
        _merge(changes, _subset(point, sweep, recipe))
        if "epochs" in point:
            _merge(changes, _epochs(int(point["epochs"]), recipe))
        if "seed" in point:
            _merge(changes, dict(randomness=dict(seed=int(point["seed"]))))
        _merge(changes, sweep.overrides)
        for special in sweep.special:
            if matches(point, special["where"]):
                _merge(changes, special["set"])
        for axis, name in point.items():
            if axis not in AXES:
                _merge(changes, sweep.axes[axis][name])
        _merge(changes, self._validation(changes, recipe))
        return changes

    @cached_property
    def merged(self) -> Any:
        """The whole config, as dmmix train reads it."""
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "config.py"
            file.write_text(self.text(), encoding="utf-8")
            return _read(file)

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        return fingerprint(self.merged)

    @property
    def max_epochs(self) -> int | None:
        """Of the whole training; ``None`` where it counts iterations."""
        return self.merged.train_cfg.get("max_epochs")

    @property
    def steps(self) -> int:
        """Epochs, or iterations where it counts those."""
        return self.max_epochs or self.merged.train_cfg.max_iters

    def description(self) -> dict[str, Any]:
        """What cell.json says of it."""
        return dict(
            sweep=self.sweep.name,
            cell=self.name,
            axes=self.point,
            recipe=self.recipe,
            published=self.sweep.published_value(self.point),
            published_note=self.sweep.published.note or None,
            baseline=self.sweep.baseline,
            metric=self.sweep.metric,
            key=self.sweep.key,
            steps=self.steps,
            by_epoch=self.max_epochs is not None,
            fingerprint=self.fingerprint,
        )

    def text(self) -> str:
        """The file config.py."""
        about = (
            f"# Cell {self.name} of the sweep {self.sweep.name}; dmmix sweep rewrites this file."
        )
        base = assignments(dict(_base_=PREFIX + self.recipe))
        return f"{about}\n{base}\n{assignments(self.changes)}"

    def _validation(self, changes: dict[str, Any], recipe: Any) -> dict[str, Any]:
        """Each of the last ten epochs is evaluated where their median counts."""
        changed = changes.get("train_cfg", {})
        train = {**recipe.train_cfg, **changed}
        epochs = train.get("max_epochs")
        if self.sweep.metric != "median10" or epochs is None or train.get("val_interval", 1) == 1:
            return {}
        # Those of the recipe are its own last ten: of no use where the length is another.
        of_recipe = epochs == recipe.train_cfg.get("max_epochs") and "dynamic_intervals" in train
        if of_recipe or "dynamic_intervals" in changed:
            return {}
        return dict(train_cfg=dict(dynamic_intervals=[(max(epochs - 9, 1), 1)]))


def cells_of(
    sweep: Sweep, work_dir: Path | None = None, only: Mapping[str, Sequence[str]] | None = None
) -> list[Cell]:
    """The cells of a sweep, in the order of its axes; in ``work_dirs/NAME`` by default.

    Raises:
        UserError: see :meth:`Sweep.points`.
    """
    folder = Path("work_dirs") / sweep.name if work_dir is None else Path(work_dir)
    return [Cell(sweep, point, folder / sweep.label(point)) for point in sweep.points(only)]


@lru_cache(maxsize=64)
def _read_once(path: str) -> Any:
    return read_file(path)


def _read(path: Path) -> Any:
    in_configs = path.is_relative_to(CONFIGS)
    return _read_once(str(path)) if in_configs else read_file(str(path))


def _shorter(part: str) -> str:
    path = Path(part)
    here = path.is_absolute() and path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd())) if here else part


def _instead(new: dict | None, old: Any) -> dict | None:
    """The part, told to replace what the recipe has there."""
    return {"_delete_": True, **new} if new and isinstance(old, dict) else new


def _with_kept(new: dict[str, Any], old: Any) -> dict[str, Any]:
    """With what the recipe says of its loss whatever the objective is, as label smoothing."""
    for key, types in _KEPT.items():
        if isinstance(old, dict) and key in old and (types is None or new["type"] in types):
            new = {**new, key: old[key]}
    return new


def _set_numbers(model: dict[str, Any], point: Mapping[str, str], axes: Mapping[str, dict]) -> None:
    """The axes ``alpha`` and ``eta``: of the mix and of the loss that the cell has."""
    parts = {
        "alpha": ("mixup", model.get("mixup")),
        "eta": ("objective", model.get("head", {}).get("loss")),
    }
    for name, (axis, part) in parts.items():
        if name in point:
            if not isinstance(part, dict) or name not in part:
                raise UserError(
                    f"axes[{name!r}]: {axis} {point.get(axis)!r} has no {name}; exclude it"
                )
            part[name] = axes[name][point[name]]


def _subset(point: Mapping[str, str], sweep: Sweep, recipe: Any) -> dict[str, Any]:
    seed = point.get("subset_seed", sweep.subset_seed)
    if seed == "seed":
        seed = point["seed"]
    axes = [axis for axis in ("label_fraction", "labels_per_class") if axis in point]
    if axes:
        few = sweep.axes[axes[0]][point[axes[0]]]
        if few is None:
            return {}
        subset = {axes[0]: few, "seed": int(seed)}
    elif sweep.subset_seed == "seed":
        # Of the few labels that the recipe itself asks for.
        if not recipe.train_dataloader.dataset.get("subset"):
            raise UserError(
                f"{recipe.filename} takes all labels: subset_seed='seed' needs a recipe with "
                "train_dataloader.dataset.subset, or the axis label_fraction or labels_per_class"
            )
        subset = {"seed": int(seed)}
    else:
        return {}
    return dict(train_dataloader=dict(dataset=dict(subset=subset)))


def _epochs(epochs: int, recipe: Any) -> dict[str, Any]:
    """Another length of training: schedules that end with it end with it again."""
    old = recipe.train_cfg.get("max_epochs")
    if old is None:
        raise UserError(f"{recipe.filename}: the axis 'epochs' needs train_cfg.max_epochs")
    schedulers: Any = recipe.get("param_scheduler") or []
    single = isinstance(schedulers, dict)
    changed = [_stretched(s, old, epochs) for s in ([schedulers] if single else schedulers)]
    changes: dict[str, Any] = dict(train_cfg=dict(max_epochs=epochs))
    if single:
        changes["param_scheduler"] = changed[0]
    elif changed:
        old_new = zip(schedulers, changed, strict=True)
        changes["param_scheduler"] = [{**plain(s), **new} for s, new in old_new]
    return changes


def _stretched(scheduler: Mapping[str, Any], old: int, new: int) -> dict[str, Any]:
    """What of a schedule changes: its end, and the length of its cosine, begun after a warm-up."""
    if not scheduler.get("by_epoch", True):
        return {}
    ends = scheduler.get("end", old) == old
    changed = {"end": new} if "end" in scheduler and ends else {}
    if ends and scheduler.get("begin", 0) + scheduler.get("T_max", -1) == old:
        changed["T_max"] = scheduler["T_max"] + new - old
    return changed


def plain(value: Any) -> Any:
    """Without mmengine's own kinds of dict and list."""
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(child) for child in value)
    return value


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            if value.get("_delete_"):
                into[key] = plain(value)
            else:
                _merge(into[key], value)
        else:
            into[key] = plain(value)
