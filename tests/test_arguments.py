"""Arguments of a config are what their annotations say, or one sentence tells which is not."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import mmpretrain
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.model import KaimingInit, XavierInit
from mmengine.registry import HOOKS, OPTIMIZERS, PARAM_SCHEDULERS, Registry
from torch import nn

from dmmix import registry
from dmmix.arguments import ArgumentError, check_argument, check_arguments
from dmmix.engine.run_options import (
    check_dataloader,
    check_optim_wrapper,
    check_run,
    check_train_loop,
)
from dmmix.functional.ranges import (
    Ascending,
    Count,
    Filled,
    Finite,
    NonNegative,
    Positive,
    Probability,
    Range,
)
from dmmix.registry import MIXUPS, MODELS, check_config

pytestmark = pytest.mark.openmmlab

HEAD = dict(type="DMLinearClsHead", num_classes=3, in_channels=4)
NAN = math.nan


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (bool, [True, False], [1, 0, "no", None, []]),
        (int, [3, -1], [True, 3.0, "3", None, NAN, 10**20]),
        (float, [3, 0.5, math.inf], [True, "3", None, NAN, [1.0]]),
        (float | None, [None, 1], [False, "", {}]),
        (str, ["", "a"], [1, None, True, ["a"]]),
        (Literal["a", "b"], ["a"], ["c", None, 1]),
        (tuple[float, float], [(0, 1.0), [0, 1]], [(0,), [0, 1, 2], 1, [0, True], "01"]),
        (Sequence[int], [[], [1, 2], (1, 2)], [1, "12", [1.5], [True], {}, None]),
        (Sequence[Sequence[int]], [[[1], (2, 3)]], [[1]]),
        (dict, [{}, nn.Identity()], [1, "a", [{}], None, True]),
        (nn.Module, [nn.Identity(), dict(type="Identity")], [3, "a", torch.zeros(1), None]),
        (Count, [1, 9], [0, -1, True, 1.0]),
        (NonNegative, [0, 0.5], [-1e-9, math.inf, NAN]),
        (Positive, [1e-9], [0, -1]),
        (Probability, [0, 1, 0.5], [-0.1, 1.1]),
        (Annotated[float, Range(high=2)], [-5, 2], [3, -math.inf]),
        (Finite, [-5, 2], [NAN, math.inf]),
        (Annotated[tuple[float, float], Ascending()], [(1, 1), [0, 2]], [(1, 0), (NAN, 1), 3]),
        (Annotated[Sequence[int], Filled()], [[1]], [[], (), 3]),
    ],
)
def test_what_goes_for_what(hint, right, wrong):
    for value in right:
        check_argument("Class", "name", value, hint)
    for value in wrong:
        with pytest.raises(ArgumentError, match=r"^Class: name must be .*, got ") as caught:
            check_argument("Class", "name", value, hint)
        assert repr(value) in str(caught.value)


def checks(registry):
    return lambda config: check_config(config, registry)


def takes(kind):
    return lambda arguments: check_arguments(kind, arguments)


def clip(value):
    check_optim_wrapper(dict(clip_grad=value))


#: By what looks, what it says of what it is given.
REFUSED = {
    MODELS.build: {
        "num_classes must be an int in [1, 10000000], got -1000": {
            **HEAD,
            "num_classes": -(10**20),
        },
        "Loss: loss_weight must be a number, got False": dict(
            type="DecoupledMixupLoss", loss_weight=False
        ),
        "Preprocessor: mean must be a list of numbers": dict(
            type="MixupDataPreprocessor", mean=10**9
        ),
        "mean must be in [-65535, 65535]": dict(
            type="MixupDataPreprocessor", mean=[10**9], std=[1]
        ),
        "MixupClassifier: backbone must be a dict, got 3": dict(
            type="MixupClassifier", backbone=3, head=HEAD
        ),
        "ResNet: out_indices must be a list of ints, got -3": dict(
            type="ResNet", depth=18, out_indices=-3
        ),
        "dilations must be a list of ints in [1, 32768] (not empty), got []": dict(
            type="ResNet", depth=18, dilations=[]
        ),
    },
    MIXUPS.build: {
        "CutMix: alpha must be a finite number above 0, got nan": dict(type="CutMix", alpha=NAN),
    },
    checks(OPTIMIZERS): {
        "SGD: momentum must be a number in [0, 1], got True": dict(
            type="SGD", lr=0.1, momentum=True
        ),
        "SGD: lr must be a finite number of at least 0, got -1": dict(type="SGD", lr=-1),
    },
    takes(KaimingInit): {
        "KaimingInit: mode must be 'fan_in' or 'fan_out', got 1.5": dict(mode=1.5),
    },
    takes(XavierInit): {
        "XavierInit: distribution must be 'uniform' or 'normal', got None": dict(distribution=None),
    },
    takes(CheckpointHook): {
        "max_keep_ckpts must be an int of at least -1, got -3": dict(max_keep_ckpts=-3),
    },
    checks(PARAM_SCHEDULERS): {
        "LR: by_epoch must be True or False, got 'yes'": dict(
            type="CosineAnnealingLR", T_max=3, by_epoch="yes"
        ),
    },
    check_dataloader: {
        "DataLoader: pin_memory must be True or False, got 'no'": dict(pin_memory="no"),
        "DataLoader: batch_size must be an int of at least 1, got -1": dict(batch_size=-1),
    },
    check_train_loop: {
        "train_cfg: by_epoch must be True or False, got 'yes'": dict(by_epoch="yes", max_epochs=3),
        "max_epochs must be an int of at least 1, got 0": dict(by_epoch=True, max_epochs=0),
    },
    clip: {
        "optim_wrapper.clip_grad has no 'max_nrom'; did you mean 'max_norm'?": dict(max_nrom=5.0),
        "clip_grad: max_norm must be a finite number above 0, got 0": dict(max_norm=0),
        "has no 'max_norm'; known are ['clip_value', 'foreach', 'type'": dict(
            type="value", max_norm=5.0
        ),
        "clip_grad needs max_norm, such as dict(max_norm=5.0), got {'norm_type'": dict(norm_type=2),
        "clip_grad: type must be 'norm' or 'value', got 'agc'": dict(type="agc", max_norm=5.0),
        "optim_wrapper: clip_grad must be a dict or None, got 5.0": 5.0,
    },
    check_run: {
        "randomness: seed must be an int in": dict(randomness=dict(seed=-1)),
        "env_cfg has no 'cudnn_benchmrk'; did you mean 'cudnn_benchmark'?": dict(
            env_cfg=dict(cudnn_benchmrk=True)
        ),
        "model.head.type must be the name of a class, got 3": dict(model=dict(head=dict(type=3))),
    },
    checks(HOOKS): {
        "CheckpointHook has no argument 'intervall'; did you mean 'interval'?": dict(
            type="CheckpointHook", intervall=1
        ),
    },
}


@pytest.mark.parametrize(
    ("check", "says", "given"),
    [(check, *row) for check, rows in REFUSED.items() for row in rows.items()],
)
def test_the_class_the_argument_and_what_is_allowed(check, given, says):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        check(given)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        dict(max_norm=5),
        dict(type="norm", max_norm=1.0, norm_type="inf", error_if_nonfinite=True),
        dict(max_norm=1.0, norm_type=math.inf),
        dict(type="value", clip_value=0.5),
    ],
)
def test_what_clips_gradients(value):
    clip(value)


def test_what_is_initialised_is_looked_at_too():
    init = dict(type="Kaiming", layer="Conv2d", distribution=NAN)
    backbone = dict(type="ResNet_CIFAR", depth=18, init_cfg=[init])
    with pytest.raises(ArgumentError, match=r"KaimingInit: distribution must be .*, got nan"):
        MODELS.build({**backbone, "_scope_": "dmmix"})


def test_a_missing_type_is_told():
    with pytest.raises(KeyError, match=r"type is missing in the config of a model.*mean 'tyype'"):
        MODELS.build(dict(tyype="ResNet", depth=18))


def stock_configs():
    """One of each family; with ``DMMIX_ALL_STOCK_CONFIGS`` all of them."""
    root = Path(mmpretrain.__file__).parent / ".mim" / "configs"
    for folder in sorted(path for path in root.iterdir() if path.name != "_base_"):
        files = sorted(folder.glob("*.py"))
        for file in files if "DMMIX_ALL_STOCK_CONFIGS" in os.environ else files[:1]:
            cfg = None
            with suppress(RuntimeError, KeyError):  # some of mmpretrain's own cannot be read
                cfg = Config.fromfile(file, import_custom_modules=False)
            if cfg is not None:
                yield cfg


@pytest.mark.slow
def test_nothing_of_the_stock_configs_is_refused():
    registries = [each for each in vars(registry).values() if isinstance(each, Registry)]
    checked = 0

    def look(node):
        nonlocal checked
        if isinstance(node, dict) and isinstance(node.get("type"), str):
            for each in registries:
                if each.get(node["type"]) is not None:
                    check_config(node, each)
                    checked += 1
                    break
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, dict | list | tuple):
                look(child)

    for cfg in stock_configs():
        look(cfg._cfg_dict)
        check_run(dict(cfg))
        check_train_loop(cfg.get("train_cfg"))
        for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
            check_dataloader(cfg.get(loader))
    assert checked > 1000
