"""The picture on the loss page is drawn by its script."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_decoupling_is_drawn(tmp_path, root, tool_environment):
    pytest.importorskip("matplotlib")
    out = tmp_path / "decoupling.png"
    done = subprocess.run(
        [sys.executable, root / "docs" / "figures" / "decoupling.py", out],
        capture_output=True,
        text=True,
        env=tool_environment,
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
