"""The pages of semi-supervised methods: code that runs, pictures that are there."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.openmmlab
def test_every_method_has_a_page_a_picture_and_a_row():
    pytest.importorskip("mmpretrain")
    from dmmix.models import semi

    kinds = [getattr(semi, name) for name in semi.__all__]
    methods = [
        kind.__name__
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, semi.SemiClassifier)
        and kind not in (semi.SemiClassifier, semi.ComposedMethod, semi.Supervised)
    ]
    assert len(methods) == 8
    overview = (DOCS / "semi" / "index.md").read_text(encoding="utf-8")
    for name in methods:
        page = f"{name.lower()}.md"
        assert f"[`{name}`]({page})" in overview
        text = (DOCS / "semi" / page).read_text(encoding="utf-8")
        assert f"../figures/semi/{name.lower()}.png" in text
        assert f'type="{name}"' in text
        assert "arxiv.org" in text or "ICML" in text


@pytest.mark.openmmlab
def test_every_transfer_method_has_a_page_a_picture_and_a_row():
    pytest.importorskip("mmpretrain")
    from dmmix.models import transfer

    overview = (DOCS / "transfer" / "index.md").read_text(encoding="utf-8")
    pages = {"Supervised": "finetuning", **{name: name.lower() for name in transfer.__all__}}
    assert len(pages) == 4
    for name, page in pages.items():
        assert f"[`{name}`]({page}.md)" in overview
        text = (DOCS / "transfer" / f"{page}.md").read_text(encoding="utf-8")
        assert f"../figures/semi/{name.lower()}.png" in text
        assert f'type="{name}"' in text
