"""The code on the pages is run: a page whose example fails is a page that lies."""

import importlib
import importlib.util
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy
from tests.docs.blocks import ROOT, blocks, pages_with
from tests.docs.config_blocks import build_block, is_config
from tests.docs.optional import imported, prepare, runnable

STACK = re.compile(r"^from dmmix\.(?!functional|testing)", re.MULTILINE)
PLAIN_PAGE = ROOT / "docs" / "plain_pytorch.md"


def sections(page: Path) -> dict[str, str]:
    """Title of each second-level section, and its Python code."""
    titles = {0: ""}
    for line, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if text.startswith("## "):
            titles[line] = text.removeprefix("## ")
    code = dict.fromkeys(titles.values(), "")
    for block in blocks(page, "python"):
        code[titles[max(line for line in titles if line < block.line)]] += block.code
    return {title: text for title, text in code.items() if text}


PLAIN = sections(PLAIN_PAGE)


# What a page takes for granted: names of its code, and files where it is run.


def logits_and_labels():
    logits = torch.randn(4, 10)
    classes = torch.tensor([[0, 1], [2, 3], [4, 4], [5, 6]])
    labels = MixedLabels(classes, torch.tensor([[0.3, 0.7]] * 4))
    return dict(
        torch=torch,
        logits=logits,
        labels=labels,
        soft_labels=labels.dense(10),
        decoupled_mixup_cross_entropy=decoupled_mixup_cross_entropy,
    )


def labelled_and_unlabelled():
    cifar()
    return dict(
        torch=torch,
        F=F,
        model=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5)),
        x=torch.randn(3, 3, 2, 2),
        y=torch.tensor([0, 1, 2]),
        u_weak=torch.randn(9, 3, 2, 2),
        u_strong=torch.randn(9, 3, 2, 2),
    )


def cifar():
    from dmmix.testing.layouts import make_layout

    make_layout("cifar10", "data", per_class=8)


def data_sets():
    from dmmix.testing.layouts import make_layout

    cifar()
    make_layout("cub200", "data")
    make_layout("tiny_imagenet", "data")
    make_layout("image_folder", ".")
    Path("images").rename("photos")


def birds():
    from dmmix.testing.layouts import make_layout

    make_layout("npz", "data", classes=12)
    Path("data/images.npz").rename("data/birds.npz")


def own_modules():
    """Empty: what a page puts into its file is registered by its blocks."""
    for name in ("my_losses", "my_methods"):
        Path(f"{name}.py").touch()


GIVEN = {
    "docs/index.md": logits_and_labels,
    "docs/loss.md": logits_and_labels,
    "docs/semi/index.md": labelled_and_unlabelled,
    "docs/datasets.md": data_sets,
    "docs/recipes.md": birds,
    "docs/semi/your_own.md": own_modules,
    "docs/your_own_loss.md": own_modules,
}
#: The file that the configs of a page are in, where another block inherits from it.
FILES = {"docs/recipes.md": "birds.py"}
PAGES = [page for page in pages_with("python") if ROOT / page != PLAIN_PAGE]


@pytest.mark.openmmlab
@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path, monkeypatch):
    """Blocks are run one after the other, configs are built; those whose packages are not there
    are left out, and told."""
    found, left_out = runnable(blocks(ROOT / page, "python"))
    if any(is_config(block.code) or STACK.search(block.code) for block in found):
        prepare_stack()
    if any(imported(block.code) for block in found):
        prepare()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(0)
    names = GIVEN.get(page, dict)() or {}
    with registered_for_now():
        for block in found:
            if is_config(block.code):
                build_block(block.code, FILES.get(page, "block.py"))
            else:
                exec(compile("\n" * (block.line - 1) + block.code, page, "exec"), names)
    assert "loss" not in names or names["loss"].isfinite()
    if left_out:
        pytest.skip("; ".join(left_out))


def prepare_stack():
    prepare("mmengine", "torchvision", "mmpretrain")


@contextmanager
def registered_for_now():
    """What is registered inside is forgotten afterwards."""
    if importlib.util.find_spec("mmpretrain") is None:
        yield
        return
    from dmmix.registry import MIXUPS, MODELS, TRANSFORMS

    before = {}
    for registry in (MIXUPS, MODELS, TRANSFORMS):
        registry.import_from_location()
        before[registry] = dict(registry.module_dict)
    try:
        yield
    finally:
        for registry, names in before.items():
            registry.module_dict.clear()
            registry.module_dict.update(names)


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
    prepare(*imported(PLAIN[title]))
    torch.manual_seed(0)
    names = {}
    exec(PLAIN["The loop"], names)
    if title != "The loop":
        del names["loss"]
        exec(PLAIN[title], names)
    assert names["loss"].isfinite()
    assert names["loss"].requires_grad


@pytest.mark.openmmlab
@pytest.mark.parametrize(
    ("page", "title", "size"),
    [
        ("docs/getting_started.md", "An mmpretrain config that you have", 32),
        pytest.param("README.md", "", 224, marks=pytest.mark.slow),
    ],
)
def test_two_lines_in_a_stock_mmpretrain_config(page, title, size):
    """The config on the page is built; its model mixes a batch and gives the DM loss."""
    prepare_stack()
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS
    from mmpretrain.structures import DataSample

    last = blocks(ROOT / page, "python")[-1].code
    cfg = Config.fromstring(sections(ROOT / page)[title] if title else last, ".py")
    for name in cfg.custom_imports.imports:
        importlib.import_module(name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build({**cfg.model, "data_preprocessor": dict(cfg.data_preprocessor)})
    assert type(model.head.loss_module).__name__ == "DecoupledMixupLoss"

    torch.manual_seed(0)
    images = [torch.randint(256, (3, size, size), dtype=torch.uint8) for _ in range(4)]
    samples = [DataSample().set_gt_label(i) for i in range(4)]
    batch = model.data_preprocessor({"inputs": images, "data_samples": samples}, training=True)
    scores = torch.stack([sample.gt_score for sample in batch["data_samples"]])
    assert ((scores > 0).sum(dim=1) == 2).any()
    losses = model(**batch, mode="loss")
    loss = sum(value for name, value in losses.items() if "loss" in name)
    loss.backward()
    assert loss.isfinite()
