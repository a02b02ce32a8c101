"""A package of the stack, or a sentence on how to get it."""

import importlib
import re

_MISSING_LIBRARY = re.compile(r"(?:open|loading) shared |Library not loaded|DLL load failed")


def import_needed(module: str, name: str | None = None, install: str | None = None) -> None:
    """Import a package.

    Args:
        module: What to import.
        name: What the package is called, if not by its module.
        install: What the package index calls it, if it is none that dmmix's extras bring.

    Raises:
        ImportError: It is not installed. What else goes wrong in it is raised as it is.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        # The name dmmix on the package index is not ours.
        how = 'in the checkout of dmmix, pip install -e ".[mm]"'
        raise ImportError(
            f"dmmix needs {name or module} here, which is not installed: "
            f"{f'pip install {install}' if install else how}",
            name=module,
        ) from error


def import_opencv() -> None:
    """Import OpenCV, also on a machine without a screen.

    mmcv asks for opencv-python, which draws windows and so needs libraries of the desktop (libxcb,
    libGL) that servers and containers often lack. opencv-python-headless is the same without.

    Raises:
        ImportError: OpenCV is not installed, or a library of the system that it needs is missing;
            the message says what to install.
    """
    try:
        import_needed("cv2", "OpenCV")
    except ImportError as error:
        if not _MISSING_LIBRARY.search(str(error)):
            raise
        raise ImportError(
            f"OpenCV does not load ({error}): this machine has no screen, so put the build without "
            "windows in its place: pip install --no-deps --force-reinstall opencv-python-headless",
            name="cv2",
        ) from error
