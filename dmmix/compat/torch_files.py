"""The two formats of ``torch.save``, read without ``torch.load``.

Since PyTorch 1.6 a checkpoint is a zip archive: ``data.pkl`` and a record for each storage. Before,
it was five pickles and then the storages. Sizes are compared with what is really there (PyTorch
takes the file's word and reads past the end), and the checksums of an archive are checked.
"""

import io
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch.serialization import _get_restore_location

from dmmix.compat.constructors import CheckpointNames
from dmmix.compat.plain_tensors import STORAGES, Storage
from dmmix.compat.unpickling import Name, PlainUnpickler

ZIP_MAGIC = b"PK\x03\x04"
OLD_MAGIC, _OLD_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MAX_INFLATION, _ALWAYS_ALLOWED = 16, 64 * 2**20
_CHUNK = 1 << 24


def read_checkpoint(file: Any, map_location: Any = None) -> Any:
    """What a file of ``torch.save`` holds, as plain data.

    Args:
        file: binary file that can seek; read from its position.
        map_location: as for ``torch.load``.

    Raises:
        UnpicklingError: it holds something that is no data.
        zipfile.BadZipFile: the archive is damaged.
        EOFError: it ends too early.
        ValueError: it is no checkpoint.
    """
    head = file.read(len(ZIP_MAGIC))
    file.seek(-len(head), io.SEEK_CUR)
    if not head:
        raise EOFError("the file is empty")
    restore = _get_restore_location(map_location)
    return _read_zip(file, restore) if head == ZIP_MAGIC else _read_old(file, restore)


@contextmanager
def opened(file: Any) -> Iterator[Any]:
    """A path as a file; a file as it is, put back to its position afterwards."""
    if isinstance(file, str | os.PathLike):
        with Path(file).open("rb") as stream:
            yield stream
    else:
        position = file.tell()
        try:
            yield file
        finally:
            file.seek(position)


def _unpickle(file: Any, storage: Callable | None = None) -> Any:
    names = CheckpointNames()
    return PlainUnpickler(file, names.find, names.call, names.build, storage).load(names.classes)


def _storage_id(saved: Any, parts: int) -> tuple[torch.dtype, str, str, int, Any]:
    """(element type, key, location, elements, view) of a persistent id.

    Raises:
        UnpicklingError: it is none.
    """
    if type(saved) is not tuple or len(saved) != parts or _text(saved[0]) != "storage":
        raise UnpicklingError("a persistent id that is no storage")
    _, kind, key, location, count = saved[:5]
    if type(kind) is not Name or kind.full not in STORAGES:
        raise UnpicklingError("a storage of an unknown type")
    if type(count) is not int or count < 0:
        raise UnpicklingError("a storage of an unknown size")
    return STORAGES[kind.full], _text(key), _text(location), count, saved[5:]


def _text(value: Any) -> str:
    if type(value) is bytes:
        value = value.decode("ascii", errors="replace")
    if type(value) is not str:
        raise UnpicklingError("a persistent id with a part that is no string")
    return value


# The archive


def _read_zip(file: Any, restore: Callable) -> Any:
    with zipfile.ZipFile(file) as archive:
        _check_inflation(archive, file)
        names = archive.namelist()
        roots = [name[: -len("data.pkl")] for name in names if name.endswith("/data.pkl")]
        if len(roots) != 1 or len(set(names)) != len(names):
            raise zipfile.BadZipFile("not one data.pkl, or two records of one name")
        if any(record.flag_bits & 1 for record in archive.infolist()):
            raise zipfile.BadZipFile("its records are encrypted")
        root = roots[0]
        if f"{root}constants.pkl" in names:
            raise UnpicklingError("a TorchScript program")
        order = sys.byteorder.encode()
        if f"{root}byteorder" in names:
            with archive.open(f"{root}byteorder") as record:
                order = record.read(64) or order
        if order not in (b"little", b"big"):
            raise zipfile.BadZipFile(f"byte order {order[:20]!r}")
        for name in names:  # the storages are read, with their checksums, as they are needed
            if not name.startswith(f"{root}data/"):
                _crc(archive, name)
        found: dict[str, tuple] = {}

        def storage(saved: Any) -> Storage:
            dtype, key, location, count, _ = _storage_id(saved, 5)
            if key not in found:
                name = f"{root}data/{key}"
                if name not in names:
                    raise zipfile.BadZipFile(f"the record {name} is missing")
                if archive.getinfo(name).file_size != count * dtype.itemsize:
                    raise zipfile.BadZipFile(f"the record {name} has another size than it says")
                with archive.open(name) as record:
                    data = _fill(record, count * dtype.itemsize)
                    record.read(1)  # past the end: the checksum is compared there
                if order != sys.byteorder.encode():
                    data.byteswap(dtype)
                found[key] = restore(data, location), dtype, count
            if found[key][1:] != (dtype, count):
                raise UnpicklingError("one storage with two sizes")
            return Storage(found[key][0], dtype)

        value = _unpickle(io.BytesIO(archive.read(f"{root}data.pkl")), storage)
        for name in names:  # what no tensor names is part of the file as well
            if name.startswith(f"{root}data/") and name[len(f"{root}data/") :] not in found:
                _crc(archive, name)
        return value


