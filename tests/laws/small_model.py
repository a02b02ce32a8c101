"""A network that answers all that mixes ask, and a check that it is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dmmix.functional import Guide
from tests.functional.asking import assert_same_state, state_of

__all__ = ["SmallModel", "left_alone", "same"]


def same(channels: int) -> nn.Conv2d:
    """A layer that changes nothing."""
    layer = nn.Conv2d(channels, channels, 1, bias=False)
    nn.init.dirac_(layer.weight)
    return layer


class SmallModel(nn.Module):
    """Stages that change nothing, BatchNorm with some history, a last feature map, dropout, and an
    attention over patches whose class token looks where it likes.

    Args:
        channels, classes: of the images.
        patch: side of a patch; 1 takes images of any size.
        extra: tokens that stand for no patch.

    Attributes:
        pixels: (N, ch, H, W), what left the stages in the last forward pass.
        attention: (N, T) of the class token to the patches in it.
    """

    heads = 2

    def __init__(self, channels: int = 3, classes: int = 8, patch: int = 1, extra: int = 1) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = same(channels), same(channels)
            self.stem = nn.Conv2d(channels, 8, 3, stride=2, padding=1)
            self.norm = nn.BatchNorm2d(8)
            self.block = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 6, 3, padding=1))
            self.drop = nn.Dropout(0.5)
            self.fc = nn.Linear(6, classes)
            self.patches = nn.Conv2d(channels, 8, patch, patch)
            self.tokens = nn.Parameter(torch.randn(1, extra, 8))
            self.qkv = nn.Linear(8, 24)
            self.head = nn.Linear(8, classes)
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(self.qkv.weight)

    def forward(self, images: Tensor) -> Tensor:
        self.pixels = self.last(self.first(images))
        maps = self.block(self.norm(self.stem(self.pixels)))
        return self.fc(self.drop(maps.mean((2, 3)))) + self.head(self._attend(self.pixels))

    def _attend(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.tokens.to(patches.dtype).expand(len(images), -1, -1), patches], 1)
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).unbind(2)
        scores = torch.einsum("nhd,nthd->nht", query[:, 0], key) / query.shape[-1] ** 0.5
        weights = scores.softmax(2)
        self.attention = weights.detach().mean(1)[:, self.tokens.shape[1] :]
        return torch.einsum("nht,nthd->nhd", weights, value).flatten(1)

    def guide(self) -> Guide:
        return Guide(
            self,
            features="block",
            classifier="fc",
            stages=["first", "last"],
            attention="qkv",
            heads=self.heads,
            extra_tokens=self.tokens.shape[1],
        )


@contextmanager
def left_alone(model: SmallModel) -> Iterator[None]:
    """Raises AssertionError unless nothing of the model changes inside."""
    images = torch.randn(2, model.first.in_channels, 8, 8)
    model(images.to(model.fc.weight.dtype)).sum().backward()
    model.norm.eval()  # one module in another mode than the others
    model.fc.bias.requires_grad_(False)
    before = state_of(model)
    yield
    assert_same_state(before, state_of(model))
