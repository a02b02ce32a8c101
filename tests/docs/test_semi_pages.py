"""The pages of semi-supervised methods: code that runs, pictures that are there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from tests.docs.test_examples import BLOCK, sections

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_step_in_plain_pytorch():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5))
    names = dict(
        torch=torch,
        F=F,
        model=net,
        x=torch.randn(3, 3, 2, 2),
        y=torch.tensor([0, 1, 2]),
        u_weak=torch.randn(9, 3, 2, 2),
        u_strong=torch.randn(9, 3, 2, 2),
    )
    exec(sections("semi/index.md")["In PyTorch alone"], names)
    assert names["loss"].isfinite()
    names["loss"].backward()
    assert net[1].weight.grad.abs().sum() > 0


METHODS = sorted(
    f"{folder}/{page.stem}"
    for folder in ("semi", "transfer")
    for page in (DOCS / folder).glob("*.md")
    if page.stem not in ("index", "choosing")
)


@pytest.mark.openmmlab
@pytest.mark.parametrize("page", METHODS)
def test_the_configs_of_a_page_are_built(page, tmp_path, fresh_mmengine):
    pytest.importorskip("mmpretrain")
    from dmmix.cli.running import config_scope
    from dmmix.configuration.reading import read_config
    from dmmix.models.semi import SemiClassifier
    from dmmix.registry import MODELS

    (block,) = BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    base, *models = ast.parse(block).body
    assert models
    for number, model in enumerate(models):
        file = tmp_path / f"config{number}.py"
        file.write_text(f"{ast.unparse(base)}\n{ast.unparse(model)}\n", encoding="utf-8")
        cfg = read_config(str(file))
        with config_scope(cfg):
            cfg.model.setdefault("data_preprocessor", cfg.get("data_preprocessor"))
            built = MODELS.build(cfg.model)
        assert isinstance(built, SemiClassifier)
        assert type(built).__name__ == cfg.model.type


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
        and kind not in (semi.SemiClassifier, semi.Supervised)
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


def test_pictures_are_small_and_used():
    pages = "".join(
        page.read_text(encoding="utf-8")
        for page in [*DOCS.glob("semi/*.md"), *DOCS.glob("transfer/*.md")]
    )
    used = set(re.findall(r"\.\./figures/semi/([\w.]+)", pages))
    pictures = list((DOCS / "figures" / "semi").glob("*.png"))
    assert used == {path.name for path in pictures}
    assert not [path.name for path in pictures if path.stat().st_size > 200_000]


@pytest.mark.slow
def test_a_picture_is_drawn(tmp_path, root):
    pytest.importorskip("matplotlib")
    script = str(root / "docs" / "figures" / "semi.py")
    done = subprocess.run(
        [sys.executable, script, "fixmatch", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "fixmatch.png").read_bytes().startswith(b"\x89PNG")
    wrong = subprocess.run(
        [sys.executable, script, "fixmtch"], capture_output=True, text=True, encoding="utf-8"
    )
    assert wrong.returncode == 2
    assert "no method 'fixmtch'; there are " in wrong.stderr


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
