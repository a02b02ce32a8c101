"""tools/benchmarks/mixing.py: what its table and file hold, and that its loops are our mixes."""

import json
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from dmmix import functional
from dmmix.functional import mixing


@pytest.mark.slow
def test_all_methods_and_their_peers(tool, run, tmp_path):
    file, n, size = tmp_path / "mixing.json", 4, 32
    shape = f"{n}x3x{size}x{size}"
    shown = run("mixing", "--shapes", shape, "--rounds", 1, "--loop-shape", shape, "--out", file)
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["rounds"] == 1
    assert report["environment"]["torch"] == torch.__version__
    (result,) = report["results"]
    assert result["shape"] == [n, 3, size, size]
    methods = result["methods"]
    assert list(methods) == tool("mixing").known_methods()
    assert {"Mixup", "CutMix"} <= set(methods)
    assert not {"Mix", "PairMix", "RandomMix", "ManifoldMix"} & set(methods)
    for method, rows in methods.items():
        assert method in shown
        assert rows["copy"]["bytes"] == 2 * 4 * n * 3 * size * size
        assert rows["copy"]["ratio_to_copy"] == 1
        assert any(row["ours"] for row in rows.values())
        for name, row in rows.items():
            assert row["seconds"] > 0
            assert row["bytes"] > 0
            assert not (row["ours"] and row["writes_into_its_input"])
            assert name + (" *" if row["writes_into_its_input"] else "") in shown
    for method in ("Mixup", "CutMix"):
        rows = methods[method]
        assert rows["timm, per batch"]["writes_into_its_input"]
        assert not rows["torchvision, per batch"]["writes_into_its_input"]
        assert rows["mmpretrain, per batch"]["writes_into_its_input"] is (method == "CutMix")
        assert ("kornia, per sample" in rows) is (find_spec("kornia") is not None)
        safe = [r for r in rows.values() if not (r["ours"] or r["writes_into_its_input"])]
        fastest = min(r["seconds"] for r in safe if r is not rows["copy"])
        for form in ("dmmix, per batch", "dmmix, per sample"):
            assert rows[form]["ratio_to_fastest_peer"] == rows[form]["seconds"] / fastest
    assert set(report["loops"]) <= set(tool("mixing").LOOPS)
    for name, row in report["loops"].items():
        assert name in shown
        assert row["ratio"] == row["loop"] / row["ours"]


def test_some_methods_alone(run, tmp_path):
    file = tmp_path / "mixing.json"
    options = ["--shapes", "2x1x5x7", "--rounds", 2, "--clock", "cpu"]
    shown = run("mixing", "--methods", "Mixup", *options, "--threads", 1, "--out", file)
    report = json.loads(file.read_text(encoding="utf-8"))
    assert list(report["results"][0]["methods"]) == ["Mixup"]
    assert report["loops"] == {}
    assert report["clock"] == "cpu"
    assert "beside a loop" not in shown


def test_bytes_are_counted_from_shapes(tool):
    count = tool("_timing").bytes_moved
    a, b, index = torch.ones(6, 5), torch.ones(6, 5), torch.arange(6)
    assert count(lambda: a.copy_(b)) == 2 * 120
    assert count(lambda: a.fill_(1)) == 120
    assert count(lambda: a.add_(b)) == 3 * 120
    assert count(lambda: a + b) == 3 * 120
    assert count(lambda: torch.add(a, b, out=b)) == 2 * 120 + 120
    assert count(lambda: a.view(-1)[3:].view(27)) == 0
    assert count(lambda: a[:3].clone()) == 120
    assert count(lambda: a + b[:1].expand(6, 5)) == 2 * 120 + 20
    assert count(lambda: torch.index_select(a, 0, index, out=b)) == 2 * 120 + 48


# -- the loops -------------------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """Images, lam and a pairing, as tensors and as arrays."""
    g = torch.Generator().manual_seed(3)
    images = torch.randn(7, 3, 18, 13, generator=g, dtype=torch.float64)
    lam, index = functional.draw_lam(7, 1.0, g), functional.draw_pairing(7, g)
    return images, lam, index, [t.numpy() for t in (images, lam, index)]


def check(loop, mixed, images):
    before = images.copy()
    found, shares = loop()
    assert np.array_equal(before, images)
    assert_close(torch.from_numpy(found), mixed.images, rtol=0, atol=0)
    assert_close(torch.from_numpy(shares), mixed.labels.shares[:, 0])


def test_the_loop_of_fmix_is_fmix(tool, drawn):
    images, lam, index, arrays = drawn
    noise = mixing.draw_noise(7, (18, 13), torch.Generator().manual_seed(0)).to(torch.complex128)
    mixed = mixing.fmix(images, torch.arange(7), lam, index, noise)
    check(lambda: tool("mixing_loops").fmix(*arrays, noise.numpy()), mixed, arrays[0])


@pytest.mark.skipif(hasattr(cv2, "saliency"), reason="OpenCV's own saliency rounds to bytes")
def test_the_loop_of_saliencymix_is_saliencymix(tool, drawn):
    images, lam, index, arrays = drawn
    mixed = mixing.saliencymix(images, torch.arange(7), lam, index)
    check(lambda: tool("mixing_loops").saliencymix(*arrays), mixed, arrays[0])


def test_the_loop_of_gridmix_is_gridmix(tool, drawn):
    images, lam, index, arrays = drawn
    cells = mixing.draw_cells(7, (4, 4), torch.Generator().manual_seed(0))
    mixed = mixing.gridmix(images, torch.arange(7), lam, index, cells)
    check(lambda: tool("mixing_loops").gridmix(*arrays, cells.numpy()), mixed, arrays[0])


def test_the_loop_of_puzzlemix_mixes(tool, drawn):
    pytest.importorskip("maxflow", reason="there is no PyMaxflow for this Python or platform")
    *_, arrays = drawn
    before = arrays[0].copy()
    found, shares = tool("mixing_loops").puzzlemix(*arrays, np.abs(before).mean(1))
    assert np.array_equal(before, arrays[0])
    assert found.shape == before.shape
    assert 0 <= shares.min() <= shares.max() <= 1
