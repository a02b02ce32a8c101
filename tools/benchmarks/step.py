"""What the decoupled term costs in a whole training step of the quickstart model.

Steps with the mixup loss and with DM(CE) take turns, same network, same batches, one process; the
medians and the median of the pairwise ratios are printed. ``A/A`` is the mixup loss against itself:
how far from 1 a ratio is by chance.

    python tools/benchmarks/step.py --out step.json
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from _report import count, parser, table, write_report
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from rich.console import Console
from rich.progress import track

from dmmix.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "quickstart"
#: By name, the config and another loss for its head.
ROWS: dict[str, tuple[str, dict | None]] = {
    "mixup loss": ("digits_cutmix_mce", None),
    "mixup loss again (A/A)": ("digits_cutmix_mce", None),
    "mmpretrain's soft cross entropy": (
        "digits_cutmix_mce",
        dict(type="CrossEntropyLoss", use_soft=True),
    ),
    "DM(CE)": ("digits_cutmix_dm", None),
}
BASELINE = "mixup loss"


def main() -> None:
    arguments = parser(__doc__, rounds=60)
    arguments.add_argument("--steps", type=count, default=5, help="steps a round")
    args = arguments.parse_args()
    torch.set_num_threads(args.threads)

    steppers = {name: Stepper(*row, args.device) for name, row in ROWS.items()}
    times: dict[str, list[float]] = {name: [] for name in ROWS}
    for stepper in steppers.values():
        stepper.run(args.steps)  # warm-up
    order = list(steppers)
    for _ in track(range(args.rounds), description="steps", console=Console(stderr=True)):
        order = order[1:] + order[:1]  # nobody is always first
        for name in order:
            times[name].append(steppers[name].run(args.steps) / args.steps)

    title = f"training step, digits, batch 20, {args.device}, {args.threads} thread(s)"
    shown = table(title, "loss", "ms a step", f"ratio to the {BASELINE}")
    results = {}
    for name, seconds in times.items():
        ratio = median(a / b for a, b in zip(seconds, times[BASELINE], strict=True))
        results[name] = {"ms": 1e3 * median(seconds), "ratio": ratio}
        shown.add_row(name, f"{results[name]['ms']:.3f}", f"{ratio:.3f}")
    Console().print(shown)
    if args.out:
        options = {"device": args.device, "rounds": args.rounds, "steps": args.steps}
        write_report(args.out, {"options": options, "results": results}, device=args.device)


class Stepper:
    """A model, its optimiser and a batch; :meth:`run` times whole training steps."""

    def __init__(self, config: str, loss: dict | None, device: str) -> None:
        cfg = Config.fromfile(CONFIGS / f"{config}.py")
        if loss is not None:
            cfg.model.head.loss = loss
        cfg.model.data_preprocessor = cfg.data_preprocessor
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope("dmmix"):
            self.model = MODELS.build(cfg.model).to(device)
            self.optimiser = build_optim_wrapper(self.model, cfg.optim_wrapper)
        self.model.train()
        self.batch = {
            "inputs": torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8),
            "labels": torch.arange(20) % 10,
        }

    def run(self, steps: int) -> float:
        """Seconds of so many steps: preprocess, mix, forward, loss, backward, update."""
        self._wait()
        start = time.perf_counter()
        for _ in range(steps):
            outputs: dict[str, Any] = self.model.train_step(self.batch, self.optimiser)
        self._wait()
        elapsed = time.perf_counter() - start
        if not torch.isfinite(outputs["loss"]):
            raise FloatingPointError("the loss is not finite: the timing means nothing")
        return elapsed

    @staticmethod
    def _wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()


if __name__ == "__main__":
    main()
