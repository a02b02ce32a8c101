"""What a training says on the terminal."""

import io
import logging
import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from rich.console import Console

from dmmix.engine.console import ProgressHook, quiet_terminal


@pytest.fixture
def logger():
    """A logger that writes to memory twice: as to a terminal, and as to a file."""
    log = logging.Logger("run", logging.DEBUG)
    log.terminal, log.file = io.StringIO(), io.StringIO()
    log.addHandler(logging.StreamHandler(log.terminal))
    copy = logging.FileHandler(os.devnull)
    copy.setStream(log.file)
    log.addHandler(copy)
    for handler in log.handlers:
        handler.setLevel(logging.INFO)
    return log


STARTING = [
    "\n------------\nSystem environment:\n    sys.platform: linux",
    "Config:\nmodel = dict()",
    "Hooks will be executed in the following order:\nbefore_run:",
    "paramwise_options -- head.fc.bias:weight_decay=0.0",
    'Distributed training is not used, all SyncBatchNorm (SyncBN) layers',
    '"FileClient" will be deprecated in future.',
]  # fmt: skip


def test_what_nobody_waits_for_is_in_the_file(logger):
    quiet_terminal(logger)
    for message in (*STARTING, "Epoch(train) [1][9/9]", "the classes of val are matched by name"):
        logger.info(message)
    told = logger.terminal.getvalue().splitlines()
    assert told == ["Epoch(train) [1][9/9]", "the classes of val are matched by name"]
    assert all(message in logger.file.getvalue() for message in STARTING)


def test_beside_a_bar_epochs_are_no_lines(logger):
    quiet_terminal(logger, bar=True)
    logger.info("Epoch(val) [1][9/9]")
    logger.warning("a file is damaged")
    assert logger.terminal.getvalue() == "a file is damaged\n"


def test_at_the_level_debug_all_is_told(logger):
    logger.handlers[0].setLevel(logging.DEBUG)
    quiet_terminal(logger)
    logger.info("Config:\nmodel = dict()")
    assert logger.terminal.getvalue() == "Config:\nmodel = dict()\n"


def test_a_bar():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    hub = MessageHub.get_instance("bar")
    hub.update_scalar("train/loss", 2.5)
    hub.update_scalar("train/loss_mixup", torch.tensor(2.0))
    loader = SimpleNamespace(batch_size=20)
    runner = SimpleNamespace(
        max_iters=10, iter=0, epoch=0, train_dataloader=loader, message_hub=hub
    )
    hook = ProgressHook(console)
    hook.before_train(runner)
    for runner.iter in range(5):
        hook.after_train_iter(runner)
    runner.epoch = 1
    hook.after_val_epoch(runner, {"accuracy/top1": 61.25})
    hook.after_run(runner)
    told = console.file.getvalue()
    assert "epoch 1: accuracy/top1 61.25" in told
    assert "5/10" in told
    assert "loss 2.5, mixup 2" in told
    assert "images/s" in told


def test_validation_alone_needs_no_bar():
    ProgressHook(Console(file=io.StringIO())).after_val_epoch(SimpleNamespace(epoch=0), {"a": 1.0})
