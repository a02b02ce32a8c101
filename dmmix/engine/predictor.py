"""A checkpoint that predicts images, with all that it needs for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmpretrain.models import MultiLabelClsHead
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.compat import CheckpointError
from dmmix.configuration.config_data import config_data
from dmmix.configuration.file_dataset import file_dataset
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import named_crop
from dmmix.functional.ranges import Count
from dmmix.registry import MODELS

#: Arguments that name weights to begin with, those of timm's networks too.
_BEGINNING = ("init_cfg", "pretrained", "checkpoint_path")


class Predicted(NamedTuple):
    """What a classifier makes of an image.

    Attributes:
        names: of the most probable classes, the first one first; none, where an image may have
            several classes and seems to have none.
        scores: their probabilities.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]


class Predictor(Checked):
    """The classifier of a checkpoint, which names the network, its preprocessing and the classes.

    Nothing that the checkpoint says is run or fetched: its config is read as data, with types of
    the registries alone.

    Example:
        .. code-block:: python

            predictor = dmmix.load('work_dirs/photos/best_accuracy_top1_epoch_90.pth')
            for image, (names, scores) in zip(files, predictor.predict(files)):
                print(image, names[0], scores[0])

    Args:
        checkpoint: of dmmix or mmengine's runner.
        device: where the network runs; the GPU if there is one.
        crops: 10 predicts the mean over the four corners, the middle, and the same of the mirror
            image; 1 the middle alone.
        batch_size: images at a time.

    Attributes:
        classes: names of the classes.
        multi_label: whether images may have several classes, or none, each with a probability of
            its own (the sigmoid of its logit).
        crop: how image files are cropped; ``None`` if the training data were no files.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: a file without a config, or of a network that its config does not build.
        ValueError: another number of crops.
    """

    def __init__(
        self,
        checkpoint: str,
        device: str | None = None,
        crops: Count = 1,
        batch_size: Count = 32,
    ) -> None:
        if crops not in (1, 10):
            raise ValueError(f"crops must be 1 or 10, got {crops}")
        if not Path(checkpoint).is_file():
            raise FileNotFoundError(f"there is no checkpoint {checkpoint}")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.batch_size = batch_size
        content, config = read_trained(checkpoint)
        self.model = _network(config, content.get("state_dict", {}), str(checkpoint))
        self.model.to(self.device)
        self.model.eval()
        self.classes = _class_names(content["meta"], self.model)
        self.multi_label = isinstance(self.model.head, MultiLabelClsHead)
        found = crop_options(config)
        self.crop = None if found is None else replace(found, ten_crop=crops == 10)

    def predict(
        self, images: Any, top: int | None = None, threshold: float | None = None
    ) -> list[Predicted]:
        """What is most probably in the images.

        Args:
            images: paths of files, Pillow images or (H, W, 3) uint8 RGB arrays, one or many; or
                (N, ch, H, W) uint8, as the training data were.
            top: how many classes of each, one by default; where an image may have several, how many
                at most.
            threshold: where an image may have several, the probability from which on it has a
                class, in [0, 1]; by default that of the head, 0.5.

        Raises:
            TypeError: something else.
            ValueError: a threshold outside [0, 1], or where an image has one class; a file that is
                no image, which is named; files for a classifier that was not trained on files.
        """
        least = self._least(threshold)
        if top is None:
            top = len(self.classes) if self.multi_label else 1
        several = isinstance(images, Iterable) and not isinstance(images, str | os.PathLike)
        if not several or (isinstance(images, np.ndarray) and images.ndim == 3):
            images = [images]
        scores = [self.scores(batch) for batch in self._batches(images)]
        if not scores:
            return []
        best = torch.cat(scores).topk(min(top, len(self.classes)), dim=1)
        found = []
        for classes, values in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            kept = sum(not value < least for value in values)  # the highest ones come first
            names = tuple(self.classes[c] for c in classes[:kept])
            found.append(Predicted(names, tuple(values[:kept])))
        return found

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> Tensor:
        """Probabilities of all classes, (N, C), of (N, ch, H, W) uint8, or (N, crops, ch, H, W)."""
        predictions: Any = self.model(**self._prepared(inputs), mode="predict")
        if isinstance(predictions, list):
            return torch.stack([sample.pred_score for sample in predictions]).cpu()
        return predictions.scores.float().cpu()

    @torch.no_grad()
    def logits(self, inputs: Tensor) -> Tensor:
        """What the head makes of (N, ch, H, W) uint8, (N, C), on the CPU."""
        network = getattr(self.model, "tested", self.model)
        return network(self._prepared(inputs)["inputs"]).cpu()

    def _prepared(self, inputs: Tensor) -> dict[str, Any]:
        unknown = torch.zeros(len(inputs), dtype=torch.long)
        return self.model.data_preprocessor({"inputs": inputs, "labels": unknown}, training=False)

    def read(self, image: Any) -> Tensor:
        """The crop of one image that is predicted, (3, H, W) uint8, or (10, 3, H, W).

        Raises:
            ValueError: as :meth:`predict`.
        """
        if self.crop is None:
            raise ValueError(
                "this classifier was not trained on image files: give it (N, ch, H, W) uint8, as "
                "its training data were"
            )
        name, data = _encoded(image)
        return torch.from_numpy(named_crop(data, self.crop, name))

    def _least(self, threshold: float | None) -> float:
        """The probability below which a class is not told."""
        if not self.multi_label:
            if threshold is not None:
                raise ValueError(
                    "threshold is for classifiers of images that may have several classes, and "
                    "this one is for one class an image: the highest score is the first"
                )
            return 0.0
        if threshold is None:
            own = self.model.head.thr
            return 0.5 if own is None else own
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1], got {threshold}")
        return threshold

    def _batches(self, images: Any) -> Iterator[Tensor]:
        if isinstance(images, Tensor):
            yield from images.split(self.batch_size)
            return
        rest = iter(images)
        while batch := [self.read(image) for image in islice(rest, self.batch_size)]:
            yield torch.stack(batch)


