"""Pictures made for tests."""

import cv2
import numpy as np
from PIL import Image

ORIENTATION = 0x0112  # tag of EXIF


def picture(height, width, seed=0):
    """(H, W, 3) uint8 RGB, smooth and different everywhere."""
    grid = np.random.default_rng(seed).random((4, 4, 3))
    smooth = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return (np.clip(smooth, 0, 1) * 255).astype(np.uint8)


def turned(image, orientation):
    """How a camera with this EXIF orientation stores the upright image."""
    return {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, 1),  # to be turned clockwise for viewing
        7: lambda x: np.rot90(x, 1)[:, ::-1][::-1][:, ::-1][::-1][::-1],
        8: lambda x: np.rot90(x, -1),
    }[orientation](image)


def save(path, image, orientation=None, **options):
    """Writes an RGB (or grey) array as the kind of file that its name says."""
    image = Image.fromarray(np.ascontiguousarray(image))
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    image.save(path, **options)
    return str(path)


def pixels(sample):
    """(H, W, ch), of a sample of ``inputs`` (ch, H, W)."""
    return sample["inputs"].permute(1, 2, 0).numpy()
