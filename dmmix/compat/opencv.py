"""``import cv2`` on a machine without a screen.

mmcv asks for opencv-python, which draws windows and so needs libraries of the desktop (libxcb,
libGL) that servers and containers often lack. opencv-python-headless is the same without windows.
"""

import re

from dmmix.compat.needed import import_needed

__all__ = ["prepare"]

_MISSING_LIBRARY = re.compile(r"(?:open|loading) shared |Library not loaded|DLL load failed")


def prepare() -> None:
    """Import OpenCV.

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