def read_trained(checkpoint: str) -> tuple[Mapping, dict[str, Any]]:
    """What a checkpoint holds, and the config in it, read as data; its model names no files.

    Raises:
        CheckpointError: it has none.
    """
    content = CheckpointLoader.load_checkpoint(str(checkpoint), "cpu", logger="silent")
    meta = content.get("meta") if isinstance(content, Mapping) else None
    if not isinstance(meta, Mapping) or not isinstance(meta.get("cfg"), str):
        raise CheckpointError(
            f"{checkpoint} holds no config, and says neither its network nor its classes: weights "
            "alone are not enough, take a checkpoint that a training has written (epoch_N.pth, "
            "best_*.pth)"
        )
    config = config_data(meta["cfg"], f"the config in {checkpoint}")
    return content, {**config, "model": _without_files(config.get("model"))}


def _network(config: Mapping, weights: Mapping, name: str) -> Any:
    model = config["model"]
    if not isinstance(model, dict):
        raise CheckpointError(f"{name}: its config has no model")
    preprocessor = config.get("data_preprocessor")
    if preprocessor and "data_preprocessor" not in model:
        model["data_preprocessor"] = preprocessor
    with DefaultScope.overwrite_default_scope(str(config.get("default_scope", "dmmix"))):
        network = MODELS.build(model)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{name}: its weights are not of its own config: {error}") from error
    return network


def _without_files(value: Any) -> Any:
    """The config without what weights begin with: a file or address that nobody needs now."""
    if isinstance(value, dict):
        network = str(value.get("model_name", ""))
        if set(network) & set(":/\\") or "HuggingFace" in str(value.get("type")):
            raise CheckpointError(
                f"the config names a network that would be fetched or read from a folder "
                f"({value.get('type')} {network}): only those that dmmix, mmpretrain and timm have "
                "are built"
            )
        return {key: _without_files(part) for key, part in value.items() if key not in _BEGINNING}
    if isinstance(value, list | tuple):
        return type(value)(_without_files(part) for part in value)
    return value


def _class_names(meta: Mapping, model: Any) -> tuple[str, ...]:
    names = (meta.get("dataset_meta") or {}).get("classes")
    number = model.head.num_classes
    if not names or len(names) != number:
        return tuple(map(str, range(number)))
    return tuple(map(str, names))


def crop_options(config: Mapping) -> CropOptions | None:
    """Of the test data, or else of the validation's; ``None`` for data that were no files."""
    for split in ("test", "val"):
        dataset = file_dataset((config.get(f"{split}_dataloader") or {}).get("dataset"))
        if dataset is not None:
            return CropOptions.for_testing(dataset)
    return None


def _encoded(image: Any) -> tuple[str, bytes]:
    """What an image is called, and its file."""
    if isinstance(image, str | os.PathLike):
        try:
            return str(image), Path(image).read_bytes()
        except OSError as error:
            raise ValueError(f"{image} cannot be read: {error.strerror}") from error
    from io import BytesIO

    from PIL import Image

    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise TypeError(
            "images must be paths, Pillow images, (H, W, 3) uint8 arrays or a (N, ch, H, W) uint8 "
            f"tensor, got {type(image).__name__}"
        )
    file = BytesIO()
    image.save(file, "PNG")
    return "an image", file.getvalue()
