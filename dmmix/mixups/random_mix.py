"""Several mixes, one of them at random; and mixing only some samples, in some epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import torch
from torch import Generator, Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed, unmixed
from dmmix.functional.ranges import Filled, Probability, Range
from dmmix.mixups.base import Mix, build_mix
from dmmix.mixups.randomness import current_epoch


class RandomMix(Mix):
    """One of several mixes at random, for some of the samples, in some of the epochs.

    Samples that are not mixed keep their image bit for bit, and their label has as many slots as
    the mixed ones, with a share of 1 for its own class. Partners come from the whole batch, also
    for samples that are mixed with another mix or not at all.

    Args:
        mixups: configs of mixes, or mixes; also other ``RandomMix``.
        probs: probability of each, 0 or more; the sum is at most 1 and the rest leaves the
            samples unmixed. ``None`` chooses evenly.
        per_sample: choose for each sample instead of once a batch. Each mix that some sample
            chose runs on the whole batch, so this costs up to as many mixes.
        fraction: the part of the batch that may be mixed, in [0, 1]: exactly
            ``floor(fraction * N + 0.5)`` samples, chosen at random each step.
        start_epoch: mixing is off before this epoch, counted from 0.
        stop_epoch: and off from this epoch on; ``None`` never stops. Outside of a runner there
            are no epochs and mixing is on.

    Raises:
        KeyError: an unknown type of mix.
        TypeError: a mix that is not one of dmmix, or an argument that is no number.
        ValueError: no mixes; ``probs`` of another length, negative, or summing to more than 1;
            ``fraction`` outside [0, 1]; epochs that are negative or in the wrong order; a mix that
            acts inside the network, chosen per sample; one that changes the size of the batch,
            chosen for a part of the batch.

    Example::

        model = dict(mixup=dict(
            type='RandomMix',
            mixups=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)],
            probs=[0.5, 0.5]))
    """

    class Draws(NamedTuple):
        """Of each of the mixes.

        Attributes:
            rows: (N,) bools, the samples that get it; ``None`` for all of them.
            members: what it drew; ``None`` where no sample gets it.
        """

        rows: tuple[Tensor | None, ...]
        members: tuple[Any, ...]

    def __init__(
        self,
        mixups: Annotated[Sequence[Mapping | Mix], Filled()],
        probs: Sequence[Probability] | None = None,
        per_sample: bool = False,
        fraction: Probability = 1.0,
        start_epoch: Annotated[int, Range(0)] = 0,
        stop_epoch: Annotated[int, Range(0)] | None = None,
    ) -> None:
        super().__init__()
        if stop_epoch is not None and stop_epoch <= start_epoch:
            raise ValueError(
                f"stop_epoch must be after start_epoch={start_epoch}, got {stop_epoch}"
            )
        self.mixups = [build_mix(mix) for mix in mixups]
        _check_members(self.mixups, per_sample, fraction)
        self.probs = _checked_probs(probs, len(mixups))
        self.per_sample = per_sample
        self.fraction = float(fraction)
        self.start_epoch = start_epoch
        self.stop_epoch = stop_epoch

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        """Which samples get which mix, and what those draw that some sample gets."""
        none = (None,) * len(self.mixups)
        if not self._is_on():
            return self.Draws(none, none)
        choice = self._draw_choice(n, generator)
        # The choice is on the CPU, so which mixes have to run is known without asking the device.
        chosen = set(choice.tolist())
        rows = tuple(
            choice == k if k in chosen and len(chosen) > 1 else None
            for k in range(len(self.mixups))
        )
        draws = tuple(
            mix.draw(n, size, generator) if k in chosen else None
            for k, mix in enumerate(self.mixups)
        )
        return self.Draws(rows, draws)

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> tuple:
        """What those ask that some sample gets."""
        return tuple(
            None if own is None else mix.ask(guide, images, labels, own)
            for mix, own in zip(self.mixups, draws.members, strict=True)
        )

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        result = unmixed(images, labels, check=False)
        answers = answers or (None,) * len(self.mixups)
        for mix, rows, own, told in zip(self.mixups, *draws, answers, strict=True):
            if own is None:
                continue
            mixed = mix.blend(images, labels, own, told)
            if rows is None:
                return mixed
            result = Mixed.where(rows, mixed, result)
        return result

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(mix.needs for mix in self.mixups))

    @property
    def changes_batch(self) -> bool:
        return any(mix.changes_batch for mix in self.mixups)

    def _draw_choice(self, n: int, generator: Generator) -> Tensor:
        """(n,) which mix each sample gets; ``len(self.mixups)`` for none."""
        bounds = torch.tensor(self.probs, dtype=torch.float64).cumsum(0)
        if bounds[-1:].tolist()[0] > 1 - 1e-6:
            bounds = bounds / bounds[-1]  # 0.1 + 0.2 + 0.7 leaves no rest
        draws = n if self.per_sample else 1
        uniform = torch.rand(draws, dtype=torch.float64, generator=generator)
        choice = torch.searchsorted(bounds, uniform, right=True)
        choice = choice if self.per_sample else choice.repeat(n)
        mixed = int(self.fraction * n + 0.5)
        if mixed < n:
            left_out = torch.randperm(n, generator=generator)[mixed:]
            choice[left_out] = len(self.mixups)
        return choice

    def _is_on(self) -> bool:
        epoch = current_epoch()
        if epoch is None:
            return True
        return self.start_epoch <= epoch and (self.stop_epoch is None or epoch < self.stop_epoch)


def _check_members(mixups: Sequence[Mix], per_sample: bool, fraction: float) -> None:
    for mix in mixups:
        name = type(mix).__name__
        if "stages" in mix.needs and per_sample and len(mixups) > 1:
            raise ValueError(
                f"per_sample=True: {name} mixes what the network makes of the whole batch, so it "
                "cannot be chosen for single samples beside mixes of images; use per_sample=False"
            )
        if mix.changes_batch and (per_sample or fraction < 1):
            raise ValueError(
                f"{name} changes the number of samples, so it cannot be used with per_sample=True "
                f"or fraction={fraction}; use per_sample=False and fraction=1"
            )


def _checked_probs(probs: Sequence[float] | None, number: int) -> list[float]:
    if probs is None:
        return [1 / number] * number
    if len(probs) != number:
        raise ValueError(f"probs must be one for each of the {number} mixups, got {len(probs)}")
    if not sum(probs) <= 1 + 1e-6:
        raise ValueError(f"probs must sum to at most 1, got {list(probs)}")
    return [float(p) for p in probs]
