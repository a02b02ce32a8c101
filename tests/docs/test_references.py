"""What the pages name exists: files, make targets, options of the commands."""

import json
import re
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


def test_the_options_on_the_page_are_those_of_train(call):
    pytest.importorskip("mmengine")
    text = (ROOT / "docs" / "getting_started.md").read_text(encoding="utf-8")
    on_page = set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE))
    done = call("train", "--help")
    assert done.status == 0, done.err
    assert on_page == set(re.findall(r"^  (--[\w-]+)", done.out, re.MULTILINE))


MEASURED = sorted(
    set((ROOT / "docs" / "benchmarks").glob("*.md")) - {ROOT / "docs/benchmarks/index.md"}
)
DATA = ROOT / "docs" / "benchmarks" / "data"


@pytest.mark.parametrize("page", MEASURED, ids=lambda path: path.stem)
def test_a_page_of_measurements_names_the_commit(page):
    """In the file of raw numbers that it links, or in words where none was kept."""
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"\(data/([\w./-]+\.json)\)", text)
    for name in files:
        about = json.loads((DATA / name).read_text(encoding="utf-8"))["environment"]
        assert re.match(r"[0-9a-f]{40}\b", about["commit"])
        assert about["command"].startswith(("python tools/", "dmmix "))
        assert {"date", "torch", "python", "dmmix"} <= set(about)
        assert not re.search(r"/(tmp|home|root|work)/", json.dumps(about))
    in_words = re.search(r"came\s+with\s+commit\s+[0-9a-f]{7,40}\b", text)
    assert files or in_words


def test_raw_numbers_belong_to_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in MEASURED)
    assert [file.name for file in DATA.glob("*") if f"(data/{file.name})" not in pages] == []
