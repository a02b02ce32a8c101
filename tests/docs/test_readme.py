"""README: the first of its ways in trains as it stands, its links and numbers hold.

The others, its other blocks and its commands are run with those of the pages.
"""

import re

import pytest

from tests.docs.blocks import ROOT, blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: The three ways in, in their order.
CONFIG, _, _ = (block.code for block in blocks(ROOT / "README.md", "python"))


@pytest.mark.slow
@pytest.mark.openmmlab
def test_a_config_trains(tmp_path, start_fork):
    pytest.importorskip("mmpretrain")
    (tmp_path / "mine.py").write_text(CONFIG, encoding="utf-8")
    said = start_fork("train", "mine.py", "--dry-run", cwd=tmp_path)
    assert "dry run: 3 step(s) trained" in said
    assert "loss_decoupled" in said


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", README)
    local = [a or b for a, b in targets if not (a or b).startswith("https://")]
    assert len(local) > 20
    missing = []
    for target in local:
        name, _, anchor = target.partition("#")
        path = ROOT / (name or "README.md")
        if not path.exists() or (anchor and anchor not in anchors(path)):
            missing.append(target)
    assert missing == []


def anchors(page):
    """Of the headings of a page, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_cost_of_the_loss_is_that_of_the_page():
    page = (ROOT / "docs/benchmarks/loss.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| DM\(CE\), single pass \|(.* ms, .*)\|$", page, re.MULTILINE)
    # By the number of threads the ratios for 10,000, 256,000, 1 million and 5.6 million logits.
    ratios = [[float(cell.split(",")[1]) for cell in row.split("|")] for row in rows]
    assert len(ratios) == 2
    many = [ratio for row in ratios for ratio in row[2:]]
    few = [row[0] for row in ratios]
    text = " ".join(README.split())
    assert f"on a CPU {min(many):.1f} to {max(many):.1f} of the time of" in text
    assert (round(min(few)), round(max(few))) == (4, 5)
    assert "a million logits and more, four to five times it with ten thousand" in text


def test_the_numbers_are_those_of_the_page():
    page = (ROOT / "docs/benchmarks/semi_few_labels.md").read_text(encoding="utf-8")
    digits = page[page.index("## Digits") : page.index("## Fashion-MNIST")]
    for method, shown in (("labels alone", "88.4 ± 1.7"), ("FixMatch", "96.2 ± 0.5")):
        (mean, deviation) = re.search(
            rf"^\| {method} \| 5 \| ([\d.]+) ± ([\d.]+)", digits, re.MULTILINE
        ).groups()
        assert f"{float(mean):.1f} ± {float(deviation):.1f}" == shown
        assert shown in README
