"""The code on the pages is run: a page whose example fails is a page that lies."""

import ast
import importlib
import importlib.util
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = re.compile(r"^(?:from|import) (timm|torchvision)\b", re.MULTILINE)
STACK = re.compile(r"^from dmmix\.(?:mixups|models|registry)\b", re.MULTILINE)
MIXUPS = sorted(page.name for page in (DOCS / "mixups").glob("*.md"))


def sections(page: str) -> dict[str, str]:
    """Title of each second-level section, and its Python code."""
    parts = re.split(r"^## (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    code = {
        title: "\n".join(BLOCK.findall(text))
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {title: text for title, text in code.items() if text}


PLAIN = sections("plain_pytorch.md")
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("**/*.md"))]


def test_every_block_is_python():
    wrong = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            try:
                ast.parse(block)
            except SyntaxError as error:
                wrong.append(f"{page.name}: {error.msg}: {block}")
    assert not wrong


def test_there_is_code_to_run():
    assert list(PLAIN) == [
        "The loop",
        "timm's Mixup",
        "torchvision's MixUp and CutMix",
        "More than two images",
    ]


@pytest.mark.parametrize("title", PLAIN)
def test_plain_pytorch(title):
    """Each section stands on the first, which has the model and the data."""
    for package in NEEDED.findall(PLAIN[title]):
        from dmmix import compat

        compat.prepare()
        pytest.importorskip(package)
    torch.manual_seed(0)
    names = {}
    exec(PLAIN["The loop"], names)
    if title != "The loop":
        del names["loss"]
        exec(PLAIN[title], names)
    assert names["loss"].isfinite()
    assert names["loss"].requires_grad


@pytest.mark.parametrize("page", ["index.md", "loss.md"])
def test_short_examples(page):
    """The pieces of code on these pages take the logits and labels for granted."""
    logits = torch.randn(4, 10)
    classes = torch.tensor([[0, 1], [2, 3], [4, 4], [5, 6]])
    labels = MixedLabels(classes, torch.tensor([[0.3, 0.7]] * 4))
    names = dict(
        torch=torch,
        logits=logits,
        labels=labels,
        soft_labels=labels.dense(10),
        decoupled_mixup_cross_entropy=decoupled_mixup_cross_entropy,
    )
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        exec(block, names)
    assert names["loss"].isfinite()


@pytest.mark.openmmlab
@pytest.mark.parametrize("page", MIXUPS)
def test_pages_of_the_mixes(page):
    """The blocks of a page are run one after the other; mixes in config snippets are built."""
    blocks = BLOCK.findall((DOCS / "mixups" / page).read_text(encoding="utf-8"))
    needed = {name for block in blocks for name in NEEDED.findall(block)}
    if needed or any(STACK.search(block) for block in blocks):
        pytest.importorskip("mmengine")
        from dmmix import compat

        compat.prepare()
        for package in ("mmpretrain", *needed):
            pytest.importorskip(package)
    torch.manual_seed(0)
    names = {}
    with registered_for_now():
        for block in blocks:
            exec(block, names)
            config = names.get("model")
            if isinstance(config, dict):
                build(config)
    assert bool(blocks) == (page != "index.md")


@contextmanager
def registered_for_now():
    """Mixes that are registered inside are forgotten afterwards."""
    if importlib.util.find_spec("mmpretrain") is None:
        yield
        return
    from dmmix.registry import MIXUPS

    MIXUPS.import_from_location()
    before = dict(MIXUPS.module_dict)
    try:
        yield
    finally:
        MIXUPS.module_dict.clear()
        MIXUPS.module_dict.update(before)


def build(config):
    """The mix of a model's config, or of a stock one's batch augments."""
    pytest.importorskip("mmpretrain")
    from dmmix.mixups import build_mix

    mixes = [config["mixup"]] if "mixup" in config else []
    augments = config.get("train_cfg", {}).get("augments", [])
    mixes += [augments] if isinstance(augments, dict) else augments
    assert mixes
    for mix in mixes:
        build_mix(mix)


@pytest.mark.openmmlab
def test_two_lines_in_a_stock_mmpretrain_config():
    """The config on the page is built; its model mixes a batch and gives the DM loss."""
    pytest.importorskip("mmengine")
    from dmmix import compat

    compat.prepare()
    pytest.importorskip("mmpretrain")
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS
    from mmpretrain.structures import DataSample

    text = BLOCK.findall(
        (DOCS / "getting_started.md")
        .read_text(encoding="utf-8")
        .split("## An mmpretrain config that you have")[1]
    )[0]
    cfg = Config.fromstring(text, ".py")
    for name in cfg.custom_imports.imports:
        importlib.import_module(name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build({**cfg.model, "data_preprocessor": dict(cfg.data_preprocessor)})
    assert type(model.head.loss_module).__name__ == "DecoupledMixupLoss"

    torch.manual_seed(0)
    images = [torch.randint(256, (3, 32, 32), dtype=torch.uint8) for _ in range(4)]
    samples = [DataSample().set_gt_label(i) for i in range(4)]
    batch = model.data_preprocessor({"inputs": images, "data_samples": samples}, training=True)
    scores = torch.stack([sample.gt_score for sample in batch["data_samples"]])
    assert ((scores > 0).sum(dim=1) == 2).any()
    losses = model(**batch, mode="loss")
    loss = sum(value for name, value in losses.items() if "loss" in name)
    loss.backward()
    assert loss.isfinite()
