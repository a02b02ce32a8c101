"""The notebook: its cells run in their order, and do what they say; it holds no outputs."""

import json
import re
import subprocess
import sys

import pytest

from tests.docs.blocks import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "your_folder.ipynb"
CONTENT = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CELLS = CONTENT["cells"]
#: Plain Python: what a notebook's kernel does with the cells.
RUN = f"""
import json
cells = json.load(open({str(NOTEBOOK)!r}, encoding="utf-8"))["cells"]
names = {{}}
for cell in cells:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
"""
#: What its last cells claim.
CLAIMS = """
assert len(names["predictions"]) == len(names["files"]) == 1347
assert all(0.1 <= p.scores[0] <= 1 and len(p.names) == 2 for p in names["predictions"])
assert names["accuracy"] > 0.5, names["accuracy"]
assert names["right"][names["sure"]].mean() > names["accuracy"]
"""


@pytest.mark.slow
@pytest.mark.openmmlab
def test_its_cells_run(tmp_path):
    pytest.importorskip("mmpretrain")
    done = subprocess.run(
        [sys.executable, "-c", RUN + CLAIMS],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "10 classes, 16 x 16 pixels" in done.stdout
    for picture in ("mixed.png", "answers.png"):
        assert (tmp_path / picture).stat().st_size > 10_000, picture


def test_it_is_a_notebook_without_outputs():
    """Of format 4.5: each cell has an id of its own, and code cells what they must have."""
    assert (CONTENT["nbformat"], CONTENT["nbformat_minor"]) == (4, 5)
    assert set(CONTENT) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    ids = [cell["id"] for cell in CELLS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in ids)
    for cell in CELLS:
        always = {"cell_type", "id", "metadata", "source"}
        code = {"outputs", "execution_count"} if cell["cell_type"] == "code" else set()
        assert set(cell) == always | code, cell["id"]
        assert cell["metadata"] == {}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_its_links_lead_somewhere():
    text = "".join(line for cell in CELLS for line in cell["source"])
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).is_file()] == []
