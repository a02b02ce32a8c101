"""Images a second of whole training, beside stock mmpretrain and beside a bare PyTorch loop.

Whole training: loader, augmentation, mix, forward, backward, optimiser step, logging. The bare loop
trains the same backbone and head on one normalised batch that stays in memory: the limit.

    python tools/benchmarks/throughput.py --rows digits --threads 1 --out throughput.json
    python tools/benchmarks/throughput.py --device cuda --seconds 10 --bare-compile

Each contender is a process. All are warmed up, then they take turns, in a new order each round, so
that whatever else the machine does hits all alike; a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _report import count, parser, table, write_report
from _timing import CLOCKS
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from throughput_memory import PeakMemory
from throughput_rows import ROWS, default_step, write_data
from throughput_turns import Contender, train_in_turns

CPU_ROWS = ["digits", "cifar_small"]
OURS, STOCK, BARE = "dmmix", "mmpretrain", "bare loop"
PROFILED = "profile"
#: How long a contender takes to start, in turns; only the time left on display depends on it.
START = 3
#: Of a row's time, the part that turns are timed in; the rest is their lead-in and the way between
#: processes.
TIMED = 0.7


class ContenderFailed(Exception):
    """Its process raised an error or died."""


def main() -> None:
    args = parse_args()
    console = Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    results, failed = {}, False
    limit = TimeLimit(args.minutes, len(args.rows))
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console) as progress:
        per_row = sum(START + args.rounds for _ in contenders("digits", "", "", args))
        task = progress.add_task("", total=per_row * len(args.rows))
        for k, name in enumerate(args.rows):
            say = partial(progress.update, task)
            try:
                limit.next_row()
                results[name] = measure(name, args, limit, say)
            except ContenderFailed as error:
                console.print(f"[red]{name}: {escape(str(error))}", highlight=False)
                failed = True
            if args.out:  # after each row: a long run may be cut short
                write(results, args)
            say(completed=per_row * (k + 1))
    for name, result in results.items():
        Console().print(table_of(name, result, args))
        if "profile" in result:
            Console().print(profile_table(name, result["profile"], args.device))
    if args.out:
        console.print(f"written to {args.out}")
    if failed:
        sys.exit(1)


def parse_args() -> argparse.Namespace:
    options = parser(__doc__, rounds=5, threads=None)  # turns that the seconds are split into
    options.add_argument(
        "--rows", nargs="+", choices=list(ROWS), help="default: the two small ones; all on a GPU"
    )
    options.add_argument(
        "--seconds", type=float, default=20, help="for which each contender of a row is timed"
    )
    options.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="cpu: processor time, for a busy machine; mmpretrain's loader has no workers then",
    )
    # Without these dmmix runs as its configs say.
    options.add_argument("--precision", choices=["fp32", "bf16"], help="dmmix's")
    options.add_argument("--compile", action="store_true", help="compile dmmix's step")
    options.add_argument(
        "--bare-compile", action="store_true", help="also a bare loop with torch.compile and bf16"
    )
    options.add_argument(
        "--profile", action="store_true", help="also where the time of dmmix's step goes"
    )
    options.add_argument(
        "--warm-up", type=float, default=3, help="seconds of training before anything is timed"
    )
    options.add_argument("--images", type=count, help="how many images to make, for a quick look")
    options.add_argument(
        "--batch-size", type=count, help="of all rows, for a machine of less memory"
    )
    options.add_argument(
        "--minutes", type=float, help="for everything: rounds are cut short to keep to it"
    )
    args = options.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        options.error("--device cuda: torch sees no GPU")
    if args.rows is None:
        args.rows = CPU_ROWS if args.device == "cpu" else list(ROWS)
    if args.device == "cuda" and args.clock == "cpu":
        options.error("--clock cpu does not see a GPU")
    return args


def contenders(row: str, data: str, folder: str, args: argparse.Namespace) -> dict[str, Contender]:
    """All that trains ``row``, by name."""
    switches = default_step()
    if args.precision:
        switches["precision"] = args.precision
    if args.compile:
        switches["compile"] = True
    # Of processor time, that of workers would not be seen.
    workers = 8 if args.device == "cuda" else 2 if args.clock == "wall" else 0
    how = dict(threads=args.threads, clock=args.clock, warm_up=args.warm_up)
    trained = ROWS[row].but(args.images, args.batch_size)
    shared = Contender("bare", trained, data, folder, args.device, **how)
    found = {
        OURS: replace(shared, kind="dmmix", switches=switches),
        STOCK: replace(shared, kind="mmpretrain", workers=workers),
        BARE: shared,
    }
    if trained.data == "folder":
        found[OURS] = replace(found[OURS], workers=workers)
    # What a bare loop has too: it looks for no NaN.
    plain = {name: value for name, value in switches.items() if name != "non_finite"}
    found[f"{BARE}, dmmix's switches"] = replace(shared, switches=plain)
    if args.bare_compile:
        compiled = dict(plain, precision="bf16", compile=True)
        found[f"{BARE}, compiled, bf16"] = replace(shared, switches=compiled)
    if args.profile:
        found[PROFILED] = replace(found[OURS], profile=True)
    return {
        name: replace(one, work_dir=str(Path(folder, f"process{k}")))
        for k, (name, one) in enumerate(found.items())
    }


def measure(row: str, args: argparse.Namespace, limit: TimeLimit, say: Any) -> dict[str, Any]:
    """Every contender of a row: images a second by turn, memory; with ``--profile`` the parts.

    Raises:
        ContenderFailed: one of them cannot be timed, or there is no time left to do it.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        say(description=f"{row}: making images")
        data = write_data(ROWS[row].but(args.images, args.batch_size), Path(folder))
        running = {}
        for name, contender in contenders(row, data, folder, args).items():
            running[name] = Running(name, contender)
            stack.callback(running[name].end)
            if args.device == "cpu":  # few cores: one starts after the other
                say(description=f"{row}: starting {name}")
                running[name].wait_until_warm(limit.left())
                say(advance=START)
        if args.device != "cpu":
            say(description=f"{row}: starting all")
            for one in running.values():
                one.wait_until_warm(limit.left())
                say(advance=START)
        turns = take_turns(running, args, limit, row, say)
        memory = {name: one.memory() for name, one in running.items()}
    return summary(turns, memory)


