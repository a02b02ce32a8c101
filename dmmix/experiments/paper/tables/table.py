"""A table of published numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Number(NamedTuple):
    """A published number, and where it stands: by axis, the name of a value."""

    at: Mapping[str, str]
    value: float


class Table(NamedTuple):
    """Rows by columns, in the names of a sweep's axes.

    Attributes:
        columns: where each stands, see :func:`grid`.
        values: by row, a number a column; ``None`` where none was published.
        rows: the axis of the rows.
        note: what keeps the numbers from being compared as they stand.
    """

    columns: list[dict[str, str]]
    values: Mapping[str, tuple[float | None, ...]]
    rows: str = "mixup"
    note: str = ""

    def numbers(self) -> Iterator[Number]:
        for row, values in self.values.items():
            for column, value in zip(self.columns, values, strict=True):
                if value is not None:
                    yield Number({self.rows: row, **column}, value)


def grid(**axes: tuple) -> list[dict[str, str]]:
    """The columns of all combinations, the last axis changing fastest."""
    names = [[str(value) for value in values] for values in axes.values()]
    return [dict(zip(axes, names, strict=True)) for names in itertools.product(*names)]
