"""What the processes of a run do as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.model import is_model_wrapper
from torch import nn

__all__ = ["network_of", "on_master"]

T = TypeVar("T")


def on_master(function: Callable[[], T]) -> T:
    """What the function gives on the master, on all ranks; what it raises, they all raise.

    Ranks that went on alone would wait for the others without end.
    """
    outcome: list = [None, None]
    if is_main_process():
        try:
            outcome = [function(), None]
        except Exception as error:
            outcome = [None, error]
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def network_of(model: nn.Module) -> Any:
    """The module itself, without what wraps it where training is distributed."""
    return model.module if is_model_wrapper(model) else model
