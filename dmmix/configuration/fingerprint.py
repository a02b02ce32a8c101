"""Whether two configs are the same, and where not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS

__all__ = ["fingerprint", "where_changed"]

#: What changes nothing of what is trained.
_IGNORED = {"launcher", "log_level", "resume", "vis_backends", "visualizer", "work_dir"}


def fingerprint(config: Mapping[str, Any]) -> dict[str, str]:
    """A short hash of each top-level entry that is read, so that a difference can be named."""
    return {
        key: hashlib.sha256(_canonical(config[key]).encode()).hexdigest()[:12]
        for key in sorted((RUNNER_KEYS | OTHER_KEYS) & set(config) - _IGNORED)
    }


def where_changed(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The top-level entries that differ, or that only one has."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
