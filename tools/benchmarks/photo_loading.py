"""Photographs a second, from JPEG files to crops of 224: dmmix, torchvision, timm and mmpretrain.

Files of 500 x 375 are made here. Each library reads them with its own data set of a folder, decodes
them and makes the random resized crop of ImageNet's recipes, to (3, 224, 224) uint8: bilinear, no
flip, one process and one thread, files in the system's cache. All take turns; it is the processor's
time that is taken.

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
}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder), args.images, args.height, args.width)
        steps = {
            name: lambda dataset=dataset: [dataset[i] for i in range(len(dataset))]
            for name, dataset in datasets(folder).items()
        }
        rounds = list(interleaved(steps, args.rounds, "cpu", time.process_time))
    found = summary(rounds, args.images)
    Console().print(shown(found, args))
    if args.out:
        packages = ("timm", "opencv-python", "opencv-python-headless", "pillow", "simplejpeg")
        settings = dict(images=args.images, height=args.height, width=args.width)
        write_report(args.out, dict(**settings, rounds=args.rounds, rows=found), packages=packages)


def parse_args() -> argparse.Namespace:
    made = parser(__doc__ or "", rounds=30, device=False)
    for name, default in (("height", 375), ("width", 500), ("images", 32)):
        made.add_argument(f"--{name}", type=count, default=default)
    return made.parse_args()


def write_photographs(folder: Path, images: int, height: int, width: int) -> None:
    """JPEGs of quality 90, in folders of two classes."""
    for k, image in enumerate(noise_photographs(images, height, width)):
        place = folder / f"class_{k % 2}"
        place.mkdir(exist_ok=True)
        cv2.imwrite(str(place / f"{k:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def datasets(folder: str) -> dict[str, Sequence]:
    """By name of the row, each as its users make it."""
    from dmmix.datasets import DecodedFolder  # first: torchvision may need what it prepares

    ours = {
        name: DecodedFolder(folder, size=SIZE, seed=0, **options) for name, options in OURS.items()
    }
    makers: Mapping[str, Callable[[str], Sequence]] = {
        "mmpretrain": _mmpretrain, "torchvision": _torchvision, "timm": _timm,
    }  # fmt: skip
    return ours | {name: makers[name](folder) for name in PEERS}


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
