"""tools/benchmarks/decoding.py: decoders make the same pixels, and its table has each of them."""

from pathlib import Path

import cv2
import numpy as np


def test_decoders_agree(tool):
    (file,) = tool("decoding").make_files(1, 60, 80)
    found = tool("decoding").decoders()
    pixels = {name: np.asarray(decode(file)) for name, decode in found.items()}
    assert {"OpenCV", "OpenCV, half the size", "Pillow"} <= set(pixels)
    assert pixels["OpenCV"].shape == (60, 80, 3)
    assert pixels["OpenCV, half the size"].shape == (30, 40, 3)
    assert np.abs(pixels["OpenCV"].astype(int) - pixels["Pillow"]).max() <= 2
    if "torchvision" in pixels:
        there = pixels["torchvision"].transpose(1, 2, 0)
        assert np.abs(there.astype(int) - pixels["OpenCV"]).max() <= 2


def test_files_are_like_photographs_and_those_of_the_throughput_benchmark(tool, tmp_path):
    files = tool("decoding").make_files(2, 375, 500)
    assert files[0] != files[1]
    assert all(2e4 < len(file) < 3e5 for file in files)
    assert cv2.imdecode(np.frombuffer(files[0], np.uint8), cv2.IMREAD_COLOR).shape == (375, 500, 3)
    rows = tool("throughput_rows")
    folder = Path(rows.write_data(rows.ROWS["r50_224"].but(images=2), tmp_path))
    assert [(folder / f"{k}.jpg").read_bytes() for k in range(2)] == files


def test_table(tool, run):
    options = ["--height", 40, "--width", 50, "--images", 2, "--rounds", 2]
    shown = run("decoding", *options)
    assert all(name in shown for name in [*tool("decoding").decoders(), "1.00"])