def take_turns(
    running: dict[str, Running], args: argparse.Namespace, limit: TimeLimit, row: str, say: Any
) -> dict[str, list[dict]]:
    """What each said of its turns; fewer rounds than asked for where time is up before."""
    order, shuffle = list(running), random.Random(0).shuffle
    turns: dict[str, list[dict]] = {name: [] for name in running}
    to_come = args.rounds * len(order)
    for k in range(args.rounds):
        if k and limit.left() == 0:
            break
        shuffle(order)
        for name in order:
            say(description=f"{row}: round {k + 1} of {args.rounds}, {name}")
            seconds = limit.turn(args.seconds / args.rounds, to_come)
            turns[name].append(running[name].run(seconds))
            to_come -= 1
            say(advance=1)
    return turns


class TimeLimit:
    """How long a measurement may take: rows share what is left, turns their row's part.

    Args:
        minutes: for everything; ``None`` for as long as it takes.
        rows: how many rows share them. A row that takes less leaves the rest to those after it.
    """

    def __init__(
        self, minutes: float | None, rows: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock, self.rows = clock, rows
        self.end = self.row_end = math.inf if minutes is None else clock() + 60 * minutes

    def next_row(self) -> None:
        """A row begins."""
        now = self.clock()
        self.row_end = now + (self.end - now) / max(1, self.rows)
        self.rows -= 1

    def left(self) -> float:
        """Seconds left to this row, 0 or more."""
        return max(0.0, self.row_end - self.clock())

    def turn(self, wanted: float, turns: int) -> float:
        """Seconds of a turn, if this and ``turns`` in all are still to come in this row."""
        return min(wanted, TIMED * self.left() / turns)


class Running:
    """The process of a contender."""

    def __init__(self, name: str, contender: Contender) -> None:
        self.name, self.contender = name, contender
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=train_in_turns, args=(theirs, contender))
        self.process.start()
        theirs.close()
        self.host = PeakMemory(self.process.pid)
        self.device_memory: int | None = None

    def wait_until_warm(self, seconds: float = math.inf) -> None:
        """Until it could start a turn at once.

        Raises:
            ContenderFailed: it failed, or is not warm after so many seconds.
        """
        if not self.pipe.poll(None if seconds == math.inf else seconds):
            raise ContenderFailed(f"{self.name}: not warm when its time was up; more --minutes")
        self._answer("ready")
        self.host.stop()

    def run(self, seconds: float) -> dict:
        """A turn."""
        self.pipe.send(("run", seconds))
        turn = self._answer("ran")
        self.host.look()
        self.device_memory = turn.pop("device_memory", None)
        return turn

    def memory(self) -> dict[str, int | None]:
        """Peak bytes, of the processes and of the GPU."""
        return {"memory": self.host.peak, "device_memory": self.device_memory}

    def end(self) -> None:
        """Ends the process."""
        self.host.stop()
        with suppress(OSError):  # it may have ended already
            self.pipe.send(("stop", None))
        self.process.join(20)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _answer(self, expected: str) -> Any:
        try:
            said, told = self.pipe.recv()
        except EOFError:
            self.process.join()
            said, told = "failed", f"it ended with status {self.process.exitcode}"
        if said != expected:
            raise ContenderFailed(f"{self.name}: {told}\n{self._log()}")
        return told

    def _log(self) -> str:
        try:
            return Path(self.contender.work_dir, "log.txt").read_text(encoding="utf-8")[-2000:]
        except OSError:
            return ""


