"""The folder that a run writes to: one run at a time, and nothing of an earlier one is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from dmmix.compat.lock import RUNNING, Lock
from dmmix.engine.auto_resume import checkpoints_in
from dmmix.engine.processes import on_master

_OF_A_START = re.compile(r"(resume|load_from|overwrite|launcher|work_dir) = ")
#: As atomic_open names what it has not finished.
_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")


class WorkFolder:
    """Of a run that trains; ``templates`` are names of checkpoints, with ``{}`` for the number."""

    def __init__(self, folder: str, templates: Iterable[str]) -> None:
        self.folder = Path(folder)
        self._templates = tuple(templates)
        self._lock = Lock(self.folder / RUNNING)
        self._taken = False

    def begin(self, resume: bool, overwrite: bool, load_from: str | None = None) -> int:
        """Takes the folder and clears away what killed writes have left, on all ranks; how many.

        With ``overwrite`` checkpoints of an earlier run may go, see :meth:`let_go`; training begins
        with ``load_from``.

        Raises:
            FileExistsError: it holds checkpoints that a run from the start would write over, or
                lets go while it begins with one of them.
            BlockingIOError: another run writes to it.
        """
        return on_master(lambda: self._begin(resume, overwrite, load_from))

    def let_go(self) -> int:
        """Removes the checkpoints of an earlier run, once the new one is built and about to train;
        how many there were."""
        return on_master(self._let_go)

    def _begin(self, resume: bool, overwrite: bool, load_from: str | None) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            who = self._lock.holder() or "another process"
            raise BlockingIOError(
                f"{self.folder} belongs to a run that is going on ({who}): wait for it, or name "
                "another work_dir (--work-dir)"
            )
        self._taken = True
        there = [] if resume else sorted(self._checkpoints())
        if there and not overwrite:
            self.end()
            raise FileExistsError(
                f"{self.folder} holds the checkpoints of an earlier run ({there[-1].name}"
                f"{f' and {len(there) - 1} more' if len(there) > 1 else ''}), which a new one "
                "would write over: go on with it (--resume), name another work_dir "
                "(--work-dir), or let them go (--overwrite)"
            )
        if load_from is not None and Path(load_from).resolve() in map(Path.resolve, there):
            self.end()
            raise FileExistsError(
                f"load_from names {load_from}, which overwrite (--overwrite) lets go: name another "
                "work_dir (--work-dir)"
            )
        torn = [file for file in self.folder.iterdir() if _UNFINISHED.fullmatch(file.name)]
        for file in torn:
            file.unlink(missing_ok=True)
        return len(torn)

    def _let_go(self) -> int:
        there = list(self._checkpoints())
        for file in there:
            file.unlink()
        (self.folder / "last_checkpoint").unlink(missing_ok=True)
        return len(there)

    def _checkpoints(self) -> Iterator[Path]:
        yield from checkpoints_in(self.folder, self._templates)
        yield from self.folder.glob("best_*.pth")

    def end(self) -> None:
        """Gives it free."""
        if self._taken:
            self._taken = False
            self._lock.release()


def keep_other_config(target: Path, text: str) -> Path | None:
    """Gives the config in ``target`` another name, where it is not the one to be written: that
    name, or ``None`` where nothing would be lost."""
    try:
        old = target.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if _of_the_run(old) == _of_the_run(text):
        return None
    number = 1
    while (kept := target.with_stem(f"{target.stem}_{number}")).exists():
        number += 1
    target.rename(kept)
    return kept


def _of_the_run(text: str) -> list[str]:
    """Without what changes from start to start."""
    return [line for line in text.splitlines() if line and not _OF_A_START.match(line)]


def remove_stale_best(runner: Any) -> list[str]:
    """Removes best checkpoints that no hook keeps, of a run that was killed while it wrote one;
    their names."""
    gone = []
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or not hook.save_best or not is_main_process():
            continue
        if len(hook.key_indicators) == 1:
            kept = {hook.best_ckpt_path}
        else:
            kept = set(hook.best_ckpt_path_dict.values())
        kept = {Path(path).name for path in kept if path}
        folder = Path(hook.out_dir)
        if not kept or not folder.is_dir():
            continue
        before, _, after = map(re.escape, hook.filename_tmpl.partition("{}"))
        for key in hook.key_indicators:
            name = re.escape(f"best_{key}_".replace("/", "_"))
            for file in folder.iterdir():
                if re.fullmatch(rf"{name}{before}\d+{after}", file.name) and file.name not in kept:
                    file.unlink()
                    gone.append(file.name)
    return gone
