"""tools/benchmarks/loss.py, step.py and finite.py: they start, and write what they show."""

import json

import pytest

#: Options, and a row of the table.
TINY = {
    "loss": (["--shapes", "3x4", "--no-compile", "--device", "cpu"], "DM(CE)"),
    "step": (["--steps", 1, "--device", "cpu"], "DM(CE)"),
    "finite": (["--steps", 1], "digits"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_it_measures(start_tool, name, tmp_path):
    (options, row), out = TINY[name], tmp_path / "out.json"
    both = ["--rounds", 1, "--threads", 1, "--out", out]
    assert row in start_tool(f"benchmarks/{name}.py", *options, *both)
    assert json.loads(out.read_text(encoding="utf-8"))["environment"]["threads"] == 1


def test_what_the_look_costs_is_told_turn_by_turn(tool):
    """With its turns, and without them, in an order that favours neither."""
    finite = tool("finite")
    turns = finite.Turns(steps=2, rounds=3, say=lambda **_: None)
    turns.seconds = {True: [4.0, 4.0, 6.0], False: [4.0, 2.0, 4.0]}
    found = finite.summary(turns)
    assert found["ratios"] == [1.0, 2.0, 1.5]
    assert found["ratio"] == 1.5
    assert found["with_ms"] == 2000.0
