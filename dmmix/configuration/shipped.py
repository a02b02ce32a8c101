"""The configs that come with dmmix: ``configs/`` of the checkout, or their copy in a wheel."""

from __future__ import annotations

import functools
from pathlib import Path

from dmmix.configuration.errors import UserError, near_files
from dmmix.suggestions import suggestion

__all__ = ["CONFIGS", "PREFIX", "find_config", "know_prefix", "names"]

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_CHECKOUT = _PACKAGE.parent / "configs"
CONFIGS = _IN_CHECKOUT if (_IN_CHECKOUT / "_base_").is_dir() else _PACKAGE / "configs"
#: Before the path of a config under ``configs/``.
PREFIX = "dmmix::"


def find_config(name: str, kind: str = "config") -> str:
    """The file that is meant: a path, or a shipped config's name, with or without its ending.

    ``cifar100/resnet18_cutmix_dm``, ``cifar100/resnet18_cutmix_dm.py`` and
    ``dmmix::cifar100/resnet18_cutmix_dm.py`` are all the same one; a file of that path goes first.

    Raises:
        UserError: there is none.
    """
    shipped = name.startswith(PREFIX)
    bare = name.removeprefix(PREFIX)
    if not shipped and Path(name).is_file():
        return name
    for file in (CONFIGS / bare, CONFIGS / f"{bare}.py"):
        if file.is_file() and file.resolve().is_relative_to(CONFIGS):
            return str(file)
    if not shipped and Path(name).parent.is_dir():
        raise UserError(f"no {kind} file {name}{near_files(name)}")
    prefix = PREFIX if shipped else ""
    near = suggestion(name.removesuffix(".py"), {prefix + known for known in names()})
    raise UserError(f"no {kind} file {name}{near or ('' if shipped else near_files(name))}")


def names() -> set[str]:
    """Of all configs that come with dmmix, as they are typed."""
    files = (file.relative_to(CONFIGS) for file in CONFIGS.rglob("*.py"))
    return {file.with_suffix("").as_posix() for file in files if "_base_" not in file.parts}


def know_prefix() -> None:
    """Makes mmengine find ``_base_ = "dmmix::..."``; does nothing from the second call on."""
    from mmengine.config import Config

    known = Config._get_cfg_path
    if getattr(known, "knows_dmmix", False):
        return

    @functools.wraps(known)
    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(PREFIX):
            return find_config(cfg_path), None
        return known(cfg_path, filename)

    get_cfg_path.knows_dmmix = True  # type: ignore[attr-defined]
    Config._get_cfg_path = staticmethod(get_cfg_path)
