"""Reading checkpoints without running code from them."""

import os
import pickle
import re
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse

import torch

from dmmix.compat.allowlist import allowed
from dmmix.compat.diagnosis import find_damage
from dmmix.compat.errors import CheckpointError, CorruptCheckpointError, UnsafeCheckpointError

__all__ = ["load", "load_url"]

_REFUSED_GLOBAL = re.compile(r"GLOBAL (\S+) (?:was not an allowed global|whose module)")
_REASON = re.compile(r"WeightsUnpickler error:\s*(.+)")
_DAMAGE_SIGNS = re.compile(r"PytorchStreamReader|unexpected EOF|file might be corrupt")
_PLACEMENT_SIGNS = re.compile(r"restore data location|map_location|out of memory")


def load(file, map_location=None, *args, **kwargs):
    """``torch.load(weights_only=True)`` with the classes of an mmengine checkpoint allowed.

    Args:
        file: Path or binary file object.
        map_location: As for ``torch.load``.
        *args: Ignored, as are ``**kwargs``: callers that pass ``weights_only=False`` or a pickle
            module of their own get the safe way all the same.
        **kwargs: See ``*args``.

    Raises:
        UnsafeCheckpointError: The file holds a class that is not allowed.
        CorruptCheckpointError: The file is damaged.
    """
    with _judged(file, _name(file)):
        return torch.load(file, map_location=map_location, weights_only=True)


def load_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=True,
):
    """``torch.hub.load_state_dict_from_url``, always as safe as :func:`load`.

    Args:
        url: What to download, unless the cache has it.
        model_dir: Cache folder, by default torch hub's.
        map_location: As for ``torch.load``.
        progress: Show a progress bar.
        check_hash: Check the hash in the file's name.
        file_name: Name in the cache, by default the URL's.
        weights_only: Ignored; there for torch's signature.

    Raises:
        UnsafeCheckpointError: The file holds a class that is not allowed.
        CorruptCheckpointError: The cached file is damaged; the message says which to delete.
        CheckpointError: It cannot be downloaded; the message says where to put the file.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), "checkpoints"))
    cached = folder / (file_name or Path(urlparse(url).path).name)
    try:
        with _judged(cached, f"{url} (cached as {cached})"):
            return torch.hub.load_state_dict_from_url(
                url,
                model_dir=model_dir,
                map_location=map_location,
                progress=progress,
                check_hash=check_hash,
                file_name=file_name,
                weights_only=True,
            )
    except (URLError, ConnectionError, TimeoutError) as error:
        raise CheckpointError(
            f"{url} cannot be downloaded ({error}). Get the file on another machine and put it "
            f"where it would be kept, {cached}, or name a file of yours in place of the URL"
        ) from error


@contextmanager
def _judged(file, name: str):
    """Run a load with our classes allowed; turn its failures into refused or damaged."""
    try:
        with allowed():
            yield
    except Exception as error:  # a damaged file makes torch raise all sorts, OSError too
        refused = _REFUSED_GLOBAL.search(str(error))
        if refused:
            raise UnsafeCheckpointError(_refusal(name, refused[1])) from error
        damage = _damage(file, error)
        if damage:
            raise CorruptCheckpointError(f"{name} is damaged: {damage}") from error
        if _PLACEMENT_SIGNS.search(str(error)):
            raise  # torch 2.4 calls this, too, an UnpicklingError
        # A whole file that the restricted unpickler will not read, or a kind of archive
        # (TorchScript) that torch reads only without the restriction.
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
            raise UnsafeCheckpointError(_refusal(name, _reason(error))) from error
        raise


def _damage(file, error: Exception) -> str | None:
    if isinstance(file, os.PathLike | str) and not Path(file).is_file():
        return None
    damage = find_damage(file)
    if damage is None and (isinstance(error, EOFError) or _DAMAGE_SIGNS.search(str(error))):
        damage = _first_line(error)
    return damage


def _refusal(name: str, what: str) -> str:
    return (
        f"{name} was not loaded: it contains {what}, which is not among what a checkpoint may "
        "contain, and loading it could run code hidden in the file. If the file is "
        "yours, save its state_dict alone again (torch.save(checkpoint['state_dict'], path)) and "
        "load that; if you trust this class, call dmmix.compat.allow_checkpoint_class(cls) before "
        "loading."
    )


def _reason(error: Exception) -> str:
    found = _REASON.search(str(error))  # torch buries it in advice to load unsafely
    return f"something refused ({found[1] if found else _first_line(error)})"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _name(file) -> str:
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    return str(getattr(file, "name", "the checkpoint"))
