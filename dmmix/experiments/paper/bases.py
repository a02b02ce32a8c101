"""The base files of mixes and objectives, ``configs/_base_``, as the tables have them."""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

from dmmix.configuration.python_text import assignments
from dmmix.experiments.paper.mixes import MIXES, Mix
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.paper.settings import loss_config, mix_config


class ObjectiveFile(NamedTuple):
    """Which objective, for which kind of mix, and what it is for in words."""

    objective: str
    mixup: str
    used_for: str


#: By the name of the file, the row and the recipe whose alphas it has.
MIX_FILES = {name: (name, "") for name in MIXES}
MIX_FILES["mixup_cutmix_rsb"] = ("mixup_cutmix", "imagenet/resnet50_rsb_a3.py")

_OFFICIAL = "a variant of the paper's official configs"
OBJECTIVE_FILES = {
    "mce": ObjectiveFile("mce", "none", "the baseline"),
    "dm_ce": ObjectiveFile(
        *("dm_ce", "cutmix"), "static mixes on CIFAR and ImageNet; ResNeXt-50 elsewhere too"
    ),
    "dm_ce_dynamic": ObjectiveFile(
        *("dm_ce", "puzzlemix"),
        "mixes that ask the network; static ones of ResNet-18 on Tiny-ImageNet, CUB and Aircraft",
    ),
    "dm_ce_rescaled": ObjectiveFile("dm_ce_rescaled", "cutmix", _OFFICIAL),
    "dm_ce_more": ObjectiveFile("dm_ce_official_more", "cutmix", _OFFICIAL),
    "dm_ce_less": ObjectiveFile("dm_ce_official_less", "cutmix", _OFFICIAL),
    "mbce": ObjectiveFile("mbce", "none", "a baseline with sigmoids"),
    "two_hot": ObjectiveFile("two_hot", "none", "a baseline with sigmoids"),
    "dm_bce": ObjectiveFile("dm_bce", "cutmix", "mixes that cut"),
    "dm_bce_interpolating": ObjectiveFile("dm_bce", "mixup", "mixes that interpolate"),
}


def base_files() -> dict[str, str]:
    """By its path under ``configs/_base_``, the text of each file."""
    files = {}
    for name, (mixup, recipe) in MIX_FILES.items():
        row = MIXES[mixup]
        about = row.source or f"alpha: {alpha_is(row)}."
        if row.part_alphas is not None:
            about += f" The alphas are those of {recipe or 'DeiT'}."
        files[f"mixups/{name}.py"] = _text(about, mixup=mix_config(mixup, "dm_ce", recipe))
    for name, (objective, mixup, used_for) in OBJECTIVE_FILES.items():
        about = f"{OBJECTIVES[objective].about}: {used_for}."
        loss = loss_config(objective, mixup)
        if loss["type"] == "DecoupledMixupBCELoss":
            about += (
                " A mean over the classes, 1/C of the official loss: with SGD, "
                'over_classes="sum" is meant.'
            )
        files[f"objectives/{name}.py"] = _text(about[0].upper() + about[1:], objective=loss)
    return files


def alpha_is(row: Mix) -> str:
    """Where the alpha of a mix is from."""
    about = f"what the decoupled mixup paper uses for {row.kind.name} mixes under its loss"
    if row.baseline_alpha is None:
        return about
    same = row.baseline_alpha == row.kind.alpha
    return (
        f"{about}; under the mixup loss it has {'the same' if same else f'{row.baseline_alpha:g}'}"
    )


def _text(about: str, **values: Any) -> str:
    lines = textwrap.wrap(about, 98)
    written = (
        "Written by python -m dmmix.experiments.paper.write: change the table there, not this file."
    )
    return "".join(f"# {line}\n" for line in [*lines, written]) + assignments(values)
