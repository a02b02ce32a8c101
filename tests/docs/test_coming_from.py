"""The page on other libraries: what it calls ours is ours."""

import ast
import re

import pytest

from tests.docs.blocks import ROOT

pytest.importorskip("mmpretrain")

from dmmix.cli.main import VERBS
from dmmix.configuration.keys import OTHER_KEYS
from dmmix.configuration.reading import read_config
from dmmix.configuration.shipped import names
from dmmix.registry import registries
from dmmix.signatures import keywords_of

pytestmark = pytest.mark.openmmlab

PAGE = (ROOT / "docs/coming_from.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
#: By config, what the keys with dots are looked up in.
CONFIGS = ("own/resnet18_cutmix_dm", "semi/cifar10/fixmatch_dm", "cifar100/resnet18_cutmix_dm")
OURS = sorted({name for _, here in ROWS for name in re.findall(r"`([^`]+)`", here)} - {"here"})


def test_the_page_has_names():
    assert len(OURS) > 80
    assert {here for title, here in ROWS if "here" in here.split()[:1]} == {"here"}


@pytest.fixture(scope="module")
def configs():
    return [read_config(name).to_dict() for name in CONFIGS]


@pytest.mark.parametrize("name", OURS)
def test_a_name_of_ours(name, configs, call):
    assert wrong_with(name, configs, call) is None


@pytest.mark.parametrize(
    "name",
    [
        "CutMixx()", "CutMix(alhpa=1.0)", "RandomMix(mixups=[CutMixx()])", "BatchFlip", "augment",
        "train_dataloader.batchsize", "optim_wrapper.clip_gradd", "dmmix trian", "--weight FILE",
        "dmmix train semi/cifar10/fixmatchh", "_base_/models/wrn28_3.py", "cifar100/resnet19",
    ],
)  # fmt: skip
def test_one_that_is_not(name, configs, call):
    assert wrong_with(name, configs, call)


def wrong_with(name, configs, call):
    """What does not exist in it; nothing, if all does."""
    if name.startswith("dmmix "):
        return wrong_with_command(name.split()[1:])
    if name.startswith("--"):
        option = name.split()[0]
        return None if f" {option} " in f"{call('train', '--help').out} " else option
    if "(" in name:
        return wrong_with_call(name)
    if "/" in name:
        there = name in names() or (ROOT / name).is_file() or (ROOT / "configs" / name).is_file()
        return None if there else name
    if name.removeprefix("dmmix.")[:1].isupper():
        return None if find(name.removeprefix("dmmix.")) else name
    keys = name.split(".")
    if any(has(cfg, keys) for cfg in configs) or name in (OTHER_KEYS | {"augments"}):
        return None
    return name


def wrong_with_command(words):
    if words[0] not in VERBS:
        return words[0]
    shipped = [word for word in words[1:] if "/" in word]
    return next((word for word in shipped if word not in names()), None)


def wrong_with_call(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and node.func.id != "dict":
            found = find(node.func.id)
            given = {keyword.arg for keyword in node.keywords}
            if found is None or given - keywords_of(found):
                return f"{node.func.id}: {given}"
    return None


def find(kind):
    found = (registry.get(kind) for registry in registries())
    return next((each for each in found if each is not None), None)


def has(cfg, keys):
    """Whether a config has the key, or the class that a part of it names takes it."""
    *path, last = keys
    for key in path:
        if not isinstance(cfg, dict) or key not in cfg:
            return False
        cfg = cfg[key]
    if last in cfg:
        return True
    default = {"optim_wrapper": "OptimWrapper"}.get(keys[0]) if len(keys) == 2 else None
    kind = find(cfg.get("type", default)) if cfg.get("type", default) else None
    return kind is not None and last in keywords_of(kind)
