"""What was found of images of one's own, as a table and lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmmix.datasets.own.parts import OwnData

#: Of the training images of each class, where there is no validation part.
VAL_SHARE = 0.2
_FEW_HELD_OUT = 20  # images of a class


def parts_table(data: OwnData) -> Any:
    """Where the parts are, and numbers of images."""
    from rich.table import Table

    table = Table("part")
    table.add_column("where", overflow="fold")
    for name in ("images", "a class, least", "most"):
        table.add_column(name, justify="right")
    for name in ("train", "val", "test", "unlabelled"):
        part = getattr(data, name)
        if part is not None:
            ends = (f"{f(part.counts):,}" for f in (min, max)) if part.classes else ("", "")
            table.add_row(name, part.where, f"{part.images:,}", *ends)
    return table


def to_see_to(data: OwnData) -> Iterator[str]:
    """What may be a mistake, and would not be seen in training."""
    from dmmix.datasets.messages import listed
    from dmmix.datasets.own.part import alike

    for names in alike(data.train.classes):
        yield f"classes: {' and '.join(names)} differ in case or spaces alone: are they one?"
    if data.val is not None:
        return
    counts = held_out_counts(data)[: len(data.train.classes)]
    pairs = zip(data.train.classes, counts, strict=True)
    if none := [name for name, count in pairs if not count]:
        yield f"held out: none of {listed(none)}, which have less than three images"


def passed_over(data: OwnData) -> Iterator[str]:
    """What else lies there."""
    for part in (data.train, data.val, data.test, data.unlabelled):
        if part is not None and part.passed_over:
            yield f"{part.where}: passed over {part.passed_over}"


def show_found(data: OwnData, epochs: int | None) -> None:
    """Parts, classes, sizes, what is held out, and what may be a mistake, on standard error."""
    from rich.console import Console

    from dmmix.datasets.own.sizes import image_size

    console = Console(stderr=True)
    console.print(parts_table(data))
    size = image_size(data.train)
    seen = "" if size is None else f", {size[0]} x {size[1]} pixels (median height x width)"
    console.print(f"{len(data.train.classes)} classes{seen}", highlight=False)
    if epochs is not None:
        console.print(f"{epochs} epochs (--epochs N sets another number)", highlight=False)
    if data.val is None:
        console.print(
            f"No part val: {VAL_SHARE:.0%} of the training images of each class are held out, "
            "as split.json in the work dir says.",
            highlight=False,
        )
        if (most := held_out_counts(data).max()) < _FEW_HELD_OUT:
            console.print(
                f"That is at most {most} of a class: the best checkpoint is chosen by little. A "
                f"folder val with {_FEW_HELD_OUT} of each would choose better.",
                highlight=False,
            )
    for line in (*passed_over(data), *to_see_to(data)):
        console.print(line, highlight=False, markup=False)


def held_out_counts(data: OwnData) -> Any:
    """How many training images of each class are held out where there is no validation part."""
    import numpy as np

    from dmmix.datasets import LabelSubset
    from dmmix.datasets.subsets.strata import strata

    per_class = np.bincount(strata(data.train.labels), minlength=len(data.train.classes))
    return per_class - LabelSubset(label_fraction=1 - VAL_SHARE).counts(per_class)
