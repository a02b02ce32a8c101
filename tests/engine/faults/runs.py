"""Runs in which something becomes NaN or infinite, on purpose."""

import math

import torch
from mmengine.hooks import Hook

from tests.engine.small import model, runner

BATCHES = 3  # of an epoch
BAD = 4  # iteration, counted from 0: the second of the second epoch


class Spoil(Hook):
    """Calls ``how(runner, data_batch)`` before iteration ``at``."""

    priority = "VERY_LOW"

    def __init__(self, how, at=BAD):
        self.how, self.at = how, at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            self.how(runner, data_batch)


def inputs(value):
    def how(runner, batch):
        batch["inputs"] = batch["inputs"].float()
        batch["inputs"][[3, 7]] = value

    return how


def labels(runner, batch):
    """Shares of classes, one row of which is 0/0."""
    batch["labels"] = torch.nn.functional.one_hot(batch["labels"], 10).float()
    batch["labels"][5] = math.nan


def loss_part(runner, batch):
    head_loss = runner.model._head_loss

    def once(*args):
        runner.model._head_loss = head_loss
        losses = head_loss(*args)
        return {**losses, "loss_decoupled": losses["loss_decoupled"] * math.nan}

    runner.model._head_loss = once


def gradient(value):
    def how(runner, batch):
        handle = runner.model.head.fc.bias.register_hook(
            lambda grad: (handle.remove(), grad * value)[1]
        )

    return how


def weight(runner, batch):
    runner.model.head.fc.weight.data[0, 0] = math.nan


def unused_weight(runner, batch):
    """One that changes no loss."""
    runner.model.spare.data.fill_(math.nan)


def buffer(name, value):
    def how(runner, batch):
        next(b for n, b in runner.model.named_buffers() if n.endswith(name)).fill_(value)

    return how


def rate(runner, batch):
    for group in runner.optim_wrapper.param_groups:
        group["lr"] = 1e30


def run(work_dir, how, step=None, at=BAD, **settings):
    settings = {
        "train_cfg": {"by_epoch": True, "max_epochs": 3},
        "default_hooks": {
            "runtime_info": {"type": "DeferredInfoHook"},
            "checkpoint": {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 1},
        },
        **settings,
    }
    built = runner(work_dir, step, **settings)
    built.model.register_parameter("spare", torch.nn.Parameter(torch.zeros(2)))
    if how is not None:
        built.register_hook(Spoil(how, at))
    return built


__all__ = ["BAD", "BATCHES", "Spoil", "model", "run"]
