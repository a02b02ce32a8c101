"""The mixes of other libraries, as steps to time; a library that is not installed is left out."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor

from dmmix import compat

compat.prepare()  # before they import a torchvision that was built for another torch

PACKAGES = ("timm", "torchvision", "kornia", "mmpretrain")
#: What they are called where they are installed from.
DISTRIBUTIONS = ("timm", "torchvision", "kornia", "mmpretrain", "onedl-mmpretrain")

Call = Callable[[Tensor, Tensor], object]
Found = dict[str, dict[str, Call]]


def peers(num_classes: int) -> Found:
    """By method and by peer, ``call(images, labels)``; ``labels`` are (N,) integers.

    All draw lam from Beta(1, 1) and mix every batch. Their labels come as they make them: (N, C)
    soft labels, or pairs of classes with lam (kornia).
    """
    found: Found = {"Mixup": {}, "CutMix": {}, "ResizeMix": {}}
    for package, add in zip(PACKAGES, (_timm, _torchvision, _kornia, _mmpretrain), strict=True):
        try:
            with _quiet():
                importlib.import_module(package)
        except ImportError:
            continue
        with _quiet():
            add(found, num_classes)
    return found


def _timm(found: Found, num_classes: int) -> None:
    from timm.data import Mixup

    for method, mixup, cutmix in (("Mixup", 1.0, 0.0), ("CutMix", 0.0, 1.0)):
        for mode, form in (("batch", "per batch"), ("elem", "per sample")):
            found[method][f"timm, {form}"] = Mixup(
                mixup, cutmix, mode=mode, label_smoothing=0.0, num_classes=num_classes
            )


def _torchvision(found: Found, num_classes: int) -> None:
    from torchvision.transforms import v2

    found["Mixup"]["torchvision, per batch"] = v2.MixUp(num_classes=num_classes)
    found["CutMix"]["torchvision, per batch"] = v2.CutMix(num_classes=num_classes)


def _kornia(found: Found, num_classes: int) -> None:
    from kornia.augmentation import RandomCutMixV2, RandomMixUpV2

    for once, form in ((True, "per batch"), (False, "per sample")):
        both = dict(p=1.0, same_on_batch=once, data_keys=["input", "class"])
        found["Mixup"][f"kornia, {form}"] = RandomMixUpV2(**both)
        found["CutMix"][f"kornia, {form}"] = RandomCutMixV2(use_correct_lambda=True, **both)


def _mmpretrain(found: Found, num_classes: int) -> None:
    from mmpretrain.models.utils import batch_augments

    for method in ("Mixup", "CutMix", "ResizeMix"):
        augment = getattr(batch_augments, method)(alpha=1.0)

        def call(images: Tensor, labels: Tensor, augment=augment) -> object:
            # What its RandomBatchAugment is given in training.
            scores = torch.nn.functional.one_hot(labels, num_classes)
            return augment(images, scores)

        found[method]["mmpretrain, per batch"] = call


@contextmanager
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
