"""The pictures on the pages are drawn by their scripts; mixes and methods have theirs."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


SCRIPTS = {
    "decoupling": (["{out}/decoupling.png"], "decoupling.png"),
    "mixups": (["cutmix", "--out", "{out}"], "cutmix.png"),
    "semi": (["fixmatch", "--out", "{out}"], "fixmatch.png"),
}


@pytest.mark.slow
@pytest.mark.openmmlab
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_picture_is_drawn(tmp_path, call_script, name):
    for module in ("matplotlib", "mmpretrain", "PIL", "sklearn"):
        pytest.importorskip(module)
    options, made = SCRIPTS[name]
    script = f"docs/figures/{name}.py"
    done = call_script(script, *(option.format(out=tmp_path) for option in options))
    assert done.status == 0, done.err
    assert (tmp_path / made).read_bytes().startswith(b"\x89PNG")
    if len(options) > 1:
        wrong = call_script(script, "fixmtch")
        assert wrong.status == 2
        assert "no method 'fixmtch'; there are " in wrong.err


@pytest.mark.parametrize(
    ("folder", "pages"), [("mixups", ["mixups"]), ("semi", ["semi", "transfer"])]
)
def test_pictures_are_small_and_used(folder, pages):
    files = [file for page in pages for file in (DOCS / page).glob("*.md")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    used = set(re.findall(rf"\.\./figures/{folder}/([\w.]+)", text))
    pictures = list((DOCS / "figures" / folder).glob("*.png"))
    assert used == {path.name for path in pictures}
    assert [path.name for path in pictures if path.stat().st_size > 200_000] == []


@pytest.mark.openmmlab
def test_every_mix_has_a_page_and_is_on_the_sheet(monkeypatch):
    for module in ("matplotlib", "mmengine", "PIL", "sklearn"):
        pytest.importorskip(module)
    from dmmix import compat

    compat.prepare()
    pytest.importorskip("mmpretrain")
    monkeypatch.syspath_prepend(DOCS / "figures")
    import mixups_sheet as sheet
    from PIL import Image

    from dmmix.visualization.sheet import registered_mixes

    names = [*registered_mixes(), "RandomMix"]
    assert sorted(sheet.names()) == sorted(names)
    overview = (DOCS / "mixups" / "index.md").read_text(encoding="utf-8")
    for page in (f"{name.lower()}.md" for name in names):
        assert (DOCS / "mixups" / page).is_file()
        assert f"]({page})" in overview
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
def test_every_semi_supervised_method_has_a_page_a_picture_and_a_row():
    pytest.importorskip("mmpretrain")
    from dmmix.models import semi, transfer

    kinds = [getattr(semi, name) for name in semi.__all__]
    names = [
        kind.__name__
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, semi.SemiClassifier)
        and kind not in (semi.SemiClassifier, semi.ComposedMethod, semi.Supervised)
    ]
    assert len(names) == 8
    pages = {name: f"semi/{name.lower()}" for name in names}
    pages |= {name: f"transfer/{name.lower()}" for name in transfer.__all__}
    pages["Supervised"] = "transfer/finetuning"
    assert len(pages) == 8 + 4
    for name, page in pages.items():
        folder, file = page.split("/")
        overview = (DOCS / folder / "index.md").read_text(encoding="utf-8")
        assert f"[`{name}`]({file}.md)" in overview
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        assert f"../figures/semi/{name.lower()}.png" in text
        assert f'type="{name}"' in text
        assert folder == "transfer" or "arxiv.org" in text or "ICML" in text
