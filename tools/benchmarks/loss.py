"""Time and memory of the losses beside ``F.cross_entropy``, forward and backward together.

    python tools/benchmarks/loss.py --threads 2 --out loss.json

Soft labels, like :class:`MixedLabels`, are made before the clock starts. Ratios are to
``F.cross_entropy`` with soft labels, which computes what mixup cross entropy computes.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
import torch.nn.functional as F
from _report import parser, table, write_report
from _timing import check_no_synchronisation, interleaved, medians, peak_extra_memory
from rich.console import Console
from rich.progress import Progress

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy, mixup_cross_entropy

BASELINE = "F.cross_entropy, soft labels"
SHAPES = ["100x100", "256x1000", "1024x1000", "256x21841"]
CUDA_SHAPES = [*SHAPES, "4096x21841"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def main() -> None:
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    shapes = args.shapes or (SHAPES if args.device == "cpu" else CUDA_SHAPES)
    console = Console(stderr=True)
    results = []
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(shapes) * args.rounds)
        for shape in shapes:
            progress.update(task, description=shape)
            results.append(measure(shape, args, partial(progress.advance, task)))
    report = {
        "device": args.device,
        "dtype": args.dtype,
        "rounds": args.rounds,
        "results": results,
    }
    for result in results:
        Console().print(table_of(result))
    if args.out:
        write_report(args.out, report, device=args.device)
        console.print(f"written to {args.out}")


def parse_args() -> argparse.Namespace:
    options = parser(__doc__, rounds=100, threads=None)
    options.add_argument("--dtype", default="float32", choices=list(DTYPES))
    options.add_argument("--shapes", nargs="+", metavar="NxC", help=f"default: {' '.join(SHAPES)}")
    options.add_argument("--no-compile", action="store_true", help="leave out the compiled form")
    return options.parse_args()


def measure(shape: str, args: argparse.Namespace, advance) -> dict:
    n, c = (int(size) for size in shape.split("x"))
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, c, generator=generator).to(args.device, DTYPES[args.dtype])
    lam = torch.rand(n, generator=generator)
    classes = torch.randint(c, (n, 2), generator=generator)
    labels = MixedLabels(classes, torch.stack([lam, 1 - lam], 1)).to(args.device)

    losses = candidates(labels, c, logits.dtype, compiled=not args.no_compile)
    steps = {name: partial(step, loss, logits.requires_grad_()) for name, loss in losses.items()}
    seconds = medians(interleaved(steps, args.rounds, args.device), advance)
    result = {
        "shape": [n, c],
        "losses": {
            name: {
                "seconds": seconds[name],
                "ratio": seconds[name] / seconds[BASELINE],
                "peak_extra_bytes": peak_extra_memory(steps[name], args.device),
            }
            for name in steps
        },
    }
    if args.device == "cuda":
        check_no_synchronisation(steps[name] for name in steps if not name.startswith("F."))
        add_bandwidth(result, logits)
    return result


def candidates(labels: MixedLabels, num_classes: int, dtype: torch.dtype, compiled: bool) -> dict:
    dense = labels.dense(num_classes, dtype)
    hard = labels.classes[:, 0].contiguous()
    found = {
        "F.cross_entropy, class indices": lambda z: F.cross_entropy(z, hard),
        BASELINE: lambda z: F.cross_entropy(z, dense),
    }
    ours = {"DM(CE)": decoupled_mixup_cross_entropy, "mixup CE": mixup_cross_entropy}
    for name, loss in ours.items():
        found[f"{name}, eager"] = partial(loss, labels=labels, backend="eager")
        if compiled:
            # Built anew for each shape, as a training run has only one.
            torch.compiler.reset()
            graph = torch.compile(loss, fullgraph=True, dynamic=False)
            found[f"{name}, compiled"] = partial(graph, labels=labels)
        found[f"{name}, single pass"] = partial(loss, labels=labels, backend="single_pass")
    return found


def step(loss, logits: torch.Tensor) -> None:
    loss(logits).backward()
    logits.grad = None


def add_bandwidth(result: dict, logits: torch.Tensor) -> None:
    """Which share of the bandwidth of a plain copy each step reaches.

    A step at its best reads the logits forward, reads them again backward and writes the
    gradient: 3 N C elements. A copy reads and writes: 2 N C.
    """
    source, copy = logits.detach(), torch.empty_like(logits)
    size = source.numel() * source.element_size()
    seconds = medians(interleaved({"copy": lambda: copy.copy_(source)}, 50, "cuda"))["copy"]
    bandwidth = 2 * size / seconds
    result["copy_bytes_per_second"] = bandwidth
    for loss in result["losses"].values():
        loss["share_of_copy_bandwidth"] = 3 * size / loss["seconds"] / bandwidth


def table_of(result: dict):
    n, c = result["shape"]
    on_gpu = "copy_bytes_per_second" in result
    columns = ["loss", "ms", "ratio", "extra MB", *(["bandwidth"] if on_gpu else [])]
    made = table(f"({n}, {c}), forward and backward", *columns)
    for name, loss in result["losses"].items():
        share = [f"{loss['share_of_copy_bandwidth']:.0%}"] if on_gpu else []
        made.add_row(
            name,
            f"{loss['seconds'] * 1e3:.3f}",
            f"{loss['ratio']:.2f}",
            f"{loss['peak_extra_bytes'] / 1e6:.2f}",
            *share,
        )
    return made


if __name__ == "__main__":
    main()
