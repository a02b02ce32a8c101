"""What the stack needs before dmmix can run on it.

:func:`prepare` is called by :mod:`dmmix.registry` before anything of mmpretrain is imported. It
says what to do where OpenCV does not load (``needed.py``), makes ``import torchvision`` work
beside a torch of another build (``torchvision.py``), and makes mmengine read checkpoints, YAML
and annotations without running code from them, and write checkpoints in one piece and as data
(``checkpoint.py``, ``plain_files.py``); weights to begin with are compared with the network
first (``pretrained.py``), and a config is formatted once (``worked_out_once.py``). Importing this
package changes nothing and imports nothing heavy.
"""

from typing import Any, TypeVar

from dmmix.compat.errors import (
    CheckpointError,
    CorruptCheckpointError,
    DiskFullError,
    TorchvisionWarning,
    UnsafeCheckpointError,
)

__all__ = [
    "CheckpointError",
    "CorruptCheckpointError",
    "DiskFullError",
    "TorchvisionWarning",
    "UnsafeCheckpointError",
    "allow_checkpoint_class",
    "prepare",
]

_Class = TypeVar("_Class")

_prepared = False
_allowed: list[Any] = []


def prepare() -> None:
    """Make the installed stack usable; does nothing from the second call on.

    Raises:
        ImportError: OpenCV, torchvision or mmengine is not installed, or does not import.
    """
    global _prepared
    if _prepared:
        return

    # Imported here, not above: `import dmmix.compat` must not import torch.
    from dmmix.compat import (
        checkpoint,
        needed,
        plain_files,
        pretrained,
        torchvision,
        worked_out_once,
    )

    needed.import_opencv()
    torchvision.prepare()
    checkpoint.prepare()
    pretrained.prepare()
    worked_out_once.prepare()
    plain_files.plain_yaml()
    plain_files.plain_annotations()
    _prepared = True


def allow_checkpoint_class(cls: _Class) -> _Class:
    """Allow a class of yours inside the checkpoints that mmengine loads.

    Checkpoints are read as data: nothing that they name is called, because unpickling an arbitrary
    class can run arbitrary code. A class that is allowed is built as pickle builds it. Allow only
    classes whose construction from untrusted arguments is harmless. torch's own list
    (``torch.serialization.add_safe_globals``) is not used.

    Args:
        cls: The class (or the function that rebuilds an object). Found again by its module and
            qualified name.

    Returns:
        ``cls``, so that this also works as a decorator.

    Raises:
        TypeError: ``cls`` is neither a class nor a function, or it is a name.
    """
    if not callable(cls) or not hasattr(cls, "__module__") or not hasattr(cls, "__qualname__"):
        raise TypeError(f"a class (or function) is needed, not {cls!r}")
    if cls not in _allowed:
        _allowed.append(cls)
    return cls
