"""A config file, read and looked through before anything heavy is imported."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmmix.configuration.errors import UserError, explain, locals_of, near_files
from dmmix.configuration.keys import check_top_level
from dmmix.configuration.overrides import check_overrides, parse_overrides
from dmmix.configuration.shipped import find_config, know_prefix
from dmmix.configuration.type_check import find_mistake


def read_config(path: str, overrides: Sequence[tuple[str, str]] | None = None) -> Any:
    """The config, with overrides (key and text of ``--cfg-options``) merged.

    Raises:
        UserError: no such file, or one that cannot be read; a key that nothing reads; a type or an
            argument that is certainly none.
    """
    cfg = read_file(path)
    check_top_level(cfg)
    if cfg.get("model") is None:
        hint = "; it is a sweep file, which dmmix sweep takes" if "axes" in cfg else ""
        raise UserError(f"{path}: a config needs 'model', this one has {sorted(cfg)}{hint}")
    override(cfg, overrides)
    mistake = find_mistake(cfg)
    if mistake:
        raise UserError(mistake)
    _import_custom_modules(cfg)
    return cfg


def override(cfg: Any, overrides: Sequence[tuple[str, str]] | None) -> None:
    """Merges what ``--cfg-options`` says."""
    if overrides:
        values = parse_overrides(overrides)
        if "vis_backends" in values and "visualizer" in cfg:
            raise UserError(
                "--cfg-options vis_backends comes too late, visualizer has taken it already: set "
                "visualizer.vis_backends"
            )
        check_overrides(cfg, values)
        cfg.merge_from_dict(values)


def read_file(path: str) -> Any:
    """The config as the file has it; what it wants imported is not yet."""
    installed = path.startswith("mmpretrain::")
    path = path if installed else find_config(path)
    from mmengine.config import Config

    from dmmix.compat.plain_files import plain_yaml

    plain_yaml()
    know_prefix()
    try:
        # As mmengine.hub.get_config() does, which imports torch.
        file = Config._get_cfg_path(path, "")[0] if installed else path
        return Config.fromfile(file, import_custom_modules=False)
    except Exception as error:
        raise UserError(_unreadable(path, error)) from error


def _import_custom_modules(cfg: Any) -> None:
    from mmengine.utils import import_modules_from_strings

    custom = cfg.get("custom_imports")
    if not custom:
        return
    try:
        import_modules_from_strings(**custom)
    except Exception as error:
        raise UserError(f"{cfg.filename}: custom_imports: {explain(error)}") from error


def _unreadable(path: str, error: Exception) -> str:
    """What is wrong with a config file or with one that it inherits from, and where."""
    # mmengine follows `_base_` by recursion: the innermost file is the one with the mistake.
    files = [str(f["filename"]) for f in locals_of(error, "fromfile", "_file2dict")] or [path]
    at = os.path.normpath(files[-1])
    if isinstance(error, FileNotFoundError) and not Path(at).is_file():
        parents = [file for file in files if Path(file).is_file()]
        if not parents:
            return f"mmpretrain has no config {path.partition('::')[2]}"
        return f"{parents[-1]}: no base file {at}{near_files(at)}"
    if isinstance(error, SyntaxError):
        if error.lineno is None and isinstance(error.__context__, SyntaxError):
            error = error.__context__  # mmengine raises another, without the line
        return f"{at}, line {error.lineno}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == at]
    return f"{at}{f', line {lines[-1]}' if lines else ''}: {explain(error)}"
