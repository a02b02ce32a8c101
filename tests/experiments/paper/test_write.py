"""Configs and pages have the numbers of the tables: written from them, or held against them."""

import re

import pytest

from dmmix.experiments.paper.bases import base_files
from dmmix.experiments.paper.methods import METHODS
from dmmix.experiments.paper.pages import filled
from dmmix.experiments.paper.settings import loss_config
from dmmix.experiments.paper.tables import TABLES
from dmmix.experiments.paper.write import written

MADE_BY = "run python -m dmmix.experiments.paper.write"


def test_what_is_written_from_the_tables_is_as_they_have_it(root):
    bases = root / "configs" / "_base_"
    files = [file for kind in ("mixups", "objectives") for file in (bases / kind).glob("*.py")]
    kept = {file.relative_to(bases).as_posix() for file in files}
    assert kept == set(base_files()), f"a file without a row, or a row without a file: {MADE_BY}"
    stale = [str(file) for file, text in written(root).items() if text != _read(file)]
    assert not stale, MADE_BY
    assert sum(file.suffix == ".md" for file in written(root)) == 23


def test_a_block_is_filled_and_what_is_around_it_stays():
    page = "before\n<!-- paper: numbers mixup -->\nold\n<!-- /paper -->\nafter\n"
    said = filled(page)
    assert said.startswith("before\n<!-- paper: numbers mixup -->\n`alpha` is what")
    assert said.endswith("\n<!-- /paper -->\nafter\n")
    assert "under the mixup loss it has 1." in said
    assert "old" not in said
    assert filled(said) == said


def test_a_block_of_no_name():
    with pytest.raises(ValueError, match=r"no block 'semy': there are .*semi"):
        filled("<!-- paper: semy -->\n<!-- /paper -->\n")


def test_the_objective_that_is_called_dynamic_is_that_of_the_static_mixes_named_there():
    for recipe in ("tiny_imagenet/resnet18", "cub200/resnet18", "fgvc_aircraft/resnet18"):
        assert loss_config("dm_ce", "cutmix", recipe) == loss_config("dm_ce", "puzzlemix")


# What sentences quote


def published(table, **at):
    here = [n.value for n in TABLES[table].numbers() if at.items() <= n.at.items()]
    assert here, (table, at)
    return here


def row(table, mixup, recipe):
    return published(table, mixup=mixup, recipe=recipe)


MIXUP, CUTMIX = (row("cifar_tiny", mixup, "c100_r18") for mixup in ("mixup", "cutmix"))
ETA_MIXUP, ETA_CUTMIX = (published("eta", mixup=mixup) for mixup in ("mixup", "cutmix"))
R50_DM = row("imagenet", "mixup", "r50")[1]
RSB = published("rsb_a3", mixup="mixup_cutmix")
LENGTHS = published("cifar100_epochs", mixup="none")
PUZZLE_CIFAR = [row("r18_400_epochs", "puzzlemix", "c100_r18")[0]]
PUZZLE_CIFAR += published("cifar100_epochs", mixup="puzzlemix", epochs="400")
PUZZLE_TINY = [row(t, "puzzlemix", "tiny_r18")[1] for t in ("r18_400_epochs", "cifar_tiny")]
STREAM_MIX = METHODS["fixmatch_dm"].model["stream_mix"]
DM = [STREAM_MIX["loss"]["eta"], STREAM_MIX["mixup"]["alpha"]]
#: Where: a page, a sweep, or the note of a table. In a sentence {} are numbers, * is anything.
QUOTES = [
    ("recipes.md", "| ResNet-18 | 200, 400, 800 | {} |", LENGTHS),
    ("recipes.md", "DeiT-S, 224 pixels | 200, 600 | {} |", row("vit_cifar100", "none", "deit_s")),
    (
        "recipes.md",
        "NeXt-T, 32 pixels | 200, 600 | {} |",
        row("vit_cifar100", "none", "convnext_t"),
    ),
    ("recipes.md", "does not say) | {} |", published("few_labels_cifar100", mixup="none")),
    ("recipes.md", "| ResNet-18, -34, -50 | 100 | {} |", published("imagenet", mixup="none")),
    ("recipes.md", ".01: {}; the plain mixup loss has {})", [*ETA_MIXUP, MIXUP[0]]),
    ("recipes.md", "CutMix at 0.1 is {} there and {} here.", [ETA_CUTMIX[3], CUTMIX[1]]),
    ("recipes.md", "table 2 has {}, figure 3 has 77.50", [R50_DM]),
    *(
        ("recipes.md", f"{recipe}` * | {{}} |", numbers)
        for recipe, numbers in {
            "| `cifar100/resnet18_mixup_dm": MIXUP,
            "| `cifar100/resnet18_cutmix_dm": CUTMIX,
            "/resnext50_cutmix_dm": row("cifar_tiny", "cutmix", "c100_rx50"),
            "| `cifar100/deit_small_mixup_cutmix_dm": published(
                "vit_cifar100", mixup="mixup_cutmix", recipe="deit_s", epochs="200"
            ),
            "| `tiny_imagenet/resnet18_cutmix_dm": row("cifar_tiny", "cutmix", "tiny_r18"),
            "/resnet50_mixup_dm": row("imagenet", "mixup", "r50"),
            "| `imagenet/resnet50_rsb_a3_mixup_cutmix_dm_bce": [RSB[0], RSB[-1]],
            "| `imagenet/deit_small_mixup_cutmix_dm": row("deit", "mixup_cutmix", "deit_s"),
            "| `cub200/resnet18_mixup_dm": row("fine_grained", "mixup", "cub_r18"),
            "| `fgvc_aircraft/resnet18_mixup_dm": row("fine_grained", "mixup", "air_r18"),
        }.items()
    ),
    ("loss.md", "without ({} against {} % top-1)", [*ETA_MIXUP, MIXUP[0]]),
    *(
        (page, '`eta` {} and `alpha` {} of "+ DM"', DM)
        for page in ("sweeps.md", "semi/choosing.md", "transfer/index.md")
    ),
    *((table, 'eta {} and alpha {} of "+ DM"', DM) for table in ("semi", "transfer")),
    ("asymmetrical_strategy", "alpha {} and eta {} here", DM[::-1]),
    ("r18_400_epochs", "PuzzleMix on CIFAR-100 has {} here and {} in the", PUZZLE_CIFAR),
    ("r18_400_epochs", "on Tiny-ImageNet has {} here and {} in its main table", PUZZLE_TINY),
    ("sweeps/imagenet.py", "77.50 where its table has {} (", [R50_DM]),
    ("sweeps/eta.py", "own MCE baseline ({}), and", MIXUP[:1]),
    ("sweeps/eta.py", "at 0.1 has {} here and {} in the main", [ETA_CUTMIX[3], CUTMIX[1]]),
]


@pytest.mark.parametrize(("where", "sentence", "numbers"), QUOTES)
def test_what_a_sentence_quotes_is_what_the_tables_have(where, sentence, numbers, root):
    if where in TABLES:
        text = TABLES[where].note
    else:
        file = root / ("docs" if where.endswith(".md") else "configs") / where
        text = " ".join(_read(file).split())
    pattern = re.escape(sentence).replace(r"\*", ".*?").replace(r"\{\}", r"((?:[\d.,]|and| )+)")
    found = re.search(pattern, text)
    assert found, f"{where} no longer says {sentence!r}: change this test with it"
    assert [float(n) for n in re.findall(r"\d*\.\d+", " ".join(found.groups()))] == numbers


def _read(file):
    return file.read_text(encoding="utf-8")
