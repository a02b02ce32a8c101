"""The pages of semi-supervised methods: code that runs, pictures that are there."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.openmmlab
def test_every_method_has_a_page_a_picture_and_a_row():
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
