"""The pictures on the pages are drawn by their scripts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
MIXUPS = sorted((DOCS / "figures" / "mixups").glob("*.png"))


@pytest.mark.slow
def test_decoupling_is_drawn(tmp_path, root, tool_environment):
    pytest.importorskip("matplotlib")
    out = tmp_path / "decoupling.png"
    done = subprocess.run(
        [sys.executable, root / "docs" / "figures" / "decoupling.py", out],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.openmmlab
def test_a_picture_of_a_mix_is_drawn(tmp_path, root, tool_environment):
    for module in ("matplotlib", "mmpretrain", "PIL", "sklearn"):
        pytest.importorskip(module)
    script = root / "docs" / "figures" / "mixups.py"
    done = subprocess.run(
        [sys.executable, script, "cutmix", "--out", tmp_path],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cutmix.png").read_bytes().startswith(b"\x89PNG")
    wrong = subprocess.run(
        [sys.executable, script, "cutmx"],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert wrong.returncode == 2
    assert "no method 'cutmx'; there are " in wrong.stderr


def test_pictures_of_mixes_are_small_and_used():
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "mixups").glob("*.md"))
    used = set(re.findall(r"\.\./figures/mixups/([\w.]+)", pages))
    assert used == {path.name for path in MIXUPS}
    assert [path.name for path in MIXUPS if path.stat().st_size > 200_000] == []


@pytest.mark.openmmlab
def test_the_sheet_of_all_mixes(monkeypatch):
    for module in ("matplotlib", "mmengine", "PIL", "sklearn"):
        pytest.importorskip(module)
    from dmmix import compat

    compat.prepare()
    pytest.importorskip("mmpretrain")
    monkeypatch.syspath_prepend(DOCS / "figures")
    import mixups_sheet as sheet
    from PIL import Image

    from dmmix.visualization.sheet import registered_mixes

    assert sorted(sheet.names()) == sorted([*registered_mixes(), "RandomMix"])
    cells = [sheet.cell(name) for name in ("Mixup", "ResizeMix", "RegMixup")]
    assert [each.shares for each in cells] == ["50 : 50", "75 : 25", "100 : 0   and   56 : 44"]
    drawn = sheet.draw_sheet(cells, "#ffffff", "#888888")
    alpha = drawn.getchannel("A")
    assert alpha.getpixel((drawn.width - 1, drawn.height - 1)) == 0  # there is nothing behind it
    assert alpha.getpixel((sheet.LARGE // 2, sheet.LARGE // 2)) == 255
    sizes = []
    for mode in sheet.COLOURS:
        path = DOCS / "figures" / f"mixes_{mode}.webp"
        sizes.append(path.stat().st_size)
        with Image.open(path) as picture:
            assert picture.mode == "RGBA"
    assert sum(sizes) < 400_000


@pytest.mark.openmmlab
def test_every_registered_mix_has_a_page_and_stands_in_the_overview():
    pytest.importorskip("mmengine")
    from dmmix import compat

    compat.prepare()
    pytest.importorskip("mmpretrain")
    from dmmix.visualization.sheet import registered_mixes

    overview = (DOCS / "mixups" / "index.md").read_text(encoding="utf-8")
    for name in [*registered_mixes(), "RandomMix"]:
        page = f"{name.lower()}.md"
        assert (DOCS / "mixups" / page).is_file(), name
        assert f"[{name}]({page})" in overview
