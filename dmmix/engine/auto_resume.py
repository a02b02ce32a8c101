"""Which checkpoints of a work folder an interrupted run can go on from, best first."""

import os
import re
from collections.abc import Iterable
from logging import Logger
from pathlib import Path

from mmengine.runner import CheckpointLoader

from dmmix.compat import CheckpointError, CorruptCheckpointError

#: What a checkpoint needs to go on from. (A published one has weights only.)
_NEEDED = ("meta", "state_dict", "message_hub")

_POINTER = "last_checkpoint"
_TEMPLATES = ("epoch_{}.pth", "iter_{}.pth")


def is_local(path: str | os.PathLike) -> bool:
    """Whether a checkpoint's name is a path of this machine, not a URL such as ``s3://...``."""
    return "://" not in str(path)


def last_saved(work_dir: str | os.PathLike) -> str | None:
    """What the text file ``last_checkpoint`` says was saved last; None if absent or empty."""
    pointer = Path(work_dir, _POINTER)
    if not pointer.is_file():
        return None
    return pointer.read_text(errors="replace", encoding="utf-8").strip() or None


def find_candidates(work_dir: str | os.PathLike, templates: Iterable[str] = ()) -> list[str]:
    """List the checkpoints to try, best first.

    First the one that ``last_checkpoint`` names (only if it exists), then the
    others beside it and in ``work_dir``, newest first: by epoch, or by iteration. Where a folder
    has both kinds, the kind written last comes first, since their numbers do not compare.

    Args:
        templates: File names with ``{}`` for the number, beside mmengine's usual two.

    Raises:
        CheckpointError: ``last_checkpoint`` names a URL.
    """
    named = last_saved(work_dir)
    folders = [Path(work_dir)]
    candidates: list[str] = []
    if named is not None and not is_local(named):
        raise CheckpointError(
            f"{Path(work_dir, _POINTER)} names {named}, which is not on this machine, and a file "
            "in a work folder is not reason enough to fetch it: name it yourself (--resume "
            f"{named}, or load_from with resume=True), or remove {_POINTER}"
        )
    if named is not None:
        folders.insert(0, Path(named).parent)
        if Path(named).is_file():
            candidates.append(named)

    known = {Path(path).resolve() for path in candidates}
    for folder in folders:
        for path in checkpoints_in(folder, templates):
            if path.resolve() not in known:
                known.add(path.resolve())
                candidates.append(str(path))
    return candidates


def checkpoints_in(folder: Path, templates: Iterable[str] = ()) -> list[Path]:
    """Checkpoints of one folder, which need not exist, newest first."""
    kinds = []
    for template in dict.fromkeys((*_TEMPLATES, *templates)):
        before, _, after = template.partition("{}")
        pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
        numbered = [
            (int(match[1]), path)
            for path in (folder.iterdir() if folder.is_dir() else ())
            if (match := pattern.fullmatch(path.name)) and path.is_file()
        ]
        if numbered:
            newest = max(path.stat().st_mtime_ns for _, path in numbered)
            ordered = [path for _, path in sorted(numbered, reverse=True)]
            kinds.append((newest, ordered))
    kinds.sort(key=lambda kind: kind[0], reverse=True)
    return [path for _, ordered in kinds for path in ordered]


def first_usable(
    work_dir: str | os.PathLike, templates: Iterable[str], logger: Logger
) -> str | None:
    """The first candidate that training can go on from; ``None`` where there are none at all.

    Those that are passed over are warned of.

    Raises:
        CheckpointError: There are some, all unusable; ``last_checkpoint`` names a URL.
    """
    candidates = find_candidates(work_dir, templates)
    named = last_saved(work_dir)
    if named is not None and named not in candidates:
        logger.warning(
            f"last_checkpoint names {named}, which does not exist; "
            f"{len(candidates)} other checkpoint(s) to try."
        )
    problems = []
    for path in candidates:
        problem = _problem(path)
        if problem is None:
            return path
        logger.warning(f"Skipping the checkpoint {path}: {problem}")
        problems.append(f"{path}: {problem}")
    if not problems and named is not None:
        problems = [f"{named}: does not exist"]
    if problems:
        raise CheckpointError(
            f"No checkpoint of {work_dir} can be resumed from:\n  "
            + "\n  ".join(problems)
            + "\nTo start from scratch, move these files (and the text file last_checkpoint) "
            "away or use another work_dir; to go on from a checkpoint elsewhere, name it in "
            "load_from."
        )
    return None


def _problem(path: str) -> str | None:
    """Read a checkpoint once, before the model is touched; say why it cannot be resumed from."""
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location="cpu")
    except CorruptCheckpointError as error:
        return str(error)
    absent = [key for key in _NEEDED if not isinstance(checkpoint, dict) or key not in checkpoint]
    return f"it holds no {', '.join(absent)} to go on from" if absent else None
