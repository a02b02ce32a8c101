"""FlexMatch's curriculum: which images are learned, and what that asks of each class."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count, Probability
from dmmix.functional.semi import flexmatch_thresholds
from dmmix.models.semi.parts.guess import Guess
from dmmix.models.semi.parts.part import Part
from dmmix.registry import MODELS


@MODELS.register_module()
class FlexThreshold(Checked, Part):
    r"""Remembers the last confident class of each unlabelled image and makes thresholds of that.

    A pseudo-label of class :math:`c` counts if its confidence is at least :math:`\tau_c`, see
    :func:`~dmmix.functional.semi.flexmatch_thresholds`; then images whose confidence is at least
    :math:`\tau` are remembered under their class, those of all processes in each of them.

    Args:
        num_classes: C, at least 1; a config may leave it out.
        threshold: :math:`\tau`, in [0, 1].
        warmup: see the function.

    Attributes:
        learned: (M,) the class of each unlabelled image, -1 for none; :meth:`resize` says how many
            there are.

    Source: FlexMatch (arXiv 2110.08263).
    """

    learned: Tensor

    def __init__(
        self, num_classes: Count, threshold: Probability = 0.95, warmup: bool = True
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.threshold = float(threshold)
        self.warmup = warmup
        self.register_buffer("learned", torch.zeros(0, dtype=torch.int64))

    def see_dataset(self, dataset: Any) -> None:
        """One entry for each unlabelled image."""
        self.resize(dataset.num_unlabelled)

    def resize(self, num_unlabelled: int) -> None:
        """Forgets all, and has room for so many unlabelled images; at least 1."""
        if num_unlabelled < 1:
            raise ValueError(f"num_unlabelled must be at least 1, got {num_unlabelled}")
        self.learned = self.learned.new_full((num_unlabelled,), -1)

    def thresholds(self) -> Tensor:
        """(C,) the thresholds by what is remembered."""
        # One class more, for images that have none.
        places = self.learned + 1
        counts = torch.zeros(self.num_classes + 1, device=places.device)
        counts.index_add_(0, places, torch.ones(len(places), device=places.device))
        return flexmatch_thresholds(counts[1:], counts[0], self.threshold, self.warmup)

    @torch.no_grad()
    def forward(self, guess: Guess) -> Tensor:
        """(M,) bools, which pseudo-labels count; then remembers the confident ones.

        Raises:
            ValueError: no ``guess.index``, or nobody said how many images there are.
        """
        if guess.index is None or not len(self.learned):
            raise ValueError(
                "FlexMatch needs to know the unlabelled images: batches with the numbers of a "
                "SemiDataset, and FlexThreshold.resize(number of images), which a DmmixRunner does"
            )
        limits = self.thresholds().index_select(0, guess.classes)
        mask = guess.confidence >= limits.to(guess.confidence.dtype)
        parts = (guess.confidence, guess.classes, guess.index)
        self._remember(*(torch.cat(all_gather(part)) for part in parts))
        return mask

    def _remember(self, confidence: Tensor, classes: Tensor, index: Tensor) -> None:
        # Those that are not confident go to a place of their own beyond the end. Of an image that
        # stands in the batch several times the last one counts, on every device.
        size = len(self.learned)
        place = torch.where(confidence >= self.threshold, index, size)
        order = torch.arange(len(index), device=index.device)
        last = torch.full((size + 1,), -1, device=index.device)
        last = last.scatter_reduce(0, place, order, reduce="amax")[:size]
        found = classes.index_select(0, last.clamp_min(0))
        self.learned.copy_(torch.where(last >= 0, found, self.learned))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        name = f"{prefix}learned"
        saved = state_dict.get(name)
        if saved is not None and saved.shape != self.learned.shape:
            if not len(saved):  # saved before the data was known: there is nothing to remember
                state_dict = {**state_dict, name: torch.full_like(self.learned, -1)}
            elif len(self.learned):
                raise ValueError(
                    f"the checkpoint remembers {len(saved)} unlabelled images, the data has "
                    f"{len(self.learned)}: FlexMatch can go on only with the data that it began "
                    "with"
                )
            else:
                self.learned = self.learned.new_full(saved.shape, -1)
        super()._load_from_state_dict(state_dict, prefix, *args)
