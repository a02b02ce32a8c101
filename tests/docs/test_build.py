"""The pages build without a warning, and without the OpenMMLab stack."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_docs_build_without_warnings(tmp_path, root, tool_environment):
    for module in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", root / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    api = (tmp_path / "html" / "api.html").read_text(encoding="utf-8")
    assert "dmmix.functional.decoupled_mixup_cross_entropy" in api


@pytest.mark.slow
def test_the_api_page_needs_no_openmmlab(tool_environment):
    """What autodoc imports is dmmix.functional, and that is torch alone."""
    code = (
        "import sys, dmmix.functional\n"
        "bad = {'mmengine', 'mmcv', 'mmpretrain', 'torchvision', 'timm'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
