"""Batches as tensors: images normalised, labels in one piece."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmpretrain.models.utils import ClsDataPreprocessor
from torch import Generator, Tensor

from dmmix.datasets.batch_transforms import BatchTransform, build_batch_transform
from dmmix.functional.transforms import normalize
from dmmix.mixups import RandomStream, step_generator
from dmmix.models.gather_labels import gather_labels
from dmmix.registry import MODELS

#: Of images with 16 bits.
_LARGEST_PIXEL = 2**16 - 1


@MODELS.register_module()
class MixupDataPreprocessor(ClsDataPreprocessor):
    """mmpretrain's preprocessing, with the labels of a training batch as one tensor.

    Takes batches of :class:`~dmmix.datasets.PackLabels` (``inputs``, ``labels``) and of
    mmpretrain's ``PackInputs`` (``inputs``, ``data_samples``). It returns ``inputs`` and
    ``labels``, (N,) integers or (N, C) soft labels (multi-hot ones of samples that have several
    classes, with ``num_classes``); for evaluation, batches of ``PackInputs``
    keep their data samples, and several crops of each image, (N, crops, ch, H, W), their shape.

    Args:
        batch_transforms: batch transforms (or their configs) for training batches, in order; they
            see the images as they come (uint8), on the device of the model, those with
            ``after_normalize`` (random erasing) the normalised ones. Their random numbers come
            from a random stream of their own (:class:`~dmmix.mixups.RandomStream`).
        others: those of :class:`mmpretrain.models.ClsDataPreprocessor` but ``batch_augments``:
            mixing is the ``mixup`` of :class:`~dmmix.models.MixupClassifier`.

    Attributes:
        channels_last: whether images come out in the channels-last memory format; ``False``
            leaves the format as it is.
    """

    channels_last = False

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        *args: Any,
        batch_transforms: Sequence[dict | BatchTransform] = (),
        batch_augments: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if batch_augments:
            raise ValueError(
                "train_cfg.augments / batch_augments: MixupClassifier mixes through its own "
                "argument, write model.mixup=dict(type=...) instead"
            )
        _check_normalisation(mean, std)
        super().__init__(mean, std, *args, **kwargs)
        self.before, self.after = split_transforms(batch_transforms)

    def forward(self, data: dict, training: bool = False) -> dict:
        """``data`` as collated; returns what ``MixupClassifier.forward`` takes."""
        inputs = self._images_or_crops(data["inputs"], training)
        labels, samples = data.get("labels"), data.get("data_samples")
        if training:
            labels = gather_labels(samples, self.num_classes) if labels is None else labels
            if labels is None:
                raise ValueError(
                    "a training batch needs 'labels' (PackLabels) or 'data_samples' (PackInputs), "
                    f"got {sorted(data)}"
                )
            return {"inputs": inputs, "labels": self.cast_data(labels)}
        if samples is None and labels is not None:
            return {"inputs": inputs, "labels": self.cast_data(labels)}
        return {"inputs": inputs, "data_samples": self.cast_data(samples)}

    def _images_or_crops(self, inputs: Tensor | Sequence[Tensor], training: bool) -> Tensor:
        if not isinstance(inputs, Tensor) or inputs.ndim != 5:
            return self._images(inputs, training)
        if training:
            raise ValueError(
                f"inputs must be (N, ch, H, W) in training, got {tuple(inputs.shape)}: several "
                "crops of an image (ten_crop=True) are for testing"
            )
        return self._images(inputs.flatten(0, 1), training).unflatten(0, inputs.shape[:2])

    def _images(self, inputs: Tensor | Sequence[Tensor], training: bool) -> Tensor:
        """Images on the device: augmented if ``training``, normalised, padded."""
        if training and (self.before or self.after):
            generator = step_generator(RandomStream.AUGMENTATION)
            return self.make_view(inputs, self.before, self.after, generator)
        return self.make_view(inputs)

    def make_view(
        self,
        inputs: Tensor | Sequence[Tensor],
        before: Sequence[BatchTransform] = (),
        after: Sequence[BatchTransform] = (),
        generator: Any = None,
    ) -> Tensor:
        """Images on the device, with transforms before and after they are normalised.

        ``generator`` is for the transforms, and may be left out without any.
        """
        if before or after:
            inputs = self._augmented(inputs, before, generator)
        images: Tensor
        if isinstance(inputs, Tensor) and self.pad_size_divisor <= 1:
            images = self.cast_data(inputs)
            if self.to_rgb and images.shape[1] == 3:
                images = images.flip(1)
            images = normalize(images, self.mean, self.std) if self._enable_normalize else images
            images = images.float()
        else:
            images = super().forward({"inputs": inputs})["inputs"]
        for transform in after:
            images = transform(images, generator)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images

    def _augmented(
        self,
        inputs: Tensor | Sequence[Tensor],
        before: Sequence[BatchTransform],
        generator: Generator,
    ) -> Tensor:
        if not isinstance(inputs, Tensor):
            if len({image.shape for image in inputs}) > 1:
                raise ValueError(
                    "batch_transforms need images of one size, this batch has "
                    f"{sorted({tuple(image.shape) for image in inputs})}"
                )
            inputs = torch.stack(list(inputs))
        images: Tensor = self.cast_data(inputs)
        for transform in before:
            images = transform(images, generator)
        return images


def _check_normalisation(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    """Both or none of them, and each what pixels can have."""
    if (mean is None) != (std is None):
        given, other = ("std", "mean") if mean is None else ("mean", "std")
        raise ValueError(
            f"{given} is given without {other}: images are normalised with both (mean=[0], std=[1] "
            "change nothing), or with neither"
        )
    for name, values, low, allowed in (
        ("mean", mean, -_LARGEST_PIXEL, f"in [-{_LARGEST_PIXEL}, {_LARGEST_PIXEL}]"),
        ("std", std, math.ulp(0), f"above 0, up to {_LARGEST_PIXEL}"),
    ):
        if values is not None and not all(low <= value <= _LARGEST_PIXEL for value in values):
            raise ValueError(
                f"{name} must be {allowed} (pixels are, for most images, 0 to 255), got {values}"
            )


def split_transforms(
    transforms: Sequence[dict | BatchTransform], name: str = "batch_transforms"
) -> tuple[list[BatchTransform], list[BatchTransform]]:
    """Those before and those after the images are normalised; ``name`` is for messages.

    Raises:
        TypeError: no list.
        ValueError: one that sees normalised images before one that does not.
    """
    if isinstance(transforms, Mapping) or not isinstance(transforms, Sequence):
        raise TypeError(f"{name} must be a list, got {transforms!r}")
    built = [build_batch_transform(transform) for transform in transforms]
    before = [transform for transform in built if not transform.after_normalize]
    after = [transform for transform in built if transform.after_normalize]
    if built != before + after:
        names = [type(transform).__name__ for transform in built]
        raise ValueError(f"{name}: those that see normalised images must be the last, got {names}")
    return before, after
