"""Says what is in images: dmmix predict CHECKPOINT IMAGES..."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmmix.cli.options import check_checkpoint, parser_of, positive
from dmmix.cli.running import reported_errors, starting
from dmmix.configuration.errors import UserError


def main() -> None:
    parser = parser_of("Say what is in images")
    parser.add_argument("checkpoint", help="of a training: best_*.pth or epoch_N.pth")
    parser.add_argument(
        "images", nargs="+", help="files, folders, and text files (.txt) with a path a line"
    )
    parser.add_argument(
        "--top", type=positive, metavar="K", help="classes of each (1); of several labels at most"
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        metavar="P",
        help="of several labels an image, those with a probability of P or more (0.5)",
    )
    parser.add_argument("--out", metavar="FILE", help="a CSV file to write; else the terminal")
    parser.add_argument(
        "--crops", type=int, choices=[1, 10], default=1, help="10: the mean over ten crops"
    )
    parser.add_argument(
        "--abstain",
        type=_share,
        default=0.0,
        metavar="P",
        help="say nothing where the highest probability is below P",
    )
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N")
    args = parser.parse_args()

    with reported_errors(args.traceback), starting():
        check_checkpoint(args.checkpoint)
        if args.out is not None and not Path(args.out).resolve().parent.is_dir():
            raise UserError(f"--out: no folder {Path(args.out).resolve().parent}")
        from dmmix.engine import Predictor

        files = _files(args.images)
        predictor = Predictor(args.checkpoint, crops=args.crops, batch_size=args.batch_size)
        if predictor.crop is None:
            raise UserError(
                f"{args.checkpoint} was not trained on image files, so it does not say how they "
                "are cropped: in Python, dmmix.load(CHECKPOINT).predict(tensor) takes its images"
            )
        _check_kind(predictor, args)
    bad: list[str] = []
    rows = _rows(predictor, files, args, bad)
    if args.out is None:
        for row in rows:
            print("  ".join(row))
    else:
        from rich.console import Console
        from rich.progress import track

        from dmmix.compat.atomic import atomic_open

        shown = Console(stderr=True)
        rows = track(rows, "predicting", total=len(files), console=shown, transient=True)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        places = 1 if predictor.multi_label else min(args.top or 1, len(predictor.classes))
        writer.writerow(_head(places))
        writer.writerows(_in_cells(row) if predictor.multi_label else row for row in rows)
        with atomic_open(args.out, "w", encoding="utf-8") as file:
            file.write(text.getvalue())
        print(f"{args.out}: {len(files) - len(bad)} images predicted", file=sys.stderr)
    for line in bad:
        print(f"error: {line}", file=sys.stderr)
    sys.exit(1 if bad else 0)


def _check_kind(predictor: Any, args: argparse.Namespace) -> None:
    """Options for one class an image, and for several."""
    if predictor.multi_label and args.abstain:
        raise UserError(
            f"--abstain: {args.checkpoint} gives every class that an image seems to have, and "
            "--threshold P says from which probability on"
        )
    if args.threshold is not None and not predictor.multi_label:
        raise UserError(
            f"--threshold: {args.checkpoint} is for one class an image; --abstain P says nothing "
            "where its probability is below P"
        )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be in [0, 1], got {text!r}")
    return share


def _files(given: list[str]) -> list[str]:
    """The paths of all images that are meant, in their order."""
    from dmmix.datasets.images.folder_listing import FolderListing
    from dmmix.datasets.images.formats import image_endings
    from dmmix.datasets.messages import near_names

    files: list[str] = []
    for path in given:
        if os.path.isdir(path):
            found = FolderListing(image_endings()).images(path)
            if not found:
                raise UserError(f"{path} has no images (read are {', '.join(image_endings())})")
            files += [os.path.join(path, name) for name in found]
        elif not os.path.isfile(path):
            raise UserError(f"there is no image {path}{near_names(path)}")
        elif path.lower().endswith(".txt"):
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            files += [line.strip() for line in lines if line.strip()]
        else:
            files.append(path)
    if not files:
        raise UserError(f"{', '.join(given)}: no images in it")
    return files


def _rows(predictor: Any, files: list[str], args: Any, bad: list[str]) -> Iterable[list[str]]:
    """File, classes and probabilities; images that cannot be read go to ``bad``."""
    import torch

    for start in range(0, len(files), args.batch_size):
        read, names = [], []
        for file in files[start : start + args.batch_size]:
            try:
                read.append(predictor.read(file))
                names.append(file)
            except ValueError as error:
                bad.append(str(error))
        if not read:
            continue
        predicted = predictor.predict(torch.stack(read), args.top, args.threshold)
        for file, found in zip(names, predicted, strict=True):
            row = [file]
            for name, score in zip(*found, strict=True):
                row += [name, f"{score:.4f}"]
            if found.scores and found.scores[0] < args.abstain:
                row[1] = ""
            yield row


def _in_cells(row: list[str]) -> list[str]:
    """Several classes in a cell, as a file of labels has them, and their probabilities."""
    return [row[0], ";".join(row[1::2]), ";".join(row[2::2])]


def _head(top: int) -> list[str]:
    head = ["filename", "class", "probability"]
    for place in range(2, top + 1):
        head += [f"class_{place}", f"probability_{place}"]
    return head
