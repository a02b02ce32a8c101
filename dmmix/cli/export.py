"""Writes a trained classifier for other programs: dmmix export CHECKPOINT --to FORMAT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dmmix.cli.options import check_checkpoint, parser_of, positive
from dmmix.cli.running import reported_errors, starting
from dmmix.configuration.errors import UserError

#: By the format, how its files end.
ENDINGS = {
    "safetensors": ".safetensors",
    "torchscript": ".torchscript.pt",
    "onnx": ".onnx",
    "timm": ".timm.pth",
    "torchvision": ".torchvision.pth",
    "torch": ".weights.pth",
}


def main() -> None:
    parser = parser_of("Write a trained classifier for programs that know nothing of dmmix")
    parser.add_argument("checkpoint", help="of a training: best_*.pth or epoch_N.pth")
    parser.add_argument(
        "--to", choices=ENDINGS, required=True, metavar="FORMAT", help=", ".join(ENDINGS)
    )
    parser.add_argument("--out", metavar="FILE", help="beside the checkpoint where it is not said")
    parser.add_argument(
        "--size",
        type=positive,
        nargs="+",
        metavar="N",
        help="edge, or height and width, of the images; the training's where it is not said",
    )
    args = parser.parse_args()

    with reported_errors(args.traceback), starting():
        check_checkpoint(args.checkpoint)
        file = _file(args)
        from dmmix.compat import CheckpointError
        from dmmix.engine.exporting.export import export
        from dmmix.engine.predictor import Predictor

        try:
            predictor = Predictor(args.checkpoint, device="cpu")
            done = export(predictor, args.to, file, _size(predictor, args))
        except (CheckpointError, ImportError) as error:
            raise UserError(str(error)) from error
    print(f"{done.file}: logits agree to {done.difference:.1e}; {_use(done, args.to)}")
    print(f"{done.about}: classes and preprocessing")
    sys.exit(0)


def _file(args: argparse.Namespace) -> Path:
    """Where it goes; a checkpoint is not written over."""
    checkpoint = Path(args.checkpoint)
    file = Path(args.out or checkpoint.with_suffix(ENDINGS[args.to]))
    if not file.resolve().parent.is_dir():
        raise UserError(f"--out: no folder {file.resolve().parent}")
    if file.is_dir():
        raise UserError(f"--out: {file} is a folder; name a file in it")
    if file.exists() and file.samefile(checkpoint):
        raise UserError(f"--out: {file} is the checkpoint itself; name another file")
    return file


def _size(predictor: Any, args: argparse.Namespace) -> tuple[int, int]:
    if args.size is not None:
        if len(args.size) > 2:
            raise UserError(f"--size takes an edge, or height and width, got {args.size}")
        return args.size[0], args.size[-1]
    if predictor.crop is None:
        raise UserError(
            f"{args.checkpoint} was not trained on image files, so it does not say how large its "
            "images are: --size HEIGHT WIDTH"
        )
    return predictor.crop.size


def _use(done: Any, form: str) -> str:
    """How it is loaded, or what goes in."""
    about, file = done.description, done.file
    if form in ("torchscript", "onnx"):
        shape = ", ".join(map(str, about["input"]["shape"]))
        return f"it takes {about['input']['channels']} images ({shape}), uint8"
    if form == "timm":
        more = "" if about["input"]["shape"][1] == 3 else f", in_chans={about['input']['shape'][1]}"
        return (
            f"timm.create_model({about['architecture']!r}, num_classes={len(about['classes'])}"
            f"{more}, checkpoint_path={str(file)!r}) loads it"
        )
    if form == "torchvision":
        return (
            f"torchvision.models.{about['architecture']}(num_classes={len(about['classes'])}) "
            "takes its weights"
        )
    return "weights alone, under mmpretrain's names"
