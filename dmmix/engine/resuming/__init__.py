"""Going on with a run: its place, its rates, what differs, and the folder that it writes to."""

from dmmix.engine.resuming.folder import WorkFolder, keep_other_config, remove_stale_best
from dmmix.engine.resuming.go_on import add_settings, check_seed, go_on

__all__ = [
    "WorkFolder",
    "add_settings",
    "check_seed",
    "go_on",
    "keep_other_config",
    "remove_stale_best",
]
