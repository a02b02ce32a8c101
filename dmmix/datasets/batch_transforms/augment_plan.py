"""Each image of a batch under policies of its own, without a loop over the images."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dmmix.datasets.batch_transforms.augment_policies import Policy
from dmmix.functional import transforms
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.tensors.layout import is_channels_last
from dmmix.functional.transforms.affine import MOVES, affine, move_matrices


@dataclass(frozen=True)
class Draws:
    """What is random in a batch; each (rounds, N).

    Attributes:
        choice: the number of the policy.
        active: whether it runs.
        magnitude: its magnitude with sign, as in a config; 0 for a policy that has none.
    """

    choice: np.ndarray
    active: np.ndarray
    magnitude: np.ndarray


@dataclass(frozen=True)
class _Step:
    """A run of images in a row under the same function."""

    policy: Policy | None  # the first of them; None leaves the images as they are
    size: int


class AugmentPlan:
    """Runs policies on groups of images, one call for all that share a function.

    In each round the images are sorted by their policies, so that every function sees a slice of
    the batch; after the last one they are put in order again. The sorting is worked out on the
    CPU, where the draws are, and goes to the device with all parameters at once. Shears,
    translations and rotations are one function. :attr:`Draws.choice` counts the ``policies``.
    """

    def __init__(self, policies: Sequence[Policy], channel_order: str = "rgb") -> None:
        self.channel_order = channel_order
        by_group = sorted(range(len(policies)), key=lambda i: (repr(_group(policies[i])), i))
        self.policies = [policies[i] for i in by_group]
        self.ranks = np.empty(len(policies), dtype=np.int64)
        self.ranks[by_group] = np.arange(len(policies))
        # Those that change nothing come last, with the images whose policy does not run.
        idle = [policy.op == "identity" for policy in policies]
        self.ranks[idle] = len(policies)

    def run(self, images: Tensor, draws: Draws) -> Tensor:
        """The images after all rounds; same memory format, those given are not written to."""
        if images.numel() == 0:
            return images.clone()
        last = is_channels_last(images)
        orders, rounds, values = self._parameters(draws, *images.shape[1:])
        flat = torch.from_numpy(np.concatenate([np.zeros(0), *values]))
        placed, flat = to_device([torch.from_numpy(orders), flat], images.device)
        parameters = iter(flat.split([len(piece) for piece in values]))
        for order, steps in zip(placed, rounds, strict=False):
            images = images.index_select(0, order)
            parts = images.split([step.size for step in steps])
            images = torch.cat(
                [
                    self._apply(step.policy, part, parameters)
                    for step, part in zip(steps, parts, strict=True)
                ]
            )
        images = images.index_select(0, placed[-1])
        return images.contiguous(memory_format=torch.channels_last) if last else images

    def _parameters(
        self, draws: Draws, channels: int, height: int, width: int
    ) -> tuple[np.ndarray, list[list[_Step]], list[np.ndarray]]:
        """How the images are sorted before each round and at the end, (rounds + 1, N); the steps
        of each round; the parameters, in the order in which the steps take them."""
        rounds, n = draws.choice.shape
        orders = np.empty((rounds + 1, n), dtype=np.int64)
        steps: list[list[_Step]] = []
        values: list[np.ndarray] = []
        place = np.arange(n)  # where each image is now
        for i in range(rounds):
            ranks = np.where(draws.active[i], self.ranks[draws.choice[i]], len(self.policies))
            order = ranks.argsort(kind="stable")
            orders[i] = place[order]
            place[order] = np.arange(n)
            counts = np.bincount(ranks, minlength=len(self.policies) + 1).tolist()
            magnitudes = np.split(draws.magnitude[i][order], np.cumsum(counts[:-1]))
            drawn = [
                (policy, part)
                for policy, part in zip(self.policies, magnitudes, strict=False)
                if len(part)
            ]
            steps.append([])
            for _, group in itertools.groupby(drawn, key=lambda pair: _group(pair[0])):
                members = list(group)
                steps[-1].append(_Step(members[0][0], sum(len(part) for _, part in members)))
                values += _arguments(members, channels, height, width)
            if counts[-1]:
                steps[-1].append(_Step(None, counts[-1]))
        orders[-1] = place
        return orders, steps, values

    def _apply(self, policy: Policy | None, images: Tensor, parameters: Iterator[Tensor]) -> Tensor:
        if policy is None:
            return images
        values = next(parameters)
        if policy.op in MOVES:
            fill = next(parameters) if isinstance(policy.fill, tuple) else policy.fill
            return affine(images, values.view(-1, 2, 3), policy.interpolation, fill)
        if policy.op in _PLAIN:
            return _PLAIN[policy.op](images)
        if policy.op == "posterize":
            return transforms.posterize(images, values.to(torch.int32), check=False)
        if policy.op == "solarize":
            return transforms.solarize(images, values, check=False)
        if policy.op == "solarize_add":
            return transforms.solarize_add(images, values, policy.threshold, check=False)
        if policy.op == "sharpness":
            return transforms.adjust_sharpness(images, values, check=False)
        if self.channel_order == "bgr" and images.shape[1] == 3:
            return _ADJUST[policy.op](images.flip(1), values).flip(1)
        return _ADJUST[policy.op](images, values)


_PLAIN = {
    "autocontrast": transforms.autocontrast,
    "equalize": transforms.equalize,
    "invert": transforms.invert,
}
_ADJUST = {
    "brightness": transforms.adjust_brightness,
    "color": transforms.adjust_saturation,
    "contrast": transforms.adjust_contrast,
}


def _group(policy: Policy) -> Hashable:
    """The same for all policies that one call can run."""
    if policy.op in MOVES:
        return "affine", policy.interpolation, policy.fill
    return policy.op, policy.threshold


def _arguments(
    members: list[tuple[Policy, np.ndarray]], channels: int, height: int, width: int
) -> list[np.ndarray]:
    """The parameters of one step, flat."""
    policy = members[0][0]
    parts = [member.arguments(part, height, width) for member, part in members]
    if policy.op not in MOVES:
        return [np.concatenate(parts)]
    moves = np.zeros((sum(map(len, parts)), len(MOVES)))
    start = 0
    for (member, _), part in zip(members, parts, strict=True):
        moves[start : start + len(part), MOVES.index(member.op)] = part
        start += len(part)
    arguments = [move_matrices(torch.from_numpy(moves), height, width).flatten().numpy()]
    if isinstance(policy.fill, tuple):
        if len(policy.fill) != channels:
            raise ValueError(
                f"pad_val must be one number or one for each of {channels} channels, "
                f"got {policy.fill}"
            )
        arguments.append(np.array(policy.fill))
    return arguments
