"""Types and arguments of a config that are certainly wrong, and those that may be right."""

import re

import pytest
from mmengine.config import Config

from dmmix.configuration import type_check

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def find_mistake(tmp_path):
    def find(text):
        (tmp_path / "config.py").write_text(text, encoding="utf-8")
        return type_check.find_mistake(
            Config.fromfile(str(tmp_path / "config.py"), import_custom_modules=False)
        )

    return find


@pytest.mark.parametrize(
    "text",
    [
        # Registered elsewhere: by a module of the user's, in the config itself, in another scope.
        "custom_imports = dict(imports=['mine'])\nmodel = dict(type='Absent')",
        "import mine\nmodel = dict(type='Absent')",
        "default_scope = 'mmdet'\nmodel = dict(type='Absent')",
        "model = dict(type='mmdet.Absent')",
        "model = dict(type='torch.nn.Absent')",
        "model = dict(type='ImageClassifier', backbone=dict(type='Absent', _scope_='mmdet'))",
        # A vocabulary of their own.
        "test_dataloader = dict(dataset=dict(pipeline=[dict(type='torchvision/Absent')]))",
        "test_dataloader = dict(dataset=dict(pipeline=["
        "dict(type='Albu', transforms=[dict(type='Absent')])]))",
        # Arguments for whoever builds the part, or for a base class that is not looked at.
        "custom_hooks = [dict(type='EMAHook', priority='LOW', momentum=1e-4, ema_type='X')]",
        "param_scheduler = dict(type='LinearLR', convert_to_iter_based=True, begin=0)",
        "model = dict(backbone=dict(type='VisionTransformer', arch='b'))",  # it has an out_type
        "train_cfg = dict(by_epoch=False, max_iters=10)",
        "val_cfg = dict()",
        "model = dict(type='ImageClassifier', nothing_that_comes_close=1)",
        # Not of a form that is looked at.
        "model = dict(type=3)",
        "model = [1, None]",
        "param_scheduler = None",
    ],
)
def test_what_is_not_certain_is_left_to_the_build(find_mistake, text):
    assert find_mistake(text) is None


def test_the_optimisers_of_other_packages(find_mistake, monkeypatch):
    text = "optim_wrapper = dict(optimizer=dict(type='AdamW8bit', lr=0.1))"
    assert "did you mean 'AdamW'" in find_mistake(text)
    monkeypatch.setattr(type_check, "_has_other_optimizers", lambda: True)
    assert find_mistake(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model = dict(type='dmmix.CutMixx')", "type 'dmmix.CutMixx': model.type .*'CutMix'"),
        ("custom_imports = dict(imports=['dmmix'])\nmodel = dict(type='Absentt')", "'Absentt'"),
        ("val_evaluator = [dict(type='Accuracy'), dict(type='Acuracy')]", r"evaluator\.1\.type"),
        ("default_hooks = dict(logger=dict(type='LogerHook'))", r"default_hooks\.logger\.type"),
        ("train_cfg = dict(by_epoch=False, max_iter=10)", "'max_iter'; did you mean 'max_iters'"),
        # Through a base class, or two.
        ("model = dict(backbone=dict(type='ResNet_CIFAR', dept=18))", "did you mean 'depth'"),
        ("model = dict(head=dict(type='DMLinearClsHead', num_clases=1))", "'num_classes'"),
        ("train_dataloader = dict(dataset=dict(type='Digits', pipline=[]))", "'pipeline'"),
        # A class of dmmix, of one of mmpretrain's of the same name.
        ("train_dataloader = dict(dataset=dict(type='CIFAR10', checksum=False))", "'checksums'"),
        ("train_dataloader = dict(dataset=dict(type='CIFAR100', data_rot=''))", "'data_root'"),
    ],
)
def test_what_is_certain(find_mistake, text, says):
    assert re.search(says, find_mistake(text))
