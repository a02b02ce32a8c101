"""Puts weights to begin with into a config: ``--weights FILE``."""

from __future__ import annotations

import argparse
from typing import Any

from dmmix.cli.options import check_checkpoint


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    """The options about pretrained weights."""
    group = parser.add_argument_group("pretrained weights")
    help = "weights that the backbone begins with: of mmpretrain, torchvision, timm or dmmix"
    group.add_argument("--weights", metavar="FILE", help=help)


def use_weights(cfg: Any, args: argparse.Namespace) -> None:
    """The backbone begins with the weights of a file; where they stand in it is found out."""
    if args.weights is not None:
        check_checkpoint(args.weights)
        init = dict(type="Pretrained", checkpoint=args.weights, prefix="auto")
        cfg.model.backbone.init_cfg = init
