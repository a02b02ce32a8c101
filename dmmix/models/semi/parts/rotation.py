"""Which way up? A task that needs no labels."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from dmmix.functional.tensors.draws import to_device

__all__ = ["RotationHead", "draw_turns", "rotate"]


def draw_turns(n: int, generator: Generator) -> Tensor:
    """(n,) quarter turns on the CPU, 0 to 3, evenly."""
    return torch.randint(4, (n,), generator=generator)


def rotate(images: Tensor, turns: Tensor) -> Tensor:
    """Each image turned by its number of quarter turns.

    Args:
        images: (N, ch, S, S), not written to.
        turns: (N,) integers from 0 to 3, on the CPU: nothing waits for the device.

    Raises:
        ValueError: images that are not square.
    """
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"images must be square to be turned, got {tuple(images.shape)}")
    turned = images.clone()
    for quarter in (1, 2, 3):
        (rows,) = to_device([(turns == quarter).nonzero()[:, 0]], images.device)
        turned.index_copy_(0, rows, images.index_select(0, rows).rot90(quarter, (2, 3)))
    return turned


class RotationHead(nn.Linear):
    """(N, ``in_features``) features to the logits of four quarter turns, from N(0, 0.01)."""

    def __init__(self, in_features: int) -> None:
        super().__init__(in_features, 4)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)
