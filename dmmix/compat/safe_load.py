"""Reading checkpoints without running code from them, and telling damage from danger."""

import hashlib
import os
import pickletools
import re
import struct
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any
from urllib.error import URLError
from urllib.parse import urlparse
from zipfile import BadZipFile

import torch
from mmengine.logging import print_log

from dmmix.compat.digest import digest_damage, has_digest
from dmmix.compat.errors import CheckpointError, CorruptCheckpointError, UnsafeCheckpointError
from dmmix.compat.needed import import_needed
from dmmix.compat.plain_checkpoint import for_mmengine
from dmmix.compat.torch_files import OLD_MAGIC, ZIP_MAGIC, opened, read_checkpoint

#: What a reader meets in a file whose bytes are not those that were written.
_DAMAGE = (
    *(BadZipFile, EOFError, ValueError, OverflowError, NotImplementedError),
    *(struct.error, zlib.error),
)
_HASH_IN_NAME = re.compile(r"-([a-f0-9]{8,64})\.")
_told: set[str] = set()


def load(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Reads a file of ``torch.save`` as data.

    Tensors, numbers, strings, lists, dicts, NumPy arrays, and mmengine's log histories; nothing
    that the file names is called. The digest that dmmix writes and the checksums of an archive are
    checked.

    Args:
        file: Path or binary file object.
        map_location: As for ``torch.load``.
        *args: Ignored, as are ``**kwargs``: callers that pass ``weights_only=False`` or a pickle
            module of their own get the safe way all the same.
        **kwargs: See ``*args``.

    Raises:
        UnsafeCheckpointError: The file holds something that is not data.
        CorruptCheckpointError: The file is damaged.
    """
    return _load(file, map_location, _name(file))


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """``torch.hub.load_state_dict_from_url``, always as safe as :func:`load`.

    Args:
        url: What to download, unless the cache has it. The beginning of a SHA-256 in its name
            (``resnet50-0676ba61.pth``) is checked.
        model_dir: Cache folder, by default torch hub's.
        map_location: As for ``torch.load``.
        progress: Show a progress bar.
        check_hash: Ignored; it is always checked.
        file_name: Name in the cache, by default the URL's.
        weights_only: Ignored; there for torch's signature.

    Raises:
        UnsafeCheckpointError: The file holds something that is not data.
        CorruptCheckpointError: The cached file is damaged; the message says which to delete.
        CheckpointError: It cannot be downloaded; the message says where to put the file.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), "checkpoints"))
    published = Path(urlparse(url).path).name
    cached = folder / (file_name or published)
    try:
        if not cached.exists():
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(cached), None, progress)
    except (URLError, ConnectionError, TimeoutError) as error:
        raise CheckpointError(
            f"{url} cannot be downloaded ({error}). Get the file on another machine and put it "
            f"where it would be kept, {cached}, or name a file of yours in place of the URL"
        ) from error
    name = f"{url} (cached as {cached})"
    stated = _HASH_IN_NAME.search(published)
    if stated and not _sha256(cached).startswith(stated[1]):
        raise CorruptCheckpointError(
            f"{name} is damaged: its SHA-256 does not begin with {stated[1]}, as its name says; "
            "remove it to have it downloaded again"
        )
    return _load(cached, map_location, name)


def _load(file: Any, map_location: Any, name: str) -> Any:
    if isinstance(file, str | os.PathLike) and os.fspath(file).endswith(".safetensors"):
        return _load_safetensors(file, map_location, name)
    with opened(file) as stream:
        start = stream.tell()
        archive = stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        stream.seek(start)
        damage = digest_damage(stream)
        if damage:
            raise CorruptCheckpointError(f"{name} is damaged: {damage}")
        if not has_digest(stream):
            sums = "nothing in it tells whether it is as it was written"
            if archive:
                sums = "the checksums of the archive's records are checked instead"
            _tell(f"{name} carries no digest of dmmix's: {sums}.")
        try:
            return for_mmengine(read_checkpoint(stream, map_location))
        except _DAMAGE as error:
            raise CorruptCheckpointError(f"{name} is damaged: {_first_line(error)}") from error
        except UnpicklingError as error:
            stream.seek(start)
            # Of an archive's pickle the checksum was right.
            damage = None if archive else _pickle_damage(stream)
            if damage:
                raise CorruptCheckpointError(f"{name} is damaged: {damage}") from error
            raise UnsafeCheckpointError(_refusal(name, _first_line(error))) from error


def _load_safetensors(file: str | os.PathLike, map_location: Any, name: str) -> dict:
    """A file of tensors and nothing else: there is nothing to run in it."""
    import_needed("safetensors", install="safetensors")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        known = map_location if isinstance(map_location, str | torch.device) else "cpu"
        return load_file(file, device=str(known))
    except SafetensorError as error:
        raise CorruptCheckpointError(f"{name} is damaged: {_first_line(error)}") from error


def _pickle_damage(stream: IO[bytes]) -> str | None:
    """What is broken in a file of the old format, or a bare pickle; nothing is built."""
    try:
        first = [argument for _, argument, _ in pickletools.genops(stream)]
        for _ in range(4 if OLD_MAGIC in first else 0):
            list(pickletools.genops(stream))
    except Exception as error:  # it meets arbitrary bytes here and raises all sorts
        return f"the pickle stream is broken ({error})"
    return None


def _tell(line: str) -> None:
    if line not in _told:  # a file is read more than once on the way to its use
        _told.add(line)
        print_log(line, logger="current")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refusal(name: str, what: str) -> str:
    return (
        f"{name} was not loaded: {what}; a checkpoint may contain data only, and "
        "loading anything else could run code hidden in the file. If the file is yours, save its "
        "state_dict alone again (torch.save(checkpoint['state_dict'], path)) and load that; if you "
        "trust a class in it, call dmmix.compat.allow_checkpoint_class(cls) before loading."
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _name(file: Any) -> str:
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    return str(getattr(file, "name", "the checkpoint"))
