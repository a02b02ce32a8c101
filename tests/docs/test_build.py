"""The pages build without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_docs_build_without_warnings(tmp_path):
    for module in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    api = (tmp_path / "html" / "api.html").read_text()
    assert "dmmix.functional.decoupled_mixup_cross_entropy" in api


@pytest.mark.slow
def test_the_api_page_needs_no_openmmlab():
    """What autodoc imports is dmmix.functional, and that is torch alone."""
    code = (
        "import sys, dmmix.functional\n"
        "bad = {'mmengine', 'mmcv', 'mmpretrain', 'torchvision', 'timm'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
