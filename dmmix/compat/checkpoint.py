"""mmengine's checkpoint functions, made safe to read with, safe to interrupt, and plain.

What is saved is data that stock ``torch.load(weights_only=True)`` reads, with a digest of the file.

Only names inside mmengine's own modules are replaced; ``torch.load`` and ``torch.save`` stay what
they are for everybody else. All of mmengine's ways in (``load_checkpoint``, ``CheckpointLoader``
with its URL schemes, ``Runner.resume``, ``init_cfg`` of type Pretrained) end in the functions
replaced here. A scheme that you register yourself loads as you write it.
"""

import builtins
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

from dmmix.compat import file_claims, safe_load
from dmmix.compat.atomic import atomic_open
from dmmix.compat.digest import DigestWriter
from dmmix.compat.needed import import_needed
from dmmix.compat.plain_checkpoint import to_plain


def prepare() -> None:
    """Replace mmengine's functions; does nothing from the second call on.

    Raises:
        ImportError: mmengine is not installed.
    """
    import_needed("mmengine")

    from mmengine.hooks import checkpoint_hook
    from mmengine.runner import Runner, checkpoint

    if isinstance(checkpoint.torch, _Torch):
        return
    checkpoint.torch = _Torch()
    _replace(checkpoint.load_url, safe_load.load_url)
    if hasattr(checkpoint, "_safe_torch_load"):  # onedl's, which falls back to free unpickling
        _replace(checkpoint._safe_torch_load, safe_load.load)
    _replace(checkpoint.save_checkpoint, _saving(checkpoint.save_checkpoint))
    checkpoint_hook.open = _open_atomically  # its only use of open() writes `last_checkpoint`
    file_claims.prepare(Runner, checkpoint_hook.CheckpointHook)


def _save(checkpoint: Any, file: Any, **kwargs: Any) -> None:
    """``torch.save`` into a binary file, as plain data and with a digest of the whole."""
    writer = DigestWriter(file)
    # It needs no more of a file than to write and to flush.
    torch.save(to_plain(checkpoint), writer, **kwargs)  # type: ignore[arg-type]
    writer.finish()


class _Torch:
    """torch as mmengine's checkpoint module sees it, but for ``load`` and ``save``."""

    load = staticmethod(safe_load.load)
    save = staticmethod(_save)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def _replace(old: Any, new: Any) -> None:
    """Put ``new`` wherever a module of mmengine holds ``old``, under whatever name."""
    for module_name, module in list(sys.modules.items()):
        if module_name.split(".")[0] != "mmengine":
            continue
        for name, value in list(vars(module).items()):
            if value is old:
                setattr(module, name, new)


def _saving(original: Callable) -> Callable:
    """mmengine's ``save_checkpoint``, atomic where the target is a local file."""

    @functools.wraps(original)
    def save_checkpoint(
        checkpoint: Any, filename: Any, file_client_args: Any = None, backend_args: Any = None
    ) -> Any:
        if not _is_local(filename, file_client_args, backend_args):
            return original(checkpoint, filename, file_client_args, backend_args)
        # Straight to disk, where mmengine builds the whole file in memory first.
        with atomic_open(filename, "wb") as file:
            _save(checkpoint, file)

    return save_checkpoint


def _is_local(filename: Any, file_client_args: Any, backend_args: Any) -> bool:
    from mmengine.fileio import FileClient, LocalBackend, get_file_backend

    if filename.startswith("pavi://") or (file_client_args and backend_args):
        return False  # mmengine's own way, and its own errors
    if file_client_args is not None:
        backend = FileClient.infer_client(file_client_args, filename).client
    else:
        backend = get_file_backend(filename, backend_args=backend_args)
    # A backend that writes in a way of its own keeps it, even if derived from the local one.
    return type(backend).put is LocalBackend.put


def _open_atomically(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    if mode == "w" and isinstance(file, str | os.PathLike):
        return atomic_open(file, mode, kwargs.get("encoding"))
    return builtins.open(file, mode, *args, **kwargs)
