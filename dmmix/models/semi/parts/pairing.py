"""Whose share and which partners: mixing between streams changes what a mix of pairs draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dmmix.mixups import Mix, RandomMix

#: From ``lam`` (N,) or (1,) and ``index`` (N,) that were drawn to those that are used.
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def paired(draws: Any, change: Change) -> Any:
    """What a mix of pairs has drawn, on the CPU, with another share and other partners."""
    if isinstance(draws, RandomMix.Draws):
        members = [None if own is None else paired(own, change) for own in draws.members]
        return draws._replace(members=tuple(members))
    lam, index = change(draws.lam, draws.index)
    return draws._replace(lam=lam, index=index)


def check_draws_pairs(mix: Mix, called: str) -> None:
    """Raises ValueError unless the mix, or all of a choice, draws a share and partners."""
    if isinstance(mix, RandomMix):
        for member in mix.mixups:
            check_draws_pairs(member, called)
        return
    draws = mix.draw(2, (32, 32), torch.Generator())
    drawn = [getattr(draws, name, None) is not None for name in ("lam", "index")]
    if mix.changes_batch or not all(drawn):
        raise ValueError(
            f"{called}: {type(mix).__name__} does not mix pairs with a share that is drawn, which "
            "mixing between images of two kinds needs; take Mixup, CutMix, FMix, ... (SmoothMix "
            "with an alpha, GuidedMixup with an alpha and a RandomPairing)"
        )
