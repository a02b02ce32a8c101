"""The figures that are drawn, to read what stands in them."""

import pytest

from dmmix.visualization import curves, gallery


@pytest.fixture
def figures(monkeypatch):
    drawn = []

    class Kept(gallery.Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            drawn.append(self)

    for module in (curves, gallery):
        monkeypatch.setattr(module, "Figure", Kept)
    return drawn
