"""Looks images of one's own over, before anything is trained on them: dmmix data check PATH..."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from dmmix.cli.options import parser_of
from dmmix.cli.own_data import find_data
from dmmix.cli.own_told import VAL_SHARE, parts_table, passed_over, to_see_to
from dmmix.cli.running import reported_errors, starting

if TYPE_CHECKING:
    from dmmix.datasets.own.look import Findings
    from dmmix.datasets.own.parts import OwnData

_FEW = 10  # labels of a class
_SHOWN = 5


def main() -> None:
    parser = parser_of("Look images of your own over")
    parser.add_argument("data", nargs="+", help="as for dmmix train CONFIG --data PATH...")
    args = parser.parse_args()

    with reported_errors(args.traceback), starting():
        from rich.console import Console
        from rich.progress import track

        from dmmix.datasets.own.look import image_files, look_at

        data = find_data(args.data)
        files = list(image_files(data))
        findings = look_at(track(files, "looking", console=Console(stderr=True), transient=True))
    console = Console(highlight=False, soft_wrap=True)
    console.print(parts_table(data))
    bad = list(_bad(data, findings))
    for line in (*_seen(data, findings), *bad):
        console.print(line, markup=False)
    sys.exit(1 if bad else 0)


def _seen(data: OwnData, findings: Findings) -> Iterator[str]:
    """What is as it may be."""
    train = data.train
    if findings.sizes:
        ends = []
        for side in zip(*findings.sizes, strict=True):
            ends.append(f"{min(side)} to {max(side)} (median {median(side):.0f})")
        yield f"sizes: height {ends[0]}, width {ends[1]}"
        yield "modes: " + ", ".join(f"{n:,} {mode}" for mode, n in findings.modes.most_common())
    yield from passed_over(data)
    ratio = max(train.counts) / min(train.counts)
    if ratio >= 2:
        yield (
            f"imbalance: the largest class has {ratio:.1f} times the images of the smallest "
            "(a ClassWeightedSampler draws all classes alike)"
        )
    if data.val is None:
        yield f"no val: training would hold out {VAL_SHARE:.0%} of each class"


def _bad(data: OwnData, findings: Findings) -> Iterator[str]:
    """What somebody should see to."""
    for path, why in findings.corrupt:
        yield f"damaged: {path}: {why}"
    for across, where in ((True, "in several parts"), (False, "doubled")):
        copies = findings.doubled(across)
        for paths in copies[:_SHOWN]:
            yield f"{where}: {', '.join(paths)}"
        if len(copies) > _SHOWN:
            yield f"{where}: {len(copies) - _SHOWN} more images"
    pairs = zip(data.train.classes, data.train.counts, strict=True)
    few = [f"{name} ({count})" for name, count in pairs if count < _FEW]
    if few:
        yield f"few: less than {_FEW} training images: {', '.join(few[:_SHOWN])}" + (
            f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
        )
    yield from to_see_to(data)
    known = set(data.train.classes)
    for name, part in (("val", data.val), ("test", data.test)):
        strange = [] if part is None else [each for each in part.classes if each not in known]
        if strange:
            yield f"classes: {name} has some that train lacks: {', '.join(strange[:_SHOWN])}"
