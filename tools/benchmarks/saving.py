"""What a checkpoint costs beside ``torch.save`` of the same content.

dmmix's is plain data with a digest, goes to disk before it takes its name, and holds the config as
text. Whole wall times, in turn, and the processor's.

    python tools/benchmarks/saving.py --out saving.json
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from _report import parser, table, write_report
from rich.console import Console
from throughput_rows import ROWS, ours, write_data

from dmmix.engine import DmmixRunner


def main() -> None:
    options = parser(__doc__, rounds=50, device=False)
    options.add_argument("--rows", nargs="+", choices=list(ROWS), default=["digits", "cifar_small"])
    args = options.parse_args()
    torch.set_num_threads(args.threads)

    results = {name: measure(name, args.rounds) for name in args.rows}
    title = f"a checkpoint, {args.threads} thread(s), ms"
    shown = table(title, "row", "MiB", "dmmix", "torch.save", "ratio", "of processor time")
    for name, found in results.items():
        names = "MiB", "wall_ms", "wall_torch_ms", "wall_ratio", "processor_ratio"
        shown.add_row(name, *(f"{found[value]:.2f}" for value in names))
    Console().print(shown)
    if args.out:
        write_report(args.out, {"rows": results}, threads=args.threads)


def measure(name: str, rounds: int) -> dict[str, float]:
    """Medians of a row, and of the ratios round by round."""
    with tempfile.TemporaryDirectory() as folder:
        row = ROWS[name]
        config = ours(row, write_data(row, Path(folder)), folder, workers=0, cuda=False, step={})
        config.log_level = "ERROR"
        runner = DmmixRunner.from_cfg(config)
        runner.call_hook("before_run")
        runner.train_loop  # noqa: B018 - builds it
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        for group in runner.optim_wrapper.param_groups:  # momentum is half of a checkpoint
            for weight in group["params"]:
                weight.grad = torch.zeros_like(weight)
        runner.optim_wrapper.step()
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)

        def save() -> None:
            runner.save_checkpoint(folder, "ours.pth")

        save()
        content = torch.load(Path(folder, "ours.pth"), weights_only=True)
        theirs = Path(folder, "theirs.pth")
        turns = [(timed(save), timed(lambda: torch.save(content, theirs))) for _ in range(rounds)]
        size = theirs.stat().st_size / 2**20
    found: dict[str, Any] = {"MiB": size}
    for number, kind in enumerate(("wall", "processor")):
        a, b = ([turn[side][number] for turn in turns] for side in (0, 1))
        found[f"{kind}_ms"], found[f"{kind}_torch_ms"] = 1e3 * median(a), 1e3 * median(b)
        found[f"{kind}_ratio"] = median(x / y for x, y in zip(a, b, strict=True))
    return found


def timed(act: Any) -> tuple[float, float]:
    """Seconds on the wall, and of the processor."""
    start = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - start[0], time.process_time() - start[1]


if __name__ == "__main__":
    main()
