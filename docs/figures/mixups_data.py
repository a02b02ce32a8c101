"""Photographs and a small network for the pictures of mixups.py.

The photographs come with scikit-learn: a pagoda (danielbuechele) and a flower (vultilion), both
CC BY 2.0. The network learns in under a minute to tell crops of the pagoda, of the flower and of
what is around them, so it looks where the things are. It stands in for the pretrained network that
the methods are meant for.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from sklearn.datasets import load_sample_images
from torch import Generator, Tensor, nn
from torch.nn import functional as F

NAMES = ("pagoda", "flower")
STAGES = ["stage1", "stage2", "stage3", "stage4"]  # of the network
SIZE = 160  # of an image in a picture
_BACKGROUND = 2
# Where the things are in the photographs, (left, top, right, bottom), and the square to show.
_THINGS = [[(60, 25, 375, 427)], [(165, 80, 450, 362), (285, 370, 470, 427)]]
_SQUARES = [(0, 0, 427, 427), (60, 0, 487, 427)]
_MEAN, _DEVIATION = 0.45, 0.25
_STEPS, _BATCH, _CROP = 250, 32, 64


@lru_cache
def photographs() -> list[Tensor]:
    """Each (3, 427, 640), in [0, 1]."""
    return [
        torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
        for image in load_sample_images().images
    ]


@lru_cache
def pair(size: int = SIZE) -> tuple[Tensor, Tensor]:
    """The pagoda and the flower, (3, size, size) each, in [0, 1]."""
    first, second = (
        _cut(photograph, square, size)
        for photograph, square in zip(photographs(), _SQUARES, strict=True)
    )
    return first, second


@lru_cache
def views() -> dict[str, Tensor]:
    """Four squares of the photographs, by what is in them: the pair and two more."""
    first, second = pair()
    trees = _cut(photographs()[0], (340, 130, 637, 427), SIZE)
    roof = _cut(photographs()[0], (90, 15, 330, 255), SIZE)
    return {"pagoda": first, "flower": second, "trees": trees, "roof": roof}


def normalise(images: Tensor) -> Tensor:
    return (images - _MEAN) / _DEVIATION


def denormalise(images: Tensor) -> Tensor:
    return images * _DEVIATION + _MEAN


class Network(nn.Sequential):
    """Four stages; ``stage4`` makes the last feature map, ``head`` reads its mean."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        widths = [3, 16, 32, 48, 64]
        for k in range(4):
            stage = nn.Sequential(
                nn.Conv2d(widths[k], widths[k + 1], 3, 2 if k < 3 else 1, 1, bias=False),
                nn.BatchNorm2d(widths[k + 1]),
                nn.ReLU(),
            )
            self.add_module(f"stage{k + 1}", stage)
        self.add_module("pool", nn.AdaptiveAvgPool2d(1))
        self.add_module("flatten", nn.Flatten())
        self.add_module("head", nn.Linear(widths[-1], num_classes))


class Transformer(nn.Module):
    """A class token that attends once to the features of :func:`network` after its third stage."""

    heads = 2

    def __init__(self, width: int = 48, num_classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(*list(network())[:3]).requires_grad_(False)
        self.norm = nn.LayerNorm(width)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        self.stem.eval()
        patches = self.norm(self.stem(images).flatten(2).transpose(1, 2))
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], 1)
        qkv = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.head(F.scaled_dot_product_attention(*qkv)[:, :, 0].flatten(1))


def train(model: nn.Module, lr: float = 0.01, steps: int = _STEPS) -> nn.Module:
    """Trains on crops of the photographs; same seed, same network."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    model.train()
    for _ in range(steps):
        images, labels = _crops(_BATCH, generator)
        loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@lru_cache
def network() -> nn.Module:
    torch.manual_seed(0)
    return train(Network())


@lru_cache
def transformer() -> Transformer:
    network()  # first: it draws too, unless it is there already
    torch.manual_seed(0)
    return train(Transformer())


def accuracy(model: nn.Module) -> float:
    """On crops that it was not trained on."""
    images, labels = _crops(512, torch.Generator().manual_seed(1))
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def _crops(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Normalised crops of the photographs, as many of each class as chance has it."""
    images, labels = [], []
    while len(images) < n:
        which = int(torch.randint(2, (), generator=generator))
        wanted = which if torch.rand((), generator=generator) < 0.6 else _BACKGROUND
        photograph = photographs()[which]
        _, height, width = photograph.shape
        side = int(torch.randint(60, 427, (), generator=generator))
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        box = (left, top, left + side, top + side)
        if _label(box, which) != wanted:
            continue
        crop = _cut(photograph, box, _CROP)
        images.append(crop.flip(2) if torch.rand((), generator=generator) < 0.5 else crop)
        labels.append(wanted)
    batch = torch.stack(images)
    contrast = 1 + 0.6 * (torch.rand(n, 1, 1, 1, generator=generator) - 0.5)
    light = 0.3 * (torch.rand(n, 3, 1, 1, generator=generator) - 0.5)
    return normalise(batch * contrast + light), torch.tensor(labels)


def _label(box: tuple[int, int, int, int], which: int) -> int | None:
    """What is in the crop; ``None`` where it is neither mostly the thing nor without it."""
    side = box[2] - box[0]
    areas = [_overlap(box, thing) for thing in _THINGS[which]]
    left, top, right, bottom = _THINGS[which][0]
    if max(areas) > 0.6 * side**2 or areas[0] > 0.8 * (right - left) * (bottom - top):
        return which
    return _BACKGROUND if sum(areas) < 0.03 * side**2 else None


def _overlap(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> int:
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    return max(width, 0) * max(height, 0)


def _cut(photograph: Tensor, box: tuple[int, int, int, int], size: int) -> Tensor:
    left, top, right, bottom = box
    crop = photograph[None, :, top:bottom, left:right]
    return F.interpolate(crop, (size, size), mode="bilinear", antialias=True)[0].clamp(0, 1)
