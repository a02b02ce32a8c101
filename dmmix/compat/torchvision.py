"""``import torchvision`` beside a torch that its binary was not built for.

The package index serves a torchvision built for CUDA. Beside a CPU-only torch its library of
compiled operators does not load, and torchvision then fails while it describes those operators to
torch. Image classification calls none of them: once torch knows their signatures, the import
succeeds, and calling one still raises.
"""

import importlib
import importlib.util
import re
import sys
import warnings
from pathlib import Path

import torch

from dmmix.compat.errors import TorchvisionWarning
from dmmix.compat.needed import import_needed

_MISSING_OPERATOR = re.compile(r"operator torchvision::(\w+) does not exist")
_DESCRIBED_OPERATOR = re.compile(r"""register_fake\(\s*["']torchvision::(\w+)["']""")
_SIGNATURES = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_ANY_SIGNATURE = "(...) -> ..."
_MAX_IMPORTS = 8

#: A definition lives as long as the Library object that made it.
_libraries: list[torch.library.Library] = []


def prepare() -> None:
    """Import torchvision; where its compiled operators are missing, declare them first.

    A torchvision that imports is left alone.

    Raises:
        ImportError: torchvision is not installed.
        Exception: Whatever else ``import torchvision`` raises.
    """
    error = _import_error()
    if error is None:
        return
    for _ in range(_MAX_IMPORTS):
        missing = _MISSING_OPERATOR.search(str(error))
        if missing is None or not _declare({missing[1], *_described_operators()}):
            break
        error = _import_error()
        if error is None:
            _warn()
            return
    raise error


def _import_error() -> RuntimeError | None:
    """Try the import; return a RuntimeError for :func:`prepare` to judge, raise any other."""
    try:
        import_needed("torchvision")
    except RuntimeError as error:
        # A failed import leaves the submodules that had succeeded; the next try must run them too.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        return error
    return None


def _described_operators() -> set[str]:
    """Operators that the installed torchvision describes to torch without asking if they exist.

    Declaring them all at once spares one failing import each. Read from the source, since the
    package cannot be imported yet; without the source, the error messages name them one by one.
    """
    spec = importlib.util.find_spec("torchvision")
    names: set[str] = set()
    for folder in (spec.submodule_search_locations if spec else None) or ():
        source = Path(folder, "_meta_registrations.py")
        if source.is_file():
            names.update(_DESCRIBED_OPERATOR.findall(source.read_text(encoding="utf-8")))
    return names


def _declare(names: set[str]) -> bool:
    """Declare the operators that torch does not know; say whether there were any."""
    unknown = sorted(name for name in names if not hasattr(torch.ops.torchvision, name))
    if unknown:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in unknown:
            library.define(name + _SIGNATURES.get(name, _ANY_SIGNATURE))
        _libraries.append(library)
    return bool(unknown)


def _warn() -> None:
    version = getattr(sys.modules["torchvision"], "__version__", "(unknown version)")
    warnings.warn(
        f"torchvision {version} was built for another torch than the installed "
        f"{torch.__version__}, so its compiled operators did not load. dmmix goes on without "
        "them. What raises now: torchvision.ops with compiled parts (nms, roi_align, roi_pool, "
        "deform_conv2d, ...) and the image decoders of torchvision.io. To get them, install the "
        "torchvision build that matches this torch (same release, same CPU or CUDA variant).",
        TorchvisionWarning,
        stacklevel=2,
    )
