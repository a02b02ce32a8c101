"""A linear head on the features of a frozen network, mixed in feature space."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dmmix.functional import MixupLoss, mixup_cross_entropy
from dmmix.mixups import Mix

#: Weight decays that are tried, of AdamW: a step takes the rate times as much of the weights.
DECAYS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
#: What a head is trained for at least, where nobody says for how long.
_STEPS, _EPOCHS = 250, 20


@dataclass(frozen=True)
class HeadTraining:
    """How a linear head is trained: AdamW, with a rate that falls to 0 along a cosine.

    Attributes:
        loss: of logits and labels, mixed or not.
        mix: of features and labels; ``None`` leaves them as they are.
        epochs: how often each feature is seen; by default so often that there are 250 steps, and at
            least 20 times.
        rate: learning rate at the beginning.
        batch_size: features at a time.
        seed: of order and mixes.
    """

    loss: MixupLoss
    mix: Mix | None = None
    epochs: int | None = None
    rate: float = 0.01
    batch_size: int = 512
    seed: int = 0

    def train(self, head: Any, features: Tensor, labels: Tensor, decay: float) -> None:
        """Trains the head from zero.

        Features are standardised, so that rates and decays mean the same for all networks; in the
        end the head is that of the features as they are.

        Args:
            head: of a classifier, with one linear layer.
            features: (N, D).
            labels: (N,) integers.
            decay: weight decay.
        """
        mean, std = features.mean(0), features.std(0, correction=0)
        scale = std.clamp_min(0.1 * float(std.mean()) or 1.0)  # some hardly ever differ from 0
        features = (features - mean) / scale
        layer = linear_layer(head)
        for weights in layer.parameters():
            nn.init.zeros_(weights)
        generator = torch.Generator().manual_seed(self.seed)
        optimizer = torch.optim.AdamW(layer.parameters(), self.rate, weight_decay=decay)
        batches = math.ceil(len(features) / self.batch_size)
        epochs = self.epochs or max(_EPOCHS, math.ceil(_STEPS / batches))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
        for _ in range(epochs):
            for rows in torch.randperm(len(features), generator=generator).split(self.batch_size):
                self._loss(head, features[rows], labels[rows], generator).backward()
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
        with torch.no_grad():
            layer.weight /= scale
            layer.bias.sub_(layer.weight @ mean)

    def _loss(self, head: Any, features: Tensor, labels: Any, generator: torch.Generator) -> Tensor:
        if self.mix is not None:
            mixed = self.mix.mix(features, labels, generator)
            features, labels = mixed.images, mixed.labels
        return self.loss(head((features,)), labels)


class Probed(NamedTuple):
    """The best head of several.

    Attributes:
        head: the trained one.
        decay: its weight decay.
        accuracy: its share of right predictions of the validation data.
        tried: the accuracies of all decays.
    """

    head: Any
    decay: float
    accuracy: float
    tried: dict[float, float]


def probe(
    head: Any,
    training: HeadTraining,
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    decays: tuple[float, ...] = DECAYS,
) -> Probed:
    """Trains a head with each weight decay, and takes that which is best on validation data; of
    equally good ones that with the least cross entropy there.

    Args:
        head: as for :meth:`HeadTraining.train`; a copy of it is trained.
        training: how.
        train, val: features (N, D) and labels (N,).
        decays: which.
    """
    heads, tried, entropies = {}, {}, {}
    for decay in decays:
        heads[decay] = deepcopy(head)
        training.train(heads[decay], *train, decay)
        tried[decay] = accuracy(heads[decay], *val)
        with torch.no_grad():
            entropies[decay] = float(mixup_cross_entropy(heads[decay]((val[0],)), val[1]))
    best = max(tried, key=lambda decay: (tried[decay], -entropies[decay]))
    return Probed(heads[best], best, tried[best], tried)


@torch.no_grad()
def accuracy(head: Any, features: Tensor, labels: Tensor) -> float:
    """Share of right predictions."""
    return float((head((features,)).argmax(1) == labels).float().mean())


def linear_layer(head: Any) -> nn.Linear:
    """The one linear layer of a head.

    Raises:
        ValueError: none, or several.
    """
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    if len(layers) != 1 or layers[0].bias is None:
        raise ValueError(
            f"a probe trains a head of one linear layer, and {type(head).__name__} has "
            f"{len(layers)}: take DMLinearClsHead"
        )
    return layers[0]
