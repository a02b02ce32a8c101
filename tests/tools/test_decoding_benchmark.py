"""tools/benchmarks/decoding.py: decoders make the same pixels, and its table has each of them."""

import importlib
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def tool(root):
    folder = str(root / "tools" / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("decoding")
    finally:
        sys.path.remove(folder)
        for name in ("decoding", "_timing", "_report", "_photographs"):
            sys.modules.pop(name, None)


def test_decoders_agree(tool):
    (file,) = tool.make_files(1, 60, 80)
    found = tool.decoders()
    pixels = {name: np.asarray(decode(file)) for name, decode in found.items()}
    assert {"OpenCV", "OpenCV, half the size", "Pillow"} <= set(pixels)
    assert pixels["OpenCV"].shape == (60, 80, 3)
    assert pixels["OpenCV, half the size"].shape == (30, 40, 3)
    assert np.abs(pixels["OpenCV"].astype(int) - pixels["Pillow"]).max() <= 2
    if "torchvision" in pixels:
        there = pixels["torchvision"].transpose(1, 2, 0)
        assert np.abs(there.astype(int) - pixels["OpenCV"]).max() <= 2


def test_files_are_like_photographs(tool):
    files = tool.make_files(2, 375, 500)
    assert files[0] != files[1]
    assert all(2e4 < len(file) < 3e5 for file in files)
    assert cv2.imdecode(np.frombuffer(files[0], np.uint8), cv2.IMREAD_COLOR).shape == (375, 500, 3)


def test_files_are_those_of_the_throughput_benchmark(tool, tmp_path):
    importlib.import_module("dmmix.registry")
    rows = importlib.import_module("throughput_rows")
    sys.modules.pop("throughput_rows")
    folder = Path(rows.write_data(rows.ROWS["r50_224"].but(images=2), tmp_path))
    written = [(folder / f"{k}.jpg").read_bytes() for k in range(2)]
    assert written == tool.make_files(2, 375, 500)


def test_table(tool, monkeypatch, capsys):
    options = ["--height", "40", "--width", "50", "--images", "2", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", ["decoding.py", *options])
    tool.main()
    shown = capsys.readouterr().out
    for name in tool.decoders():
        assert name in shown
    assert "1.00" in shown