def summary(turns: dict[str, list[dict]], memory: dict[str, dict]) -> dict[str, Any]:
    """Medians, and dmmix's ratios to each of the others."""
    speeds = {
        name: [turn["images"] / turn["seconds"] for turn in said] for name, said in turns.items()
    }
    found: dict[str, Any] = {"contenders": {}}
    for name, rates in speeds.items():
        if name == PROFILED:
            found["profile"] = _profile(turns[name])
            continue
        ratios = [ours / theirs for ours, theirs in zip(speeds[OURS], rates, strict=True)]
        found["contenders"][name] = {
            "images_per_second": statistics.median(rates),
            "by_round": rates,
            "dmmix_ratio": statistics.median(ratios),
            "dmmix_ratio_range": [min(ratios), max(ratios)],
            "iterations": sum(turn["iterations"] for turn in turns[name]),
            **memory[name],
            **{
                f"dmmix_{kind}_ratio": _ratio(memory[OURS][kind], memory[name][kind])
                for kind in ("memory", "device_memory")
            },
        }
    return found


def _profile(turns: list[dict]) -> dict[str, float]:
    """Seconds an iteration by part, the longest first; the medians of the turns."""
    names = {name for turn in turns for name in turn["parts"]}
    seconds = {n: statistics.median(turn["parts"].get(n, 0.0) for turn in turns) for n in names}
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def _ratio(ours: int | None, theirs: int | None) -> float | None:
    return ours / theirs if ours and theirs else None


def table_of(name: str, result: dict[str, Any], args: argparse.Namespace) -> Any:
    row = ROWS[name].but(args.images, args.batch_size)
    title = (
        f"{name}: {row.channels} x {row.size} x {row.size}, batch {row.batch_size}, "
        f"{args.device}, {args.clock} clock"
    )
    device = args.device != "cpu"
    columns = ["images/s", "dmmix / this", "range", "memory, MB", "dmmix / this"]
    columns += ["GPU memory, MB", "dmmix / this"] if device else []
    made = table(title, "training", *columns)
    for contender, found in result["contenders"].items():
        cells = [
            f"{found['images_per_second']:,.0f}",
            f"{found['dmmix_ratio']:.2f}",
            "{:.2f}-{:.2f}".format(*found["dmmix_ratio_range"]),
            *_memory_cells(found, "memory"),
            *(_memory_cells(found, "device_memory") if device else ()),
        ]
        made.add_row(contender, *cells)
    return made


def _memory_cells(found: dict[str, Any], kind: str) -> Iterable[str]:
    if found[kind] is None:
        return "", ""
    ratio = found[f"dmmix_{kind}_ratio"]
    return f"{found[kind] / 1e6:,.0f}", "" if ratio is None else f"{ratio:.2f}"


def profile_table(name: str, parts: dict[str, float], device: str) -> Any:
    title = f"{name}: an iteration of dmmix by part"
    title += "" if device == "cpu" else ", waiting for the GPU at each"
    made = table(title, "part", "µs", "%")
    whole = sum(parts.values())
    for part, seconds in parts.items():
        made.add_row(part, f"{seconds * 1e6:,.0f}", f"{100 * seconds / whole:.1f}")
    made.add_section()
    made.add_row("all", f"{whole * 1e6:,.0f}", "")
    return made


def write(results: dict[str, Any], args: argparse.Namespace) -> None:
    options = {name: value for name, value in vars(args).items() if name != "out"}
    report = {"options": options, "rows": results}
    write_report(args.out, report, device=args.device, threads=args.threads)


if __name__ == "__main__":
    main()
