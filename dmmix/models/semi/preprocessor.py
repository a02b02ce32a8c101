"""Views of the images of two streams."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dmmix.datasets.batch_transforms import BatchTransform
from dmmix.mixups import RandomStream, step_generator
from dmmix.models.data_preprocessor import MixupDataPreprocessor, split_transforms
from dmmix.registry import MODELS

_STREAMS = ("labelled", "unlabelled")
_KINDS = ("weak", "strong", "none")
_VIEWS = tuple(itertools.product(_STREAMS, _KINDS))


@MODELS.register_module()
class SemiDataPreprocessor(MixupDataPreprocessor):
    """Weak and strong views of a labelled and an unlabelled stream, on the device of the model.

    Takes the training batches of a :class:`~dmmix.datasets.SemiDataset`,

    ``{"labelled": {"inputs", "labels"}, "unlabelled": {"inputs", "index"}}``,

    and returns ``inputs``, a dict of views by name, ``labels`` and ``index``. Image ``i`` of a view
    is image ``i`` of its stream, in every view. Where a stream has several crops of each image,
    (N, crops, ch, H, W), its views take them in turn. All views of a kind are transformed together.
    Batches for evaluation are treated as by :class:`~dmmix.models.MixupDataPreprocessor`.

    Config (a method adds ``views`` itself)::

        data_preprocessor = dict(
            type='SemiDataPreprocessor', mean=..., std=..., num_classes=10,
            weak_transforms=[dict(type='BatchRandomCrop', crop_size=32, padding=4),
                             dict(type='BatchRandomFlip', prob=0.5)],
            strong_transforms=[dict(type='BatchRandomCrop', crop_size=32, padding=4),
                               dict(type='BatchRandomFlip', prob=0.5),
                               dict(type='BatchRandAugment', policies='fixmatch')])

    Args:
        weak_transforms, strong_transforms: batch transforms, or their configs, of these kinds of
            views; those that see normalised images (random erasing) stand last.
        views: name of a view: (stream, kind); streams are ``'labelled'`` and ``'unlabelled'``,
            kinds ``'weak'``, ``'strong'`` and ``'none'``, not transformed.
        others: of :class:`~dmmix.models.MixupDataPreprocessor` but ``batch_transforms``.

    Raises:
        TypeError, ValueError: a bad argument; (in training) a batch without both streams, or
            without images in one of them.
    """

    def __init__(
        self,
        *args: Any,
        weak_transforms: Sequence[dict | BatchTransform] = (),
        strong_transforms: Sequence[dict | BatchTransform] = (),
        views: Mapping[str, tuple[str, str]] | None = None,
        batch_transforms: Sequence[dict] = (),
        **kwargs: Any,
    ) -> None:
        if batch_transforms:
            raise ValueError(
                "batch_transforms: SemiDataPreprocessor has two kinds of views, write "
                "weak_transforms and strong_transforms"
            )
        super().__init__(*args, **kwargs)
        self.transforms = {
            "weak": split_transforms(weak_transforms, "weak_transforms"),
            "strong": split_transforms(strong_transforms, "strong_transforms"),
            "none": ([], []),
        }
        self.views = _checked_views(views or {})

    def forward(self, data: dict, training: bool = False) -> dict:
        """``data`` as the loader gives it; returns what a method's ``forward`` takes."""
        if not training:
            return super().forward(data, training)
        if not self.views:
            raise ValueError(
                "SemiDataPreprocessor needs views to train; a semi-supervised method "
                "(model.type='FixMatch') gives its own"
            )
        absent = [name for name in _STREAMS if "inputs" not in data.get(name, ())]
        if absent:
            raise ValueError(
                f"a semi-supervised batch has the streams {_STREAMS}, this one lacks {absent}: "
                "train_dataloader.dataset must be a SemiDataset"
            )
        streams = {name: self._images_of(data[name]["inputs"]) for name in _STREAMS}
        others = {
            key: value
            for name in _STREAMS
            for key, value in data[name].items()
            if key != "inputs" and (name == "labelled" or key != "labels")
        }
        return {"inputs": self._views(streams), **self.cast_data(others)}

    def _images_of(self, inputs: Tensor | Sequence[Tensor]) -> Tensor:
        inputs = inputs if isinstance(inputs, Tensor) else torch.stack(list(inputs))
        return self.cast_data(inputs)

    def _views(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        generator = step_generator(RandomStream.AUGMENTATION)
        crops = self._crops(streams)
        views: dict[str, Tensor] = {}
        for kind, (before, after) in self.transforms.items():
            names = [name for name, (_, of) in self.views.items() if of == kind]
            if not names:
                continue
            parts = [crops[name] for name in names]
            images = self.make_view(torch.cat(parts), before, after, generator)
            views.update(zip(names, images.split([len(part) for part in parts]), strict=True))
        return {name: views[name] for name in self.views}

    def _crops(self, streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """For each view the images that it is made of."""
        used = dict.fromkeys(_STREAMS, 0)
        found = {}
        for name, (stream, _) in self.views.items():
            images = streams[stream]
            if images.ndim == 5:
                images = images[:, used[stream] % images.shape[1]]
                used[stream] += 1
            found[name] = images
        return found


def _checked_views(views: Mapping) -> dict[str, tuple[str, str]]:
    for name, view in views.items():
        if not isinstance(view, Sequence) or tuple(view) not in _VIEWS:
            raise ValueError(
                f"views[{name!r}] must be (stream, kind) with a stream of {_STREAMS} and a kind "
                f"of {_KINDS}, got {view!r}"
            )
    return {name: tuple(view) for name, view in views.items()}
