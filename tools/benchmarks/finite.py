"""What the look at each step for numbers that are not finite costs.

One training, in which turns of steps with FiniteHook and without it follow each other; processor
time of a step, and the median of the ratios turn by turn.

    python tools/benchmarks/finite.py --out finite.json
"""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from _report import count, parser, table, write_report
from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import Progress
from throughput_rows import ROWS, ours, write_data

from dmmix.engine import DmmixRunner
from dmmix.engine.hooks.finite_hook import FiniteHook


class Done(Exception):
    """All turns are over."""


class Turns(Hook):
    """After ``steps`` iterations, takes FiniteHook and what it watches away, or puts them back."""

    priority = "LOWEST"

    def __init__(self, steps: int, rounds: int, say: Any) -> None:
        self.steps, self.rounds, self.say = steps, rounds, say
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.count = -steps  # the first turn warms up
        self.looks = True

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        self.count += 1
        if self.count % self.steps:
            return
        if self.count == 0:
            self._remember(runner)
        else:
            self.seconds[self.looks].append(time.process_time() - self.start)
            self.say(advance=1)
        turns = self.count // self.steps
        if turns == 2 * self.rounds:
            raise Done
        # with, without, without, with, ...: nobody is always first
        self._switch(runner, looks=turns % 4 in (0, 3))
        self.start = time.process_time()

    def _remember(self, runner: Any) -> None:
        self.hooks = runner._hooks
        optimizer = runner.optim_wrapper.optimizer
        self.before_update = dict(optimizer._optimizer_step_pre_hooks)

    def _switch(self, runner: Any, looks: bool) -> None:
        self.looks = looks
        others = [hook for hook in self.hooks if not isinstance(hook, FiniteHook)]
        runner._hooks = self.hooks if looks else others
        watched = runner.optim_wrapper.optimizer._optimizer_step_pre_hooks
        watched.clear()
        watched.update(self.before_update if looks else {})


def main() -> None:
    options = parser(__doc__, rounds=400, device=False)  # a round: a pair of turns
    options.add_argument("--rows", nargs="+", choices=list(ROWS), default=["digits"])
    options.add_argument("--steps", type=count, default=5, help="of a turn")
    args = options.parse_args()
    torch.set_num_threads(args.threads)

    results = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("turns", total=2 * args.rounds * len(args.rows))
        for name in args.rows:
            turns = Turns(args.steps, args.rounds, lambda **how: progress.update(task, **how))
            measure(name, turns)
            results[name] = summary(turns)
    title = f"look at each step, {args.threads} thread(s), processor time"
    shown = table(title, "row", "ms a step, with", "without", "ratio", "quartiles")
    for name, found in results.items():
        low, high = found["quartiles"]
        row = f"{found['with_ms']:.2f}", f"{found['without_ms']:.2f}", f"{found['ratio']:.4f}"
        shown.add_row(name, *row, f"{low:.3f} to {high:.3f}")
    Console().print(shown)
    if args.out:
        write_report(args.out, {"rows": results}, threads=args.threads)


def measure(name: str, turns: Turns) -> None:
    """Trains the row until all turns are over."""
    with tempfile.TemporaryDirectory() as folder:
        row = ROWS[name]
        data = write_data(row, Path(folder))
        config = ours(row, data, folder, workers=0, cuda=False, step={})
        config.log_level = "ERROR"
        runner = DmmixRunner.from_cfg(config)
        runner.register_hook(turns)
        with suppress(Done):
            runner.train()


def summary(turns: Turns) -> dict[str, Any]:
    """Milliseconds of a step, and how they compare turn by turn."""
    looks, none = turns.seconds[True], turns.seconds[False]
    ratios = [round(a / b, 4) for a, b in zip(looks, none, strict=True)]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else 3 * ratios
    return {
        "with_ms": 1e3 * median(looks) / turns.steps,
        "without_ms": 1e3 * median(none) / turns.steps,
        "ratio": median(ratios),
        "quartiles": (low, high),
        "ratios": ratios,
    }


if __name__ == "__main__":
    main()
