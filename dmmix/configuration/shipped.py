"""The configs that come with dmmix: ``configs/`` of the checkout, or their copy in a wheel."""

from __future__ import annotations

import functools
from pathlib import Path

from dmmix.configuration.errors import UserError, near_files
from dmmix.suggestions import suggestion

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
    raise UserError(f"no {kind} file {name}{_instead(name, shipped)}")


def _instead(name: str, shipped: bool) -> str:
    """What may have been meant: a file that is near, or what comes with dmmix."""
    known = {PREFIX + each if shipped else each for each in names()}
    inside = sorted(each for each in known if each.startswith(f"{name.rstrip('/')}/"))
    if inside and not Path(name).exists():
        return f": it is a folder, with {', '.join(inside)}"
    here = "" if shipped else near_files(name)
    near = suggestion(name.removesuffix(".py"), known)
    return (here or near) if Path(name).parent.is_dir() else (near or here)


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
