"""``import cv2`` on a machine without a screen.

mmcv asks for opencv-python, which draws windows and so needs libraries of the desktop (libxcb,
libGL) that servers and containers often lack. opencv-python-headless is the same without windows.
"""

import importlib

__all__ = ["prepare"]


def prepare() -> None:
    """Import OpenCV.

    Raises:
        ImportError: OpenCV is not installed, or a library of the system that it needs is missing;
            the message says what to install.
    """
    try:
        importlib.import_module("cv2")
    except ModuleNotFoundError as error:
        if error.name != "cv2":
            raise
        raise ImportError(
            'dmmix needs OpenCV here, which is not installed: pip install "dmmix[mm]"', name="cv2"
        ) from error
    except ImportError as error:
        raise ImportError(
            f"OpenCV does not load ({error}): this machine has no screen, so put the build without "
            "windows in its place: pip install --no-deps --force-reinstall opencv-python-headless",
            name="cv2",
        ) from error
