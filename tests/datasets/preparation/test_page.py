"""The page about preparing data says what the table and the layouts are."""

import re
from pathlib import Path

from dmmix.datasets.preparation import DATA_SETS
from dmmix.testing.layouts import make_layout

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "data_preparation.md").read_text(
    encoding="utf-8"
)


def test_the_table():
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    rows = {row[1].strip(" `"): [cell.strip(" `") for cell in row] for row in rows if len(row) == 6}
    for name, data_set in DATA_SETS.items():
        _, _, folder, images, classes, size = rows[name]
        assert folder == data_set.folder
        assert images == " + ".join(f"{count:,}" for count in data_set.counts.values())
        assert classes == f"{data_set.classes:,}"
        assert (
            size
            == f"{sum(archive.size for archive in data_set.archives) / 1e9:.{size.count('.')}f} GB"
        )


def test_the_layouts(tmp_path):
    """Every list that a tree of the page names is in the tiny data set."""
    trees = re.findall(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)
    made = {f"data/{data.folder}": make_layout(name, tmp_path) for name, data in DATA_SETS.items()}
    for folder in made:
        (tree,) = (tree for tree in trees if re.search(rf"^{folder}|  {folder}", tree, re.M))
        roots = [Path(root) for other, root in made.items() if other in tree]
        lists = re.findall(r"\w+\.(?:txt|mat)", tree)
        assert lists or "cifar" in folder
        for name in lists:
            assert any(list(root.rglob(name)) for root in roots), name
