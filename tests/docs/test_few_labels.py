"""What the guide to few labels tells to expect is what its benchmark has measured."""

import re

import pytest

from tests.docs.blocks import ROOT

GUIDE = (ROOT / "docs" / "few_labels_in_ten.md").read_text(encoding="utf-8")
MEASURED = (ROOT / "docs" / "benchmarks" / "semi_few_labels.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "begin", "end"),
    [
        ("digits, 8 × 8", "## Digits", "## Fashion-MNIST"),
        ("Fashion-MNIST, 28 × 28", "## Fashion-MNIST", "![Test accuracy"),
    ],
)
def test_the_numbers_are_those_of_the_benchmark(row, begin, end):
    header = re.search(r"^\| \|( labels alone \|.*)\|$", GUIDE, re.MULTILINE)[1].split("|")
    cells = re.search(rf"^\| {row} \|(.*)\|$", GUIDE, re.MULTILINE)[1].split("|")
    told = {m.strip(): n.strip() for m, n in zip(header, cells, strict=True) if n.strip()}
    assert len(told) >= 3
    section = MEASURED[MEASURED.index(begin) : MEASURED.index(end)]
    best = dict(re.findall(r"^\| ([^|]+) \| 5 \| ([^|]+) \|", section, re.MULTILINE))
    assert told == {method: best[method] for method in told}
