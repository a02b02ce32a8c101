"""What a hook makes of a module's output: features changed, attention read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from dmmix.functional.guide.layers import Attention, kind_of
from dmmix.functional.mixing.mixed import Inside, per_sample
from dmmix.functional.tensors.dtypes import at_least_float32, no_autocast


def changed(output: Any, inside: Inside) -> Any:
    """The output of a module with its features changed: a tensor, or each floating-point one in
    tuples, lists and dicts (as of a Swin stage).

    Raises:
        TypeError: there are no features in it.
    """
    found = []

    def change(part: Tensor) -> Tensor:
        if not part.is_floating_point():
            return part
        found.append(part)
        return _change(part, inside)

    output = tree_map_only(Tensor, change, output)
    if not found:
        raise TypeError(f"{inside.module} returns no features to mix, got {kind_of(output)}")
    return output


def _change(features: Tensor, inside: Inside) -> Tensor:
    own = features[inside.start :]
    mixed = inside.change(own)
    if inside.rows is not None:
        mixed = torch.where(per_sample(inside.rows, own), mixed, own)
    return torch.cat([features[: inside.start], mixed]) if inside.start else mixed


def class_attention(qkv: Tensor, attention: Attention) -> Tensor:
    """(N, P) attention of the class token to the P patches, mean of the heads, from queries, keys
    and values.

    Raises:
        ValueError: they are not (N, T, 3D), with D divisible by the number of heads.
    """
    heads = attention.heads
    if not isinstance(qkv, Tensor) or qkv.ndim != 3 or qkv.shape[2] % (3 * heads):
        raise ValueError(
            f"attention must be a layer that returns (N, T, 3D) queries, keys and values with D "
            f"divisible by heads={heads}, got {kind_of(qkv)}"
        )
    n, tokens, width = qkv.shape
    qkv = at_least_float32(qkv).reshape(n, tokens, 3, heads, width // (3 * heads))
    query, key, _ = qkv.unbind(2)
    with no_autocast(qkv.device.type):
        score = torch.einsum("nhd,nthd->nht", query[:, 0], key) / query.shape[-1] ** 0.5
    return score.softmax(-1).mean(1)[:, attention.extra_tokens :]
