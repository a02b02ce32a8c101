"""Milliseconds to decode a JPEG: OpenCV, Pillow and, where its decoder loads, torchvision.

    python tools/benchmarks/decoding.py --height 375 --width 500

From bytes in memory to RGB pixels, one thread; the images are noise, made here.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from _report import count, environment, table
from _timing import interleaved
from PIL import Image
from rich.console import Console
from throughput_rows import noise_photographs

Decoder = Callable[[bytes], object]
OPENCV = "OpenCV"


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    files = make_files(args.images, args.height, args.width)
    found = decoders()
    steps = {
        name: lambda decode=decode: [decode(f) for f in files] for name, decode in found.items()
    }
    rounds = list(interleaved(steps, args.rounds, "cpu", time.process_time))
    title = f"JPEG of {args.height} x {args.width}, {len(files[0]) / 1e3:.0f} kB"
    shown = table(title, "decoder", "ms", "times OpenCV")
    for name in found:
        seconds = statistics.median(one[name] for one in rounds) / len(files)
        ratio = statistics.median(one[name] / one[OPENCV] for one in rounds)
        shown.add_row(name, f"{1e3 * seconds:.2f}", f"{ratio:.2f}")
    console = Console()
    console.print(shown)
    if "torchvision" not in found:
        console.print("torchvision: its decoder does not load beside this torch")
    console.print(environment(packages=("opencv-python-headless", "pillow")))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in (("height", 375), ("width", 500), ("images", 32), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=count, default=default)
    return parser.parse_args()


def make_files(count: int, height: int, width: int) -> list[bytes]:
    """JPEGs of noise, quality 90."""
    return [
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        for image in noise_photographs(count, height, width)
    ]


def decoders() -> dict[str, Decoder]:
    """Functions from a file's bytes to its pixels, by name."""

    def opencv(flag: int) -> Decoder:
        return lambda file: cv2.imdecode(np.frombuffer(file, np.uint8), flag)

    def pillow(file: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))

    found = {
        OPENCV: opencv(cv2.IMREAD_COLOR_RGB),
        f"{OPENCV}, half the size": opencv(cv2.IMREAD_REDUCED_COLOR_2),
        "Pillow": pillow,
    }
    decode = _torchvision_decoder()
    if decode is not None:
        # It wants a tensor of its own that can be written to.
        found["torchvision"] = lambda file: decode(
            torch.frombuffer(bytearray(file), dtype=torch.uint8)
        )
    return found


def _torchvision_decoder() -> Callable | None:
    import dmmix.compat

    dmmix.compat.prepare()  # torchvision may not be importable without
    try:
        from torchvision.io import ImageReadMode, decode_jpeg

        decode_jpeg(torch.frombuffer(bytearray(make_files(1, 8, 8)[0]), dtype=torch.uint8))
    except (ImportError, RuntimeError, AttributeError, NotImplementedError):
        return None
    return lambda data: decode_jpeg(data, mode=ImageReadMode.RGB)


if __name__ == "__main__":
    main()
