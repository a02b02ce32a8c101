"""Weights that the network begins with, and which of them stay: ``--weights``, ``--freeze``."""

from __future__ import annotations

import argparse
import inspect
from typing import Any

from dmmix.cli.options import check_checkpoint, positive
from dmmix.configuration.errors import UserError


def add_weights_option(group: argparse._ArgumentGroup) -> None:
    """The option of weights that are there."""
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="what the backbone begins with: weights of mmpretrain, torchvision, timm, Lightning "
        "or dmmix, .pth or .safetensors",
    )


def add_freeze_option(group: argparse._ArgumentGroup) -> None:
    """The option of what stays of them."""
    help = "the stem and the first N stages of the backbone stay as they are"
    group.add_argument("--freeze", type=positive, metavar="N", help=help)


def use_weights(cfg: Any, args: argparse.Namespace) -> None:
    """The backbone begins with the weights of a file; where they stand in it is found out. The old
    classifier of Co-Tuning is that of the file.

    Raises:
        UserError: no such file, or one without a classifier; a network without a backbone.
    """
    if args.weights is not None:
        backbone = _backbone(cfg, "--weights")
        check_checkpoint(args.weights)
        backbone.init_cfg = dict(type="Pretrained", checkpoint=args.weights, prefix="auto")
        backbone.pop("pretrained", None)  # timm would fetch those, and take them
    if cfg.model.get("backbone") is not None:
        _use_source_head(cfg)


def use_freeze(cfg: Any, args: argparse.Namespace) -> None:
    """The first stages of the backbone are not trained.

    Raises:
        UserError: random weights; a backbone without stages that could stay.
    """
    if args.freeze is None:
        return
    check_begins(cfg, "--freeze")
    from dmmix.registry import MODELS

    backbone = _backbone(cfg, "--freeze")
    with MODELS.switch_scope_and_registry("dmmix") as registry:
        kind = registry.get(backbone.type)
    arguments = {} if kind is None else _arguments(kind)
    if kind is not None and "frozen_stages" not in arguments:
        raise UserError(f"--freeze: {backbone.type} has no stages that stay as they are")
    stages = backbone.get("num_stages", arguments.get("num_stages"))  # a ResNet does not look
    if isinstance(stages, int) and args.freeze > stages:
        raise UserError(f"--freeze {args.freeze}: {backbone.type} has {stages} stages")
    backbone.frozen_stages = args.freeze


def _backbone(cfg: Any, what: str) -> Any:
    """The config of the backbone, which ``what`` is about."""
    backbone = cfg.model.get("backbone")
    if backbone is None:
        raise UserError(
            f"{what} is about the backbone, and {cfg.model.get('type')} has none: timm's networks "
            "are there as the backbone TIMMBackbone"
        )
    return backbone


def _use_source_head(cfg: Any) -> None:
    """Co-Tuning's old classifier belongs to the weights that the backbone begins with; its number
    of classes is the file's, and stands in the config from here on."""
    source, begins = cfg.model.get("source_head"), cfg.model.backbone.get("init_cfg")
    head_begins = source.get("init_cfg") if isinstance(source, dict) else None
    if not (isinstance(begins, dict) and isinstance(head_begins, dict)):
        return
    file, inputs = begins.get("checkpoint"), cfg.model.head.in_channels
    if head_begins.get("prefix") != "auto" or file in (None, head_begins.get("checkpoint")):
        return
    from mmengine.runner import CheckpointLoader

    from dmmix.compat.align import head_weight, weights_in

    weights = weights_in(CheckpointLoader.load_checkpoint(file, map_location="cpu")) or {}
    name = head_weight(weights, inputs)
    if name is None:
        raise UserError(
            f"Co-Tuning: {file} has no classifier that takes {inputs} features, which would be "
            "tuned too: take weights that have theirs (fc, head or classifier), or own/bss"
        )
    source.update(num_classes=len(weights[name]), in_channels=inputs)
    head_begins["checkpoint"] = file


def check_begins(cfg: Any, what: str) -> None:
    """Raises UserError where the backbone begins with random weights, for ``what`` keeps them."""
    backbone = _backbone(cfg, what)
    if not (backbone.get("pretrained") or "checkpoint" in (backbone.get("init_cfg") or {})):
        raise UserError(
            f"{what} keeps weights as they are, and these would be random ones: say with "
            "--weights FILE what the backbone begins with"
        )


def _arguments(kind: type) -> dict[str, Any]:
    """What a class and those that it hands the rest to take, with defaults."""
    inits = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    parameters = [inspect.signature(init).parameters for init in reversed(inits)]
    return {name: found.default for each in parameters for name, found in each.items()}
