"""The pages on a loss and on a method of one's own: what they write runs, and trains."""

import pytest

pytest.importorskip("mmpretrain")

from dmmix.arguments import ArgumentError
from dmmix.registry import MODELS
from tests.docs.blocks import ROOT, blocks
from tests.docs.config_blocks import is_config
from tests.docs.test_examples import registered_for_now, sections

pytestmark = pytest.mark.openmmlab

#: By page, the sections that go into a file, the name that its config gives to the file, and what
#: the log of a training has.
PAGES = {
    "docs/your_own_loss.md": (
        ["The function", "The module", "In configs"],
        "my_losses",
        "loss_focal",
    ),
    "docs/semi/your_own.md": (["The method"], "my_methods", "mask_rate"),
}


@pytest.fixture
def run():
    """The names of a page's code; what it registers is forgotten afterwards."""

    def of(page):
        names = {}
        for code in sections(ROOT / page).values():
            exec(without_config(code), names)
        return names

    with registered_for_now():
        yield of


def config_of(page):
    *_, config = [each.code for each in blocks(ROOT / page, "python") if is_config(each.code)]
    return config


def without_config(code):
    return code[: code.index("_base_")] if "_base_" in code else code


def test_the_loss(run):
    names = run("docs/your_own_loss.md")
    assert names["logits"].grad.abs().sum() > 0
    loss = MODELS.build(dict(type="dmmix.FocalMixupLoss", gamma=1.0, loss_weight=2.0))
    assert loss(names["logits"], names["labels"]) == 2 * names["loss"]
    with pytest.raises(ArgumentError, match="gamma"):
        MODELS.build(dict(type="dmmix.FocalMixupLoss", gamma="two"))


def test_the_method(run):
    names = run("docs/semi/your_own.md")
    model, losses = names["model"], names["losses"]
    assert model.head.fc.weight.grad.abs().sum() > 0
    assert losses["loss_unlabelled"] > 0
    teacher = model.teacher.network.head.fc.weight
    before = teacher.clone()
    model.head.fc.weight.data.add_(1)
    model.after_update()
    assert (before < teacher).all()
    assert (teacher < model.head.fc.weight).all()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_its_config_trains(page, tmp_path, start):
    titles, name, logged = PAGES[page]
    config, code = config_of(page), sections(ROOT / page)
    text = "\n".join(without_config(code[title]) for title in titles)
    assert f'imports=["{name}"]' in config
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "mine.py").write_text(config, encoding="utf-8")
    said = start("train", "mine.py", "--dry-run", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "dry run: 3 step(s) trained" in said
    assert logged in said
