"""All steps from archives to a folder that is ready."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dmmix.compat.atomic import atomic_open
from dmmix.compat.lock import Lock

from .download import download, is_url
from .errors import PreparationError, RefusedEntryError
from .listing import write_val_list
from .table import Archive, DataSet
from .unpack import unpack
from .verify import check, check_checksum


def prepare(
    data_set: DataSet, sources: Sequence[str], to: str, checksums: bool = True
) -> list[str]:
    """Unpacks the archives of a data set into ``to``, and looks whether all is there.

    Everything happens in ``to/.NAME.unpacking``, which becomes the data set's folder by one rename
    when it is whole. Started again after it was killed, or with archives that were missing, it goes
    on.

    Args:
        data_set: one of the table.
        sources: archives, folders that have them, or addresses.
        to: the folder that the data set's own is put into.
        checksums: compare the archives with the stated checksums.

    Returns:
        What was found, in lines.

    Raises:
        PreparationError: something is missing or wrong.
    """
    target = os.path.join(to, data_set.folder)
    if os.path.lexists(target):
        found, wrong = check(data_set, target, checksums=checksums)
        if wrong:
            raise PreparationError(
                f"{target} is there, and not whole: {wrong[0]}; move it away to make it anew"
            )
        return ["it is there already", *found]
    given = match(data_set, sources)
    work = os.path.join(to, f".{data_set.name}.unpacking")
    try:
        os.makedirs(work, exist_ok=True)
    except OSError as error:
        raise PreparationError(f"{work}: {error.strerror}") from error
    lock = Lock(work + ".lock")
    if not lock.take():
        who = lock.holder() or "that has just ended"
        raise PreparationError(f"{work}: another process is at work there ({who})")
    try:
        return _make(data_set, given, to, work, checksums)
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            os.rmdir(work)  # where nothing was begun


def fetch(archive: Archive, folder: str) -> None:
    """Downloads an archive, unless it is there, compares its checksum and unpacks it, in a folder.

    Where another process does, this one waits, and finds all there.

    Raises:
        PreparationError: it cannot be had, or is another file than was published.
    """
    path = os.path.join(folder, archive.name)
    with Lock(path + ".lock"):
        if not os.path.isfile(path):
            download(archive.url or archive.name, path, archive.size)
        try:
            check_checksum(path, archive)
        except PreparationError as error:
            raise PreparationError(f"{error} (remove it to have it fetched again)") from None
        unpack(path, folder, archive.unpacked)


def _make(
    data_set: DataSet, given: dict[str, str], to: str, work: str, checksums: bool
) -> list[str]:
    """The steps in the working folder, and the rename."""
    target = os.path.join(to, data_set.folder)
    done = _Done(work)
    for archive in data_set.archives:
        if archive.name in given:
            inside = [a.name for a in data_set.archives if a.to.startswith(f"{archive.to}/")]
            _take(archive, given[archive.name], to, work, done, checksums, inside)
    missing = [archive for archive in data_set.archives if archive.name not in done]
    if missing:
        raise PreparationError(
            f"{data_set.name} still needs {', '.join(f'{a.name} ({a.what})' for a in missing)}"
            f": give it with --from; what was unpacked is kept in {work}"
        )
    result = os.path.join(work, "result")
    if data_set.name == "imagenet":
        write_val_list(result)
    found, wrong = check(data_set, result, checksums=checksums)
    if wrong:
        raise PreparationError("\n".join([*wrong, f"so {target} is not made"]))
    os.replace(result, target)
    shutil.rmtree(work)
    return [line.replace(result, target) for line in found]


def match(data_set: DataSet, sources: Sequence[str]) -> dict[str, str]:
    """Which source is which archive, by the file's name.

    Raises PreparationError for one that is not there, or is none of the archives.
    """
    names = [archive.name for archive in data_set.archives]
    given = {}
    for source in sources:
        if os.path.isdir(source):
            inside = {name: os.path.join(source, name) for name in names}
            inside = {name: path for name, path in inside.items() if os.path.isfile(path)}
            if not inside:
                raise PreparationError(f"{source} has none of {', '.join(names)}")
            given.update(inside)
            continue
        if not is_url(source) and not os.path.isfile(source):
            raise PreparationError(f"there is no file {source}")
        name = source.split("?")[0].split("#")[0].rstrip("/").rsplit("/", 1)[-1]
        if name not in names:
            if len(names) > 1:
                raise PreparationError(
                    f"{source}: which one is it? {data_set.name} comes in {', '.join(names)}; "
                    "rename it"
                )
            name = names[0]
        given[name] = source
    return given


def instructions(data_set: DataSet, to: str) -> str:
    """What to get, where, and what to do with it."""
    lines = [f"{data_set.name}: the page of its publisher is {data_set.page}"]
    if data_set.note:
        lines.append(data_set.note)
    lines.append(f"It needs, in any folder, such as {os.path.join(to, 'archives')}:")
    for archive in data_set.archives:
        size = f"{archive.size / 1e6:,.1f} MB"
        lines.append(f"  {archive.name}  {size}, {archive.checksum}  ({archive.what})")
        if archive.url:
            lines.append(f"    {archive.url}")
    command = f"dmmix data prepare {data_set.name} --to {to} --from"
    urls = [archive.url for archive in data_set.archives if archive.url]
    if len(urls) == len(data_set.archives):
        lines += ["With a network, this fetches and unpacks it:", f"  {command} {' '.join(urls)}"]
    lines += ["With the files at hand:", f"  {command} {os.path.join(to, 'archives')}"]
    lines.append(f"Then {os.path.join(to, data_set.folder)} is what the configs read.")
    return "\n".join(lines)


def _take(
    archive: Archive,
    source: str,
    to: str,
    work: str,
    done: _Done,
    checksums: bool,
    inside: Sequence[str],
) -> None:
    """One archive, from where it is to its place in the result; what lies inside goes with it."""
    path = source
    if is_url(source):
        path = os.path.join(to, ".downloads", archive.name)
        if not os.path.isfile(path):
            download(source, path, archive.size, checksums)
    stamp = _stamp(path)
    if done.get(archive.name) == stamp:
        return
    if checksums and done.get(f"checked {archive.name}") != stamp:
        try:
            check_checksum(path, archive)
        except PreparationError as error:
            again = "remove it to have it fetched again, or " if is_url(source) else ""
            raise PreparationError(f"{error} ({again}--no-checksum takes it as it is)") from None
        done.set(f"checked {archive.name}", stamp)
    place = os.path.join(work, "result", *filter(None, archive.to.split("/")))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    raw = os.path.join(work, f"raw-{archive.name}")
    if done.get(f"started {archive.name}") != stamp:
        shutil.rmtree(raw, ignore_errors=True)  # begun from another file
    for name in (archive.name, *inside):
        done.pop(name, None)
    done.set(f"started {archive.name}", stamp)
    if archive.kind == "file":
        shutil.copyfile(path, place + ".new")
        os.replace(place + ".new", place)
    else:
        if (free := shutil.disk_usage(to).free) < archive.size:
            needs = f"{archive.name} needs {archive.size / 1e9:.1f} GB"
            raise PreparationError(f"{to}: {free / 1e9:.1f} GB are free, {needs}")
        try:
            unpack(path, raw, archive.unpacked, archive.kind == "tars")
        except RefusedEntryError:
            shutil.rmtree(raw, ignore_errors=True)
            raise
        inner = os.path.join(raw, archive.inner) if archive.inner else raw
        if not os.path.isdir(inner):
            names = ", ".join(sorted(os.listdir(raw))[:5]) or "nothing"
            raise PreparationError(f"{path} has no folder {archive.inner}; it has {names}")
        shutil.rmtree(place, ignore_errors=True)
        os.replace(inner, place)
        shutil.rmtree(raw, ignore_errors=True)
    done.set(archive.name, stamp)


def _stamp(path: str) -> list:
    stat = os.stat(path)
    return [os.path.abspath(path), stat.st_size, stat.st_mtime_ns]


class _Done(dict[str, list]):
    """Which archives are in the result, and from which files; it outlives the process."""

    def __init__(self, work: str) -> None:
        super().__init__()
        self._path = os.path.join(work, "done.json")
        # Where it is not there, or torn, all begins again.
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            self.update(json.loads(Path(self._path).read_text(encoding="utf-8")))

    def set(self, name: str, stamp: list) -> None:
        self[name] = stamp
        with atomic_open(self._path, "w") as file:
            json.dump(self, file)
