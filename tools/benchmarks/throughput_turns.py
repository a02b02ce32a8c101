"""Training in a process of its own that stops between iterations and goes on when it is told to."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from _timing import CLOCKS
from throughput_rows import Row, ours


@dataclass(frozen=True)
class Contender:
    """What a process trains.

    Attributes:
        kind: ``'dmmix'``, ``'mmpretrain'`` or ``'bare'``.
        row: what it trains.
        switches: ``step`` of a dmmix config; for ``'bare'`` the same switches.
        workers: of the data loader.
        clock: of ``CLOCKS``.
        warm_up: seconds before the first turn, at least.
        profile: time the parts of dmmix's step.
    """

    kind: str
    row: Row
    data: str
    work_dir: str
    device: str
    threads: int | None = None
    switches: dict = field(default_factory=dict)
    workers: int = 0
    clock: str = "wall"
    warm_up: float = 3.0
    profile: bool = False


class Stop(Exception):
    """Training has been told to end."""


class Turns:
    """Called after each iteration of a training: times turns and waits between them.

    Over ``pipe`` it says ``('ready', None)`` once warm; then it takes ``('run', seconds)``,
    answered by ``('ran', dict(images, seconds, iterations, ...))``, and ``('stop', None)``.

    Args:
        lead_in: iterations at the start of a turn that do not count, enough to use up what workers
            of the data loader had made ready while nobody trained.
        warm_up, warm_iterations: seconds and iterations before the first turn, at least.
        clock: what seconds are read from.
        parts: a :class:`throughput_profile.Parts` to reset at the start of a turn and to read at
            its end.
    """

    def __init__(
        self,
        pipe: Connection,
        device: str,
        lead_in: int = 2,
        warm_up: float = 3.0,
        warm_iterations: int = 10,
        clock: Callable[[], float] = time.perf_counter,
        parts: Any = None,
    ) -> None:
        self.pipe, self.device, self.parts = pipe, device, parts
        self.clock = clock
        self.lead_in, self.warm_up, self.warm_iterations = lead_in, warm_up, warm_iterations
        self.warm = False
        self.since = self.clock()
        self.iterations = self.images = 0
        self.left = 0  # of the lead-in
        self.seconds = 0.0

    def after_iteration(self, images: int) -> None:
        """Notes that so many images were trained on; returns when training is to go on."""
        if self.left:
            self.left -= 1
            if not self.left:
                self._start()
            return
        self.iterations += 1
        self.images += images
        elapsed = self.clock() - self.since
        if not self.warm:
            if elapsed >= self.warm_up and self.iterations >= self.warm_iterations:
                self.warm = True
                self._wait_for_device()
                self._obey("ready", None)
        elif elapsed >= self.seconds and self.iterations >= 2:
            self._wait_for_device()
            elapsed = self.clock() - self.since
            done = {"images": self.images, "seconds": elapsed, "iterations": self.iterations}
            if self.parts is not None:
                done["parts"] = self.parts.read(self.iterations)
            if self.device != "cpu":
                done["device_memory"] = torch.cuda.max_memory_allocated()
            self._obey("ran", done)

    def _obey(self, what: str, told: Any) -> None:
        if self.device != "cpu":
            torch.cuda.empty_cache()  # the others need it now
        self.pipe.send((what, told))
        command, self.seconds = self.pipe.recv()
        if command == "stop":
            raise Stop
        self.left = self.lead_in

    def _start(self) -> None:
        self._wait_for_device()
        self.iterations = self.images = 0
        if self.parts is not None:
            self.parts.reset()
        self.since = self.clock()

    def _wait_for_device(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


def train_in_turns(pipe: Connection, contender: Contender) -> None:
    """The whole life of a process: builds the training, trains in turns, ends.

    What it prints goes to ``log.txt`` of the work folder. What goes wrong is told over the pipe:
    ``('failed', TRACEBACK)``.
    """
    if contender.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # mmengine takes a GPU where it sees one
    log = Path(contender.work_dir, "log.txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    try:
        _train(pipe, contender)
    except Stop:
        pass
    except Exception:
        pipe.send(("failed", traceback.format_exc()))


def _train(pipe: Connection, contender: Contender) -> None:
    if contender.threads:
        torch.set_num_threads(contender.threads)
    row = contender.row
    epoch = -(-row.length // row.batch_size)
    turns = Turns(
        pipe,
        contender.device,
        lead_in=2 * contender.workers + 2,
        warm_up=contender.warm_up,
        # An epoch, where it is short: a compiler sees the smaller last batch too.
        warm_iterations=epoch + 2 if epoch <= 64 else 10,
        clock=CLOCKS[contender.clock],
    )
    import dmmix.registry  # noqa: F401 - first: mmpretrain may need what it prepares

    if contender.kind == "bare":
        from throughput_peers import bare_step

        step = bare_step(row, contender.device, contender.switches)
        while True:
            step()
            turns.after_iteration(row.batch_size)
    runner = _runner(contender)
    runner.register_hook(_hook(turns), priority="LOWEST")
    if contender.profile:
        from throughput_profile import Parts

        turns.parts = Parts(contender.device, turns.clock)
        turns.parts.watch(runner)
    runner.train()


def _runner(contender: Contender) -> Any:
    cuda = contender.device != "cpu"
    place = dict(
        data=contender.data, work_dir=contender.work_dir, workers=contender.workers, cuda=cuda
    )
    config = ours(contender.row, step=contender.switches, **place)
    if contender.kind == "dmmix":
        from dmmix.engine import DmmixRunner

        return DmmixRunner.from_cfg(config)
    from mmengine.runner import Runner
    from throughput_peers import stock

    return Runner.from_cfg(stock(contender.row, alpha=config.model.mixup.alpha, **place))


def _hook(turns: Turns) -> Any:
    from mmengine.hooks import Hook

    class TurnsHook(Hook):
        def after_train_iter(
            self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
        ) -> None:
            turns.after_iteration(len(data_batch["inputs"]))

    return TurnsHook()
