"""Photographs a second, from JPEG files to crops of 224: dmmix, torchvision, timm and mmpretrain.

Files of 500 x 375 are made here. Each library reads them with its own data set of a folder, decodes
them and makes the random resized crop of ImageNet's recipes, to (3, 224, 224) uint8: bilinear, no
flip, one process and one thread, files in the system's cache. All take turns; it is the processor's
time that is taken. dmmix's caches, in memory and in a mapped file, are made before. Then each
lists a folder of many (empty) files.

    python tools/benchmarks/photo_loading.py --out photo_loading.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from _report import count, parser, table, write_report
from _timing import interleaved
from rich.console import Console
from throughput_rows import noise_photographs

SIZE = 224
PEERS = ("mmpretrain", "torchvision", "timm")
#: Rows of dmmix: what differs from ``DecodedFolder(folder, size=224)``.
OURS: dict[str, dict[str, Any]] = {
    "dmmix": {},
    "dmmix, antialias=False": dict(antialias=False),
    "dmmix, cache in memory": dict(cache="memory"),
    "dmmix, cache in memory, antialias=False": dict(cache="memory", antialias=False),
    "dmmix, cache in a file": dict(cache="FOLDER"),
    "dmmix, cache in a file, antialias=False": dict(cache="FOLDER", antialias=False),
}
_CLASSES = 100


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        write_photographs(Path(folder), args.images, args.height, args.width)
        steps = {
            name: lambda dataset=dataset: [dataset[i] for i in range(len(dataset))]
            for name, dataset in datasets(folder, cache).items()
        }
        rounds = list(interleaved(steps, args.rounds, "cpu", time.process_time))
    found = summary(rounds, args.images)
    Console().print(shown(found, args))
    listing = listing_seconds(args.files)
    Console().print(f"CPU seconds to list {args.files} files:", listing)
    if args.out:
        packages = ("timm", "opencv-python", "opencv-python-headless", "pillow", "simplejpeg")
        settings = dict(images=args.images, height=args.height, width=args.width)
        rows = dict(rows=found, files=args.files, listing_cpu_seconds=listing)
        write_report(args.out, dict(**settings, rounds=args.rounds, **rows), packages=packages)


def parse_args() -> argparse.Namespace:
    made = parser(__doc__ or "", rounds=30, device=False)
    for name, default in (("height", 375), ("width", 500), ("images", 32), ("files", 100_000)):
        made.add_argument(f"--{name}", type=count, default=default)
    return made.parse_args()


def write_photographs(folder: Path, images: int, height: int, width: int) -> None:
    """JPEGs of quality 90, in folders of two classes."""
    for k, image in enumerate(noise_photographs(images, height, width)):
        place = folder / f"class_{k % 2}"
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{k:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def datasets(folder: str, cache_folder: str) -> dict[str, Sequence]:
    """By name of the row, each as its users make it."""
    ours = {name: _ours(folder, cache_folder, **options) for name, options in OURS.items()}
    return ours | {name: _MAKERS[name](folder) for name in PEERS}


def listing_seconds(files: int) -> dict[str, float]:
    """The processor's seconds that each takes to find so many files, medians of three."""
    with tempfile.TemporaryDirectory() as folder:
        for k in range(files):
            place = Path(folder) / f"class_{k % min(files, _CLASSES):02}"
            place.mkdir(exist_ok=True)
            (place / f"{k:06}.jpg").touch()
        makers: dict[str, Callable[[str], Sequence]] = {"dmmix": _ours, **_MAKERS}
        steps = {name: lambda make=make: len(make(folder)) for name, make in makers.items()}
        rounds = list(interleaved(steps, 3, "cpu", time.process_time))
    return {name: statistics.median(one[name] for one in rounds) for name in steps}


def _ours(folder: str, cache_folder: str = "", **options: Any) -> Sequence:
    from dmmix.datasets import DecodedFolder  # first: torchvision may need what it prepares

    if options.get("cache") == "FOLDER":
        options["cache"] = cache_folder
    return DecodedFolder(folder, size=SIZE, seed=0, **options)


def _mmpretrain(folder: str) -> Sequence:
    from mmpretrain.datasets import CustomDataset

    return CustomDataset(
        data_root=folder,
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="RandomResizedCrop", scale=SIZE),
            dict(type="PackInputs"),
        ],
    )


def _torchvision(folder: str) -> Sequence:
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.v2 import Compose, PILToTensor, RandomResizedCrop

    transform = Compose([RandomResizedCrop(SIZE, antialias=True), PILToTensor()])
    return ImageFolder(folder, transform)


def _timm(folder: str) -> Sequence:
    from timm.data import create_dataset, create_transform

    transform = create_transform(
        SIZE, is_training=True, use_prefetcher=True,  # which takes uint8, as dmmix's batches do
        hflip=0, color_jitter=None, interpolation="bilinear",
    )  # fmt: skip
    return create_dataset("", root=folder, transform=transform)


_MAKERS: Mapping[str, Callable[[str], Sequence]] = {
    "mmpretrain": _mmpretrain, "torchvision": _torchvision, "timm": _timm,
}  # fmt: skip


def summary(rounds: Sequence[Mapping[str, float]], images: int) -> dict[str, dict[str, float]]:
    """Images a second of each row, and how many times as many as each peer; medians over rounds."""
    found = {}
    for name in rounds[0]:
        row = {"images_per_second": images / statistics.median(one[name] for one in rounds)}
        for peer in PEERS:
            row[f"over_{peer}"] = statistics.median(one[peer] / one[name] for one in rounds)
        found[name] = row
    return found


def shown(found: Mapping[str, Mapping[str, float]], args: argparse.Namespace) -> Any:
    """As a table."""
    title = f"JPEG of {args.height} x {args.width} to crops of {SIZE}, one core"
    made = table(title, "", "images/s", *(f"times {peer}" for peer in PEERS))
    for name, row in found.items():
        rate, *ratios = row.values()
        made.add_row(name, f"{rate:.0f}", *(f"{ratio:.2f}" for ratio in ratios))
    return made


if __name__ == "__main__":
    main()
