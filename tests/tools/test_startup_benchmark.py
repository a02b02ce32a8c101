"""tools/benchmarks/startup.py: how long commands take to answer."""

import json

import pytest

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def startup(tool):
    return tool("startup")


def test_the_import_profile(startup):
    profile = startup.import_profile(
        "import time: self [us] | cumulative | imported package\n"
        "import time:      2000 |       2000 |   torch._C\n"
        "other output\n"
        "import time:      1000 |       3000 | torch\n"
        "import time:      5000 |       5000 | numpy\n"
    )
    assert profile == {"numpy": 0.005, "torch": 0.003}
    assert list(profile) == ["numpy", "torch"]


def test_ratios_are_of_the_same_round(startup):
    times = {
        "first": [(1.0, 2.0), (3.0, 3.0), (8.0, 1.0)],
        "first, mmpretrain": [(2.0, 2.0), (3.0, 6.0), (2.0, 1.0)],
        "--help": [(1.0, 1.0)] * 3,
    }
    assert startup._ratios(times) == {
        "first, over mmpretrain": {"seconds": 1.0, "cpu_seconds": 1.0}
    }


def test_a_program_that_ends_otherwise_is_an_error(startup, tool_environment):
    program = startup.Program(["-c", "print('oops'); raise SystemExit(3)"], tool_environment, 0)
    with pytest.raises(RuntimeError, match="oops"):
        program.run()


def test_the_benchmark_measures(run, tmp_path):
    out = tmp_path / "out.json"
    shown = run("startup", "--rounds", 1, "--cases", "wrong path", "base", "--out", out)
    assert "wrong path" in shown
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert set(results) == {"wrong path", "wrong base file"}
    assert all(row["cpu_seconds"] > 0 and row["seconds"] > 0 for row in results.values())
