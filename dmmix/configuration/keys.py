"""The keys that a config may have at its top, and whether two configs differ in one."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from dmmix.configuration.errors import UserError
from dmmix.suggestions import suggestion

#: Arguments of mmengine's runner; a test compares them with the installed one.
RUNNER_KEYS = {
    *("auto_scale_lr", "cfg", "custom_hooks", "data_preprocessor", "default_hooks"),
    *("default_scope", "env_cfg", "experiment_name", "launcher", "load_from", "log_level"),
    *("log_processor", "model", "optim_wrapper", "param_scheduler", "randomness", "resume"),
    *("test_cfg", "test_dataloader", "test_evaluator", "train_cfg", "train_dataloader"),
    *("val_cfg", "val_dataloader", "val_evaluator", "visualizer", "work_dir"),
}


#: Keys of a config that mmengine, mmpretrain or dmmix read besides the runner's arguments.
OTHER_KEYS = {
    "activation_checkpointing",
    "auto_scale_lr",
    "compile",
    "custom_imports",
    "data_preprocessor",
    "default_scope",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "images_to_see",
    "model_wrapper_cfg",
    "overwrite",
    "runner_type",
    "step",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
    "vis_backends",
}
#: What changes nothing of what is trained.
_IGNORED = {"launcher", "log_level", "resume", "vis_backends", "visualizer", "work_dir"}


def check_top_level(cfg: Any) -> None:
    """A misspelt key would be ignored in silence: mmengine reads what it knows."""
    known = RUNNER_KEYS | OTHER_KEYS
    for key in cfg:
        # Other names are the config's own helpers; train_pipeline is mmpretrain's most common.
        if key in known or key.endswith("_pipeline"):
            continue
        if near := suggestion(key, known, most=1, cutoff=0.85):
            raise UserError(f"{cfg.filename}: unknown key {key!r}{near}")
        # Once where it is set, once more where another file or line takes it; a config that a run
        # has written has the value in both places.
        named = len(re.findall(rf"\b{re.escape(key)}\b", re.sub(r"#.*", "", cfg.text)))
        if named < 2 and not any(_holds(cfg[k], cfg[key]) for k in known & set(cfg)):
            print(f"warning: {cfg.filename}: nothing reads the key {key!r}", file=sys.stderr)


def _holds(whole: Any, value: Any) -> bool:
    """Whether the value stands somewhere in it; one such as 0.1 stands anywhere."""
    if not isinstance(value, Mapping | list | tuple) or not value:
        return False
    parts: Any = ()
    if isinstance(whole, Mapping):
        parts = whole.values()
    elif isinstance(whole, list | tuple):
        parts = whole
    return whole == value or any(_holds(part, value) for part in parts)


def fingerprint(config: Mapping[str, Any]) -> dict[str, str]:
    """A short hash of each top-level entry that is read, so that a difference can be named."""
    return {
        key: hashlib.sha256(_canonical(config[key])).hexdigest()[:12]
        for key in sorted((RUNNER_KEYS | OTHER_KEYS) & set(config) - _IGNORED)
    }


def where_changed(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The top-level entries that differ, or that only one has."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()
