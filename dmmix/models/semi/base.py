"""What every semi-supervised method is: a classifier that learns from two streams of images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import NonNegative, Probability
from dmmix.functional.semi import linear_ramp
from dmmix.mixups import training_progress
from dmmix.models.classifiers.base import BatchClassifier
from dmmix.models.semi.parts.part import Part
from dmmix.models.semi.parts.stream_mix import StreamMix, build_stream_mix

#: Name of a view: (stream, kind of transforms).
Views = Mapping[str, tuple[str, str]]
#: Labelled images, and unlabelled ones twice.
TWO_WEAK_VIEWS: Views = {
    "labelled": ("labelled", "weak"),
    "weak": ("unlabelled", "weak"),
    "weak2": ("unlabelled", "weak"),
}


class SemiClassifier(Checked, BatchClassifier):
    """A classifier that learns from a labelled and an unlabelled stream.

    A method names the views it wants (:attr:`views`) and writes :meth:`step_losses`. All else is
    here: one forward pass over all views, ramps, mixing between the streams, and telling parts that
    remember something what a runner tells.

    Args:
        backbone, neck, head, pretrained, train_cfg, init_cfg: as for
            :class:`mmpretrain.models.ImageClassifier`. The head's loss is that of the labelled
            images.
        data_preprocessor: of :class:`~dmmix.models.semi.SemiDataPreprocessor`: weak and strong
            transforms. It makes the views of :attr:`views`.
        unlabelled_weight: of the unlabelled loss, 0 or more.
        ramp: over which part of the training that weight rises linearly from 0, in [0, 1]; 0 for
            none. Without a runner there is no progress, and the weight is whole.
        joint_forward: one pass over all views, so that BatchNorm sees them together, as the authors
            of the methods do; ``False`` runs them one after another.
        stream_mix: config of :class:`~dmmix.models.semi.StreamMix`, which adds a loss on mixes of
            labelled with unlabelled images; ``None`` for none.

    Attributes:
        views: name of a view: (stream, kind of transforms), such as
            ``{"weak": ("unlabelled", "weak")}``.

    Raises:
        ValueError: an argument out of range.
    """

    preprocessor: ClassVar[str] = "dmmix.SemiDataPreprocessor"
    views: ClassVar[Views]

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        *,
        unlabelled_weight: NonNegative = 1.0,
        ramp: Probability = 0.0,
        joint_forward: bool = True,
        stream_mix: dict | StreamMix | None = None,
        data_preprocessor: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(data_preprocessor, Mapping) or data_preprocessor is None:
            data_preprocessor = {**(data_preprocessor or {}), "views": dict(self.views)}
        super().__init__(backbone, neck, head, data_preprocessor=data_preprocessor, **kwargs)
        self.unlabelled_weight = float(unlabelled_weight)
        self.ramp = float(ramp)
        self.joint_forward = joint_forward
        self.stream_mix = None if stream_mix is None else build_stream_mix(stream_mix)
        self._hidden_labels: Tensor | None = None

    def loss(
        self,
        inputs: dict[str, Tensor],
        labels: Tensor,
        index: Tensor | None = None,
        hidden_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The losses of a step.

        Args:
            inputs: view by name, as in :attr:`views`; (B, ch, H, W) for views of labelled
                images, (mu B, ch, H, W) for those of unlabelled ones.
            labels: (B,) integers.
            index: (mu B,) numbers of the unlabelled images in the unlabelled set.
            hidden_labels: (mu B,) integers, the true classes of the unlabelled images, to log how
                many pseudo-labels are right (:meth:`pseudo_label_accuracy`); nothing learns from
                them.

        Raises:
            TypeError, ValueError: a batch without both streams.
        """
        if not isinstance(inputs, Mapping):
            raise TypeError(
                f"{type(self).__name__} trains on batches of two streams: the training loader "
                "needs a SemiDataset and the model a SemiDataPreprocessor, got one tensor of images"
            )
        absent = [name for name in self.views if name not in inputs]
        if absent:
            raise ValueError(
                f"{type(self).__name__} needs the views {list(self.views)}, the batch lacks "
                f"{absent}"
            )
        self._hidden_labels = hidden_labels
        try:
            return self.step_losses(inputs, labels, index)
        finally:
            self._hidden_labels = None

    @abstractmethod
    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        """The method. Entries with ``loss`` in their name are added up, others only logged."""

    # -- what methods are made of --------------------------------------------------------

    def logits(self, *views: Tensor) -> tuple[Tensor, ...]:
        """Logits of each of these views, (N, C) each, in one forward pass (``joint_forward``)."""
        (logits,) = self.passed(lambda images: (self.head(self.extract_feat(images)),), *views)
        return logits

    def passed(
        self, network: Callable[[Tensor], tuple[Tensor, ...]], *views: Tensor
    ) -> tuple[tuple[Tensor, ...], ...]:
        """What a network makes of these views in one forward pass, or (``joint_forward=False``) in
        one each: for each of its results that of each view, (N, ...)."""
        if not self.joint_forward:
            return tuple(zip(*map(network, views), strict=True))
        sizes = [len(view) for view in views]
        return tuple(result.split(sizes) for result in network(torch.cat(views)))

    def labelled_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The head's loss on labelled images, one number."""
        return self.head.loss_module(logits, labels)

    def ramped_weight(self) -> float:
        """``unlabelled_weight``, or the part of it that is due by now."""
        progress = training_progress()
        if progress is None or self.ramp == 0:
            return self.unlabelled_weight
        return self.unlabelled_weight * linear_ramp(progress, self.ramp)

    def mixed_losses(
        self,
        labelled: Tensor,
        labels: Tensor,
        unlabelled: Tensor,
        pseudo: Tensor,
        confidence: Tensor,
    ) -> dict[str, Tensor]:
        """Those of ``stream_mix``, none without it."""
        if self.stream_mix is None:
            return {}
        return self.stream_mix.losses(self, labelled, labels, unlabelled, pseudo, confidence)

    def pseudo_label_accuracy(
        self, classes: Tensor, counts: Tensor | None = None
    ) -> dict[str, Tensor]:
        """How many pseudo-labels are right, in %; nothing where the true ones are not known.

        Args:
            classes: (mu B,) pseudo-labels.
            counts: (mu B,) bools, which of them count, or weights, how much; all by default.

        Returns:
            ``pseudo_accuracy`` of those that count (0 where none does).
        """
        if self._hidden_labels is None:
            return {}
        right = classes == self._hidden_labels
        counts = torch.ones_like(right) if counts is None else counts
        total = counts.sum()
        return {"pseudo_accuracy": 100 * (right * counts).sum() / total.where(total > 0, 1)}

    # -- what a runner tells -------------------------------------------------------------

    def see_dataset(self, dataset: Any) -> None:
        """Called before training with the dataset of the training loader.

        Raises:
            ValueError: it has no two streams, or another number of classes than the head.
        """
        if not hasattr(dataset, "num_unlabelled"):
            raise ValueError(
                f"{type(self).__name__} needs train_dataloader.dataset of type SemiDataset, got "
                f"{type(dataset).__name__}"
            )
        ours = getattr(self.head, "num_classes", None)
        if ours is not None and dataset.num_classes != ours:
            raise ValueError(
                f"head.num_classes={ours}, but the labels of train_dataloader.dataset have "
                f"{dataset.num_classes} classes"
            )
        self._tell("see_dataset", dataset)

    def start_training(self) -> None:
        """Called before the first update of the weights, unless the run is a resumed one."""
        self._tell("start_training", self)

    def after_update(self) -> None:
        """Called after each update of the weights."""
        self._tell("after_update", self)

    def _tell(self, event: str, what: Any) -> None:
        for part in self.children():
            if isinstance(part, Part):
                getattr(part, event)(what)
