"""tools/benchmarks/loss.py and step.py: they start, and write what they show."""

import json

import pytest

TINY = {
    "loss": ["--shapes", "3x4", "--no-compile"],
    "step": ["--steps", 1],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_it_measures(start_tool, name, tmp_path):
    out = tmp_path / "out.json"
    options = ["--rounds", 1, "--threads", 1, "--device", "cpu", "--out", out]
    assert "DM(CE)" in start_tool(f"benchmarks/{name}.py", *TINY[name], *options)
    assert json.loads(out.read_text(encoding="utf-8"))["environment"]["threads"] == 1
