"""A resumed run has the rates of an uninterrupted run of its config: the config wins.

In mmengine the checkpoint does, and who trains longer has the old schedule until its end. Here the
checkpoint gives what the optimiser has gathered, weight by weight, and the loss scale.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from dmmix.compat import CheckpointError

#: What SGD, Adam and their relatives gather of a weight, in its shape.
_LIKE_THE_WEIGHT = ("momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg")

#: Of a schedule that goes by validations: what it has seen.
_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_step", "_global_step", "_last_value")


def names_of_weights(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """In the optimiser's order, by which its state is numbered."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = optimizer.param_groups
    return [names.get(id(weight), "") for group in groups for weight in group["params"]]


def take_optimizer_state(
    wrapper: OptimWrapper, saved: Mapping[str, Any], then: Sequence[str] | None, now: Sequence[str]
) -> str | None:
    """Gives the optimiser, whose settings stay, what it had gathered; in words, what it could not
    have.

    ``then`` are names of the weights in the checkpoint's order, where it has any, ``now`` in the
    optimiser's.

    Raises:
        CheckpointError: the groups are others, and the checkpoint names no weights; or what was
            gathered of a weight has another shape, on which fused optimisers crash.
    """
    fresh = wrapper.state_dict()
    sizes = [[len(group["params"]) for group in s["param_groups"]] for s in (saved, fresh)]
    if then is None and sizes[0] != sizes[1]:
        raise CheckpointError(
            f"the optimiser has {len(sizes[1])} groups of {sum(sizes[1])} weights, and that of the "
            f"checkpoint {len(sizes[0])} of {sum(sizes[0])}, without their names: resume with the "
            "paramwise_cfg that it was trained with, or begin from its weights with load_from"
        )
    at = {name: k for k, name in enumerate(now if then is None else then)}
    gathered = saved["state"]
    state = {k: gathered[at[n]] for k, n in enumerate(now) if at.get(n) in gathered}
    _check_shapes(wrapper.optimizer, state)
    lost = _lacks(wrapper.optimizer, state)
    without = [] if then is None else [name for name in now if name not in at]
    if lost:
        state = {}
    settings = ("param_groups", "base_param_settings")
    wrapper.load_state_dict(
        {**saved, **{key: fresh[key] for key in settings if key in fresh}, "state": state}
    )
    if lost:
        return f"it starts anew: the checkpoint's has no {', '.join(lost)}"
    if without:
        return f"{len(without)} weights start anew in it, such as {without[0]}"
    return None


def _check_shapes(optimizer: torch.optim.Optimizer, state: Mapping[int, Mapping]) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for k, gathered in state.items():
        for name in _LIKE_THE_WEIGHT:
            value = gathered.get(name)
            if value is not None and value.shape != weights[k].shape:
                raise CheckpointError(
                    f"the optimiser's {name} of weight {k} is {tuple(value.shape)} in the "
                    f"checkpoint, and the weight {tuple(weights[k].shape)}: the file was changed, "
                    "or is of another network; begin from its weights with load_from"
                )


def _lacks(optimizer: torch.optim.Optimizer, state: Mapping[int, Mapping]) -> list[str]:
    """What it will look for in the state of a weight, and not find."""
    have = set.intersection(*(set(part) for part in state.values())) if state else set()
    return sorted(_gathers(optimizer) - have) if state else []


def _gathers(optimizer: torch.optim.Optimizer) -> set[str]:
    """What this kind of optimiser keeps of a weight, seen by a step of one of its kind."""
    kind = type(optimizer)
    takes = inspect.signature(kind).parameters
    settings = {**optimizer.defaults, **optimizer.param_groups[0]}
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones(2, 2)
    try:
        probe = kind(
            [weight], **{k: v for k, v in settings.items() if k in takes and k != "params"}
        )
        probe.step()
    except Exception:  # others' optimisers may want more to go by
        return set()
    kept = probe.state[weight].items()
    return {key for key, value in kept if value is not None}


def follow_schedules(runner: Any, saved: Sequence[Mapping], groups: Sequence[Mapping]) -> None:
    """Steps the schedules, fresh from the config, as the epochs and iterations so far would have.

    Of one that goes by validations (``ReduceOnPlateauLR``) the checkpoint tells what it has seen
    and what the rate had come to, which counts in proportion to the rate that training began with.
    ``saved`` are the states of the schedules, ``groups`` the optimiser's ``param_groups`` there.
    """
    loop, schedules = runner.train_loop, runner.param_schedulers
    by_metric = [k for k, s in enumerate(schedules) if getattr(s, "need_val_args", False)]
    others = [s for k, s in enumerate(schedules) if k not in by_metric]
    for schedule in others:
        schedule.optimizer._global_step = loop.iter - 1  # it warns of steps before any update
    each_iter = [s for s in others if not s.by_epoch]
    each_epoch = [s for s in others if s.by_epoch]
    # Of a longer run than this one there is nothing to go on with, and a file may say anything.
    epochs, steps = min(runner.epoch, loop.max_epochs), min(loop.iter, loop.max_iters)
    length = len(loop.dataloader) if epochs else 0
    for _ in range(epochs):
        for _ in range(length if each_iter else 0):
            _step(each_iter)
        _step(each_epoch)
    for _ in range(steps - epochs * length):
        _step(each_iter)
    for k in by_metric:
        if k < len(saved) and "best" in saved[k]:
            _follow_metric(schedules[k], saved[k], groups)


def _step(schedules: Sequence[Any]) -> None:
    for schedule in schedules:
        schedule.step()


def _follow_metric(schedule: Any, saved: Mapping[str, Any], groups: Sequence[Mapping]) -> None:
    schedule.load_state_dict({key: saved[key] for key in _SEEN if key in saved})
    name, first = schedule.param_name, f"initial_{schedule.param_name}"
    for group, old in zip(schedule.optimizer.param_groups, groups, strict=False):
        if old.get(first):
            group[name] = old[name] * (group[first] / old[first])