def _crc(archive: zipfile.ZipFile, name: str) -> None:
    with archive.open(name) as record:
        while record.read(_CHUNK):
            pass


def _check_inflation(archive: zipfile.ZipFile, file: Any) -> None:
    here = file.tell()
    packed = file.seek(0, io.SEEK_END)
    file.seek(here)
    unpacked = sum(record.file_size for record in archive.infolist())
    if unpacked > packed * _MAX_INFLATION + _ALWAYS_ALLOWED:
        raise UnpicklingError(f"{packed} bytes that unpack to {unpacked}")


def _fill(record: Any, size: int) -> torch.UntypedStorage:
    """A storage with the next ``size`` bytes of a file."""
    content = torch.empty(size, dtype=torch.uint8)
    view, filled = content.numpy().data, 0
    while filled < size:
        read = record.readinto(view[filled : filled + _CHUNK])
        if not read:
            raise EOFError("a storage is cut off")
        filled += read
    return content.untyped_storage()


# Before PyTorch 1.6


def _read_old(file: Any, restore: Callable) -> Any:
    here = file.tell()
    left = file.seek(0, io.SEEK_END) - here
    file.seek(here)
    if _unpickle(file) != OLD_MAGIC:
        raise UnpicklingError("a pickle that torch.save has not written")
    if _unpickle(file) != _OLD_PROTOCOL:
        raise ValueError("an unknown version of the format")
    _unpickle(file)  # the machine that wrote it
    start = file.tell()
    data: dict[str, tuple] = {}

    def measure(saved: Any) -> Storage:
        """The storages come last: on the first pass, what they are."""
        dtype, key, location, count, view = _storage_id(saved, 6)
        if count * dtype.itemsize > left:
            raise UnpicklingError("a storage that is larger than the file")
        if key not in data:
            data[key] = torch.UntypedStorage(count * dtype.itemsize), dtype, count, location
        if data[key][1:3] != (dtype, count):
            raise UnpicklingError("one storage with two sizes")
        return Storage(_part(data[key][0], dtype, *view), dtype)

    _unpickle(file, measure)
    keys = _unpickle(file)
    if type(keys) is not list or sorted(keys) != sorted(data):
        raise ValueError("the list of the storages is not that of the tensors")
    ready = {}
    for key in keys:
        _, dtype, count, location = data[key]
        if int.from_bytes(file.read(8), "little") != count:
            raise ValueError("a storage of another size")
        ready[key] = restore(_fill(file, count * dtype.itemsize), location)
    end = file.tell()
    file.seek(start)

    def storage(saved: Any) -> Storage:
        dtype, key, _, _, view = _storage_id(saved, 6)
        return Storage(_part(ready[key], dtype, *view), dtype)

    value = _unpickle(file, storage)
    file.seek(end)
    return value


def _part(data: torch.UntypedStorage, dtype: torch.dtype, view: Any) -> torch.UntypedStorage:
    if view is None:
        return data
    numbers = view[1:] if type(view) is tuple and len(view) == 3 else ()
    if len(numbers) != 2 or not all(type(n) is int and n >= 0 for n in numbers):
        raise UnpicklingError("a part of a storage that is none")
    first, count = (n * dtype.itemsize for n in numbers)
    if first + count > data.nbytes():
        raise UnpicklingError("a part of a storage that lies outside it")
    return data[first : first + count]
