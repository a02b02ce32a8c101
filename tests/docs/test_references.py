"""What the pages name exists: files, make targets, options of the tools."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
FILE = re.compile(r"\b(?:configs|tools|docs|tests)/[\w./-]+\.py\b")
TARGET = re.compile(r"(?:^\$ |`)make ([\w-]+)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_make_targets_exist(page):
    text = page.read_text(encoding="utf-8")
    missing = [name for name in FILE.findall(text) if not (ROOT / name).is_file()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    missing += [
        f"make {name}"
        for name in TARGET.findall(text)
        if not re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.slow
def test_the_options_on_the_page_are_those_of_train(tool_environment):
    pytest.importorskip("mmengine")
    text = (ROOT / "docs" / "getting_started.md").read_text(encoding="utf-8")
    on_page = set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE))
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "train.py", "--help"],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    known = set(re.findall(r"^  (--[\w-]+)", done.stdout, re.MULTILINE))
    assert on_page == known
