"""torchvision's (and mmpretrain's) functions of one image, for batches: the reference."""

import math

import pytest
import torch

from dmmix import compat

__all__ = ["MOVES", "one", "one_by_one", "torchvisions"]

MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")


def torchvisions():
    """``torchvision.transforms.v2.functional``."""
    compat.prepare()
    return pytest.importorskip("torchvision.transforms.v2.functional")


def one(op, image, value=None, interpolation="nearest", fill=None, center=0, threshold=128):
    """What ``op`` of dmmix.functional.transforms does with an image, by its value."""
    tv = torchvisions()
    if op == "solarize_add":  # as mmpretrain has it
        raised = (image + value).clamp(max=255).to(torch.uint8)
        return torch.where(image < threshold, raised, image)
    if op not in MOVES:
        return getattr(tv, op)(image, *() if value is None else (value,))
    options = dict(interpolation=tv.InterpolationMode(interpolation), fill=fill)
    if op == "rotate":
        return tv.rotate(image, value, **options)
    move = dict(angle=0.0, translate=[0, 0], scale=1.0, shear=[0.0, 0.0])
    if op.startswith("shear"):  # as its RandAugment calls it
        degrees = math.degrees(math.atan(value))
        move["shear"] = [degrees, 0.0] if op == "shear_x" else [0.0, degrees]
        move["center"] = [center, center]
    else:
        move["translate"] = [value, 0.0] if op == "translate_x" else [0.0, value]
    return tv.affine(image, **move, **options)


def one_by_one(op, images, values=None, *options):
    """The images of a batch, each with its value."""
    values = [None] * len(images) if values is None else values.tolist()
    return torch.stack([one(op, i, v, *options) for i, v in zip(images, values, strict=True)])
