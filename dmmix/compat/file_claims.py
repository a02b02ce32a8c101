"""What a checkpoint says about configs and files, and mmengine would act on.

``Runner.resume`` runs the text ``meta['config']`` as Python, for a key that mmengine has not
written for years. ``CheckpointHook`` removes the files that the checkpoint calls its own best or
oldest. Here the text is kept from ``resume``, and only a best checkpoint in the folder that the
hook writes to can be removed.
"""

import functools
import os
import re
from typing import Any

_MAX_KEPT = 100_000


def prepare(runner: Any, hook: Any) -> None:
    """Wraps a method of each of mmengine's classes ``Runner`` and ``CheckpointHook``."""
    runner.load_checkpoint = _without_config(runner.load_checkpoint)
    hook.before_train = _with_own_files(hook.before_train)


def _without_config(load_checkpoint: Any) -> Any:
    @functools.wraps(load_checkpoint)
    def load_without_config(self: Any, *args: Any, **kwargs: Any) -> Any:
        checkpoint = load_checkpoint(self, *args, **kwargs)
        meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
        if isinstance(meta, dict):
            kept = {key: value for key, value in meta.items() if key != "config"}
            checkpoint = {**checkpoint, "meta": kept}
        return checkpoint

    return load_without_config


def _with_own_files(before_train: Any) -> Any:
    @functools.wraps(before_train)
    def before_train_with_own_files(self: Any, runner: Any) -> None:
        info = runner.message_hub.runtime_info
        if "keep_ckpt_ids" in info and not _are_steps(info["keep_ckpt_ids"]):
            runner.logger.warning(
                "keep_ckpt_ids of the checkpoint is no list of epochs or iterations and is left "
                "out: checkpoints from before are not removed."
            )
            del info["keep_ckpt_ids"]
        before_train(self, runner)
        if getattr(self, "best_ckpt_path", None) is not None:
            self.best_ckpt_path = _own_best(self, runner, "best_ckpt", self.best_ckpt_path)
        paths = getattr(self, "best_ckpt_path_dict", {})
        for indicator, path in paths.items():
            if path is not None:
                paths[indicator] = _own_best(self, runner, f"best_ckpt_{indicator}", path)

    return before_train_with_own_files


def _are_steps(steps: Any) -> bool:
    return (
        isinstance(steps, list)
        and len(steps) <= _MAX_KEPT
        and all(type(step) is int and step >= 0 for step in steps)
    )


def _own_best(hook: Any, runner: Any, key: str, path: Any) -> str | None:
    """The best checkpoint of that name in the hook's folder; None where there is none."""
    name = os.path.basename(path) if isinstance(path, str) else ""
    before, _, after = hook.filename_tmpl.partition("{}")
    if re.fullmatch(rf"best_.+_{re.escape(before)}\d+{re.escape(after)}", name):
        own = hook.file_backend.join_path(hook.out_dir, name)
        if hook.file_backend.exists(own):
            if own != path:  # a work folder that was moved, most likely
                runner.message_hub.update_info(key, own)
            return own
    runner.logger.warning(
        f"{key} of the checkpoint, {str(path)[:200]!r}, is no best checkpoint in {hook.out_dir}: "
        "it is left alone when a better one is saved."
    )
    runner.message_hub.runtime_info.pop(key, None)
    return None
