"""What --cfg-options takes: keys of the config, and values as they are typed."""

import re

import pytest
from mmengine.config import Config

from dmmix.configuration.overrides import parse_overrides, parse_value
from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            ("1", 1),
            ("-0.5", -0.5),
            ("1e-3", 1e-3),
            ("True", True),
            ("None", None),
            ("bf16", "bf16"),
        ],
        *[("[1,2]", [1, 2]), ("1,2", [1, 2]), ("[(92,1)]", [(92, 1)]), ("[a, b]", ["a", "b"])],
        ("dict(type='Mixup', alpha=1.0)", dict(type="Mixup", alpha=1.0)),
        ("dict(type=Mixup,alpha=-1.0)", dict(type="Mixup", alpha=-1.0)),
        ("[dict(type='A'), dict(b=[1, (2, 3)])]", [dict(type="A"), dict(b=[1, (2, 3)])]),
        ("dict(a=dict(_delete_=True, x=None))", dict(a=dict(_delete_=True, x=None))),
        ("{'head': dict(lr_mult=10), 'b.c': {}}", {"head": dict(lr_mult=10), "b.c": {}}),
        ("dict()", {}),
        *[(path, path) for path in ("/data/a folder", "C:\\Program Files (x86)\\new", "10 % off")],
        ("'/data/a folder'", "/data/a folder"),
        *[
            (text, ["/data/a folder", "b"])
            for text in ("['/data/a folder', b]", "'/data/a folder','b'")
        ],
        *[("( 1 , 2 )", (1, 2)), ("1, 2", [1, 2])],
    ],
)
def test_values(text, value):
    """dict(...) and lists of them ended in a RecursionError."""
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["dict(a=__import__('os'))", "dict(a=print(1))", "dict(1)", "dict(**{})", "dict(a=1"],
        *["[dict(a=1]", "dict(a=1+2)", "[f(1,2), 3]", "dict(a=[x for x in 'ab'])", "x(1,2)"],
        *["dict(a=1).b", "[(1]", "[/data/a folder, b]", "a b,c", "[a b]"],
    ],
)
def test_what_is_no_value(text):
    with pytest.raises(ValueError, match=r"is no value|Imbalanced brackets|quotes of its own"):
        parse_value(text)


def test_every_line_of_the_page_goes_on_the_command_line(root):
    """docs/training.md says that each line of its table may."""
    page = (root / "docs" / "training.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\|[^|]*\| `(\w+ = [^`]*)`", page, re.MULTILINE)
    assert len(lines) >= 10
    for line in lines:
        key, _, value = line.partition(" = ")
        assert {key: parse_value(value)} == Config.fromstring(line, ".py")._cfg_dict.to_dict()


def test_an_override_replaces_what_does_not_fit(call, dm):
    """Of another type, the inherited keys are dropped by _delete_, and the message names it."""
    new = "model.head.loss=dict({}type=MixupCrossEntropyLoss)"
    done = call("train", dm, "--dry-run", "--cfg-options", new.format(""))
    assert done.status == 2
    assert "'eta'" in done.err
    assert "put _delete_=True beside the new" in done.err
    assert call("train", dm, "--dry-run", "--cfg-options", new.format("_delete_=True,")).status == 0
    done = call("train", dm, "--dry-run", "--cfg-options", "model.mixup=dict(a=f(1))")
    assert "--cfg-options model.mixup: 'dict(a=f(1))' is no value" in done.err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("modle.head.loss.eta=1", "the config has no key 'modle'; did you mean 'model'?"),
        ("model.head.los.eta=1", "model.head has no 'los'; did you mean 'loss'?"),
        ("model.mixups.alpha=1", "model has no 'mixups'; did you mean 'mixup'?"),
        ("train_dataloader.dataset.subst.seed=1", "has no 'subst'; did you mean 'subset'?"),
        ("optim_wrapper.clip_gradient.max_norm=1", "did you mean 'clip_grad'?"),
        ("custom_hooks.7.seed=1", "custom_hooks has no '7'"),
        ("model.head.num_classes.x=1", "model.head.num_classes is 10 and has no parts"),
        ("model.head.loss.eta", "expected KEY=VALUE, got 'model.head.loss.eta'"),
    ],
)
def test_overrides_of_what_is_not_there(call, dm, option, says):
    message = error_of(call("train", dm, "--dry-run", "--cfg-options", option))
    assert "--cfg-options" in message
    assert message.endswith(says)


@pytest.mark.parametrize("path", ["C:\\new data\\tiny", "\\\\server\\photos", "/data/a folder"])
def test_a_path_of_any_platform_is_an_override(path):
    assert parse_overrides([("data.root", path)]) == {"data.root": path}
