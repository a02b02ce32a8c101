"""Time and traffic of the mixes beside those of other libraries, and beside loops over samples.

    pip install -e ".[mm,benchmarks]"
    python tools/benchmarks/mixing.py --threads 1 --out mixing.json

A step draws what is random, mixes images and labels, and drops the result. All steps of a method
take turns on one batch, beside a plain copy of it into a tensor that exists.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import mixing_loops
import mixing_peers
import numpy as np
import torch
from _report import parser, table, write_report
from _timing import CLOCKS, Step, bytes_moved, check_no_synchronisation, interleaved, medians
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from dmmix import mixups
from dmmix.functional import Guide
from dmmix.mixups import Mix

NUM_CLASSES = 100
SHAPES = ["128x3x32x32", "64x3x224x224"]
LOOP_SHAPE = "128x3x32x32"
COPY = "copy"
#: Ours beside a loop over the samples: the loop, and what ours is built with.
LOOPS: dict[str, tuple[str, dict]] = {
    "FMix": ("FMix", {}),
    "SaliencyMix": ("SaliencyMix", {}),
    "GridMix": ("GridMix", {}),
    "PuzzleMix, 4 x 4 blocks": ("PuzzleMix", {"block_num": 4}),
    "PuzzleMix, 16 x 16 blocks": ("PuzzleMix", {"block_num": 16}),
}


def main() -> None:
    args = parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
        mixing_loops.cv2.setNumThreads(args.threads)
    console = Console(stderr=True)
    results = []
    loops = [name for name in LOOPS if LOOPS[name][0] in args.methods]
    if not find_spec("maxflow"):
        loops = [name for name in loops if LOOPS[name][0] != "PuzzleMix"]
    missing = [package for package in mixing_peers.PACKAGES if not find_spec(package)]
    if missing:
        console.print(f"not installed, so left out: {', '.join(missing)}")
    with Progress(console=console) as progress:
        total = (len(args.shapes) * len(args.methods) + len(loops)) * args.rounds
        task = progress.add_task("", total=total)
        advance = partial(progress.advance, task)
        for shape in args.shapes:
            methods = {}
            for method in args.methods:
                progress.update(task, description=f"{shape} {method}")
                methods[method] = measure(method, shape, args, advance)
            results.append({"shape": _sizes(shape), "methods": methods})
        compared = {}
        for name in loops:
            progress.update(task, description=f"loop {name}")
            compared[name] = measure_loop(name, args, advance)
    report = {
        "device": args.device,
        "clock": args.clock,
        "rounds": args.rounds,
        "num_classes": NUM_CLASSES,
        "results": results,
        "loops": compared,
    }
    for result in results:
        Console().print(table_of(result))
    if compared:
        Console().print(loop_table(compared))
    if args.out:
        peers = (*mixing_peers.DISTRIBUTIONS, "PyMaxflow")
        write_report(args.out, report, device=args.device, packages=peers)
        console.print(f"written to {args.out}")


def parse_args() -> argparse.Namespace:
    methods = known_methods()
    options = parser(__doc__, rounds=30, threads=None)
    options.add_argument("--methods", nargs="+", choices=methods, default=methods, metavar="NAME")
    options.add_argument("--shapes", nargs="+", default=SHAPES, metavar="NxCHxHxW")
    options.add_argument("--clock", default="wall", choices=list(CLOCKS))
    options.add_argument("--loop-shape", default=LOOP_SHAPE, metavar="NxCHxHxW")
    args = options.parse_args()
    for shape in (*args.shapes, args.loop_shape):
        try:
            good = len(_sizes(shape)) == 4 and min(_sizes(shape)) > 0
        except ValueError:
            good = False
        if not good:
            options.error(f"a shape must be four sizes like 128x3x32x32, got {shape}")
    return args


def known_methods() -> list[str]:
    """All mixes of images that are registered; those in a network cost what its features cost."""
    found = []
    for name in mixups.__all__:
        kind = getattr(mixups, name)
        if not (inspect.isclass(kind) and issubclass(kind, Mix)) or inspect.isabstract(kind):
            continue
        if name != "RandomMix" and "stages" not in kind().needs:
            found.append(name)
    return found


def measure(method: str, shape: str, args: argparse.Namespace, advance: Callable) -> dict:
    images, labels = batch(shape, args.device)
    existing = torch.empty_like(images)
    steps: dict[str, Step] = {COPY: lambda: existing.copy_(images)}
    ours, writers = [], []
    for form, options in forms(method):
        ours.append(form)
        steps[form] = own_step(method, options, images, labels)
    for peer, call in mixing_peers.peers(NUM_CLASSES).get(method, {}).items():
        given = images.clone()
        before = given._version
        call(given, labels)
        if given._version != before:
            writers.append(peer)  # mixes what it has mixed, which takes as long
        else:
            given = images
        steps[peer] = partial(call, given, labels)
    if args.device == "cuda":
        check_no_synchronisation(steps[form] for form in ours)
    seconds = _medians(steps, args, advance)
    safe = [seconds[name] for name in steps if name not in (COPY, *ours, *writers)]
    return {
        name: {
            "ours": name in ours,
            "writes_into_its_input": name in writers,
            "seconds": seconds[name],
            "ratio_to_copy": seconds[name] / seconds[COPY],
            "ratio_to_fastest_peer": seconds[name] / min(safe) if safe else None,
            "bytes": statistics.mean(bytes_moved(step) for _ in range(8)),  # draws differ
        }
        for name, step in steps.items()
    }


def measure_loop(name: str, args: argparse.Namespace, advance: Callable) -> dict:
    method, options = LOOPS[name]
    images, labels = batch(args.loop_shape, args.device)
    array, rng = images.cpu().numpy(), np.random.default_rng(0)
    steps = {
        "ours": own_step(method, options, images, labels),
        "loop": lambda: mixing_loops.DRAWN[method](array, rng, **options),
    }
    seconds = _medians(steps, args, advance)
    return {"shape": list(images.shape), **seconds, "ratio": seconds["loop"] / seconds["ours"]}


def batch(shape: str, device: str) -> tuple[Tensor, Tensor]:
    n, *rest = _sizes(shape)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(n, *rest, generator=generator)
    labels = torch.randint(NUM_CLASSES, (n,), generator=generator)
    return images.to(device), labels.to(device)


def forms(method: str) -> Iterator[tuple[str, dict]]:
    """What a mix is called in the table, and how it is built."""
    parameters = inspect.signature(getattr(mixups, method)).parameters
    if "per_batch" not in parameters:
        yield "dmmix", {}
        return
    yield "dmmix, per batch", {"per_batch": True}
    yield "dmmix, per sample", {}


def own_step(method: str, options: dict, images: Tensor, labels: Tensor) -> Step:
    mix = getattr(mixups, method)(**options)
    guide = GivenAnswers(images) if mix.needs else None
    generator = torch.Generator().manual_seed(0)

    def step() -> Any:
        mixed = mix.mix(images, labels, generator, guide)
        told = mixed.labels
        for watched in mixed.watched:
            told = watched.settle(told, guide.attention_map)
        return told

    return step


class GivenAnswers(Guide):
    """A guide whose answers are ready: what is timed is the mix without passes of the network."""

    def __init__(self, images: Tensor) -> None:
        super().__init__(torch.nn.Identity())
        n, _, height, width = images.shape
        generator = torch.Generator().manual_seed(1)

        def map_of(*size: int) -> Tensor:
            return torch.rand(size, generator=generator).to(images.device)

        small = (max(1, height // 32), max(1, width // 32)) if height > 64 else (4, 4)
        self._gradient = images.clone()
        self._saliency = map_of(n, height, width)
        self._maps = map_of(n, 64, *small)
        self._activation = map_of(n, *small)
        self.attention_map = map_of(n, small[0] * small[1])

    def gradient(self, images: Tensor, labels: Any) -> Tensor:
        return self._gradient

    def saliency(self, images: Tensor, labels: Any) -> Tensor:
        return self._saliency

    def features(self, images: Tensor) -> Tensor:
        return self._maps

    def activation(self, images: Tensor, classes: Tensor) -> Tensor:
        return self._activation


def table_of(result: dict):
    shape = ", ".join(map(str, result["shape"]))
    made = table(f"({shape}), float32", "", "ms", "/ fastest", "/ copy", "MB", "/ copy")
    made.caption = "* writes into its input; fastest: of the peers that leave it alone"
    made.caption_justify = "left"
    for method, rows in result["methods"].items():
        made.add_row(f"[bold]{method}")
        for name, row in rows.items():
            peer = row["ratio_to_fastest_peer"]
            made.add_row(
                "  " + name + (" *" if row["writes_into_its_input"] else ""),
                f"{row['seconds'] * 1e3:.3f}",
                "" if peer is None or name == COPY else f"{peer:.2f}",
                f"{row['ratio_to_copy']:.2f}",
                f"{row['bytes'] / 1e6:.1f}",
                f"{row['bytes'] / rows[COPY]['bytes']:.2f}",
            )
        made.add_section()
    return made


def loop_table(compared: dict):
    shape = ", ".join(map(str, next(iter(compared.values()))["shape"]))
    title = f"({shape}), beside a loop over the samples"
    made = table(title, "method", "ms", "loop, ms", "times as fast")
    for name, row in compared.items():
        made.add_row(
            name, f"{row['ours'] * 1e3:.2f}", f"{row['loop'] * 1e3:.2f}", f"{row['ratio']:.1f}"
        )
    return made


def _medians(steps: dict[str, Step], args: argparse.Namespace, advance: Callable) -> dict:
    rounds = interleaved(steps, args.rounds, args.device, CLOCKS[args.clock])
    return medians(rounds, advance)


def _sizes(shape: str) -> list[int]:
    return [int(size) for size in shape.split("x")]


if __name__ == "__main__":
    main()
