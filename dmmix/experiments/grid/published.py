"""Published numbers beside the cells of a sweep: a table of the paper, or the file's own.

``published = "cifar_tiny"`` names one of :data:`dmmix.experiments.paper.tables.TABLES`, whose axes
are those of the sweep; ``published = dict(table="cifar100_epochs", epochs=200)`` names the part of
one that has this value on an axis which the sweep does not have.

A file's own numbers go by the axes in ``published_by``, from the outside in: by mix and objective,
``{"mixup": (79.12, 80.44), "automix": dict(mce=82.04)}``. A tuple stands for the values of its axis
in the order that the axis has them; ``None`` where nothing was published. Mixes that dmmix does not
have may stand in both: numbers without a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dmmix.configuration.errors import UserError
from dmmix.experiments.paper.mixes import NOT_BUILT
from dmmix.experiments.paper.tables import TABLES
from dmmix.experiments.paper.tables.table import Number
from dmmix.suggestions import suggestion, suggestion_or_all


class Published(NamedTuple):
    """Numbers by the names of a sweep's axes.

    Attributes:
        numbers: with all that is said of where each stands.
        note: what keeps them from being compared as they stand.
    """

    numbers: Sequence[Number] = ()
    note: str = ""

    def find(self, point: Mapping[str, str]) -> float | None:
        """The number of a cell, or ``None``."""
        here = (n.value for n in self.numbers if n.at.items() <= point.items())
        return next(here, None)

    def without_cell(self) -> list[str]:
        """The mixes with numbers that dmmix does not have."""
        names = (name for number in self.numbers for name in number.at.values())
        return list(dict.fromkeys(name for name in names if name in NOT_BUILT))


def read_published(
    given: Any, by: Sequence[str], axes: Mapping[str, Mapping[str, Any]], note: str = ""
) -> Published:
    """What a sweep file says, checked.

    Args:
        given: ``published`` of the file.
        by: ``published_by`` of the file; empty where ``published`` is a table's name.
        axes: of the sweep, and ``recipe`` in any case.
        note: ``published_note`` of the file, in the place of the table's.

    Raises:
        UserError: no such table; an axis or a value that the sweep does not have; a depth or a
            length that is wrong.
    """
    if not given:
        return Published((), note)
    if by:
        return Published(list(_own(given, by, axes, {})), note)
    fixed = dict(given) if isinstance(given, Mapping) else dict(table=given)
    name = fixed.pop("table", None)
    if not isinstance(name, str) or name not in TABLES:
        raise UserError(
            f"published: no table {name!r}{suggestion_or_all(str(name), sorted(TABLES))}; numbers "
            "of your own need published_by"
        )
    return Published(
        _part(name, {a: str(value) for a, value in fixed.items()}, axes), note or TABLES[name].note
    )


def _part(
    name: str, fixed: Mapping[str, str], axes: Mapping[str, Mapping[str, Any]]
) -> list[Number]:
    """The numbers of a table that stand at these values, which are not said again."""
    numbers = list(TABLES[name].numbers())
    here = {**axes, **{axis: [value] for axis, value in fixed.items()}}
    for axis in [*fixed, *numbers[0].at]:
        if axis not in here:
            raise UserError(
                f"published: the table {name!r} goes by {axis!r}, no axis of this sweep: say "
                f"published = dict(table={name!r}, {axis}=...)"
            )
        there = list(dict.fromkeys(n.at[axis] for n in numbers if axis in n.at))
        if not {*there} & {*here[axis]}:
            raise UserError(
                f"published: the table {name!r} has no {axis} {', '.join(here[axis])}; it has "
                + (", ".join(there) or f"no {axis}")
            )
    return [
        Number({axis: value for axis, value in at.items() if axis not in fixed}, number)
        for at, number in numbers
        if fixed.items() <= at.items()
    ]


def _own(
    given: Any,
    by: Sequence[str],
    axes: Mapping[str, Mapping[str, Any]],
    at: Mapping[str, str],
) -> Iterator[Number]:
    if given is None:
        return
    if not by:
        if not isinstance(given, int | float):
            raise UserError(f"published: expected a number, got {given!r}")
        yield Number(at, given)
        return
    values = axes[by[0]]
    if isinstance(given, int | float):
        raise UserError(f"published: a number where {by[0]} was expected")
    if not isinstance(given, Mapping | tuple):
        raise UserError(f"published: expected {by[0]}, got {given!r}")
    if isinstance(given, tuple):
        if len(given) != len(values):
            raise UserError(
                f"published: {len(given)} numbers for the {len(values)} values of "
                f"{by[0]}: {given!r}"
            )
        given = dict(zip(values, given, strict=True))
    for key, value in given.items():
        known = {*values, *NOT_BUILT}
        if str(key) not in known:
            raise UserError(f"published: {by[0]} has no {str(key)!r}{suggestion(str(key), known)}")
        yield from _own(value, by[1:], axes, {**at, by[0]: str(key)})
