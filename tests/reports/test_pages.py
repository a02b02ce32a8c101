"""What pages and messages promise.

The rest of what pages said too much stands in tests/docs, tests/configs/test_recipes_page.py and
tests/cli/test_report.py (rounding that moved zero, published numbers of other protocols).
"""

import re
import subprocess

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def texts(root):
    """By path, all text files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    if listed.returncode:
        pytest.skip("no checkout of git")
    kinds = (".py", ".md", ".txt", ".sh", ".toml", "Makefile")
    paths = [path for path in listed.stdout.splitlines() if path.endswith(kinds)]
    return {path: (root / path).read_text(encoding="utf-8") for path in paths}


def test_no_message_advises_a_name_on_the_index(texts):
    """``pip install "dmmix[mm]"``: the name dmmix there is not ours."""
    this = "tests/reports/test_pages.py"
    advised = re.compile(r"pip install (-\S+ )*[\"'`]?dmmix(?![/\w.-])")
    found = [path for path, text in texts.items() if path != this and advised.search(text)]
    assert advised.search('x: pip install "dmmix[mm]"')
    assert advised.search("pip install dmmix")
    assert found == []


def test_the_first_torch_is_the_same_everywhere(texts):
    """2.4 was promised, whose ``weights_only=True`` ran code (GHSA-53q9-r3pm-6pq6)."""
    lines = [line.split("#")[0].strip() for line in texts["requirements/base.txt"].splitlines()]
    (torch,) = [Requirement(line) for line in lines if line.startswith("torch")]
    assert str(torch.specifier) == ">=2.6"
    assert "PyTorch 2.6 or later" in texts["docs/getting_started.md"]


def test_every_page_with_a_spread_says_what_it_is(texts):
    pages = {path: text for path, text in texts.items() if path.startswith("docs/")}
    spreads = {path: text for path, text in pages.items() if "±" in text and path.endswith(".md")}
    words = ("standard deviation", "interval", "Student", "± is")
    assert len(spreads) > 3
    assert [path for path, text in spreads.items() if not any(w in text for w in words)] == []
