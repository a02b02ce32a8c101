"""Published numbers, as a sweep file has them.

``published_by = ("mixup", "recipe", "objective")`` names the axes that the numbers go by, from the
outside in::

    published = {
        "mixup": dict(r18=(79.12, 80.44), rx50=(82.10, 82.96)),
        "automix": dict(r18=(82.04, 82.32)),
    }

A tuple stands for the values of its axis in the order that the axis has them; ``None`` where
nothing was published. Mixes that dmmix does not have may stand there too: numbers without a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dmmix.configuration.errors import UserError
from dmmix.experiments.paper import NOT_BUILT
from dmmix.suggestions import suggestion

__all__ = ["check_published", "find_published", "numbers", "without_cell"]


def check_published(
    table: Any, published_by: tuple[str, ...], axes: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raises UserError where a key is no value of its axis, or the depth or a length is wrong."""
    if isinstance(table, int | float) or table is None:
        if published_by and table is not None:
            raise UserError(f"published: a number where {published_by[0]} was expected")
        return
    if not published_by or not isinstance(table, Mapping | tuple):
        at = published_by[0] if published_by else "a number"
        raise UserError(f"published: expected {at}, got {table!r}")
    values = axes[published_by[0]]
    if isinstance(table, tuple):
        if len(table) != len(values):
            raise UserError(
                f"published: {len(table)} numbers for the {len(values)} values of "
                f"{published_by[0]}: {table!r}"
            )
        for value in table:
            check_published(value, published_by[1:], axes)
        return
    for key, value in table.items():
        known = {*values, *NOT_BUILT}
        if str(key) not in known:
            near = suggestion(str(key), known)
            raise UserError(f"published: {published_by[0]} has no {str(key)!r}{near}")
        check_published(value, published_by[1:], axes)


def find_published(
    table: Any,
    published_by: tuple[str, ...],
    axes: Mapping[str, Mapping[str, Any]],
    point: Mapping[str, str],
) -> float | None:
    """The number of a cell, or ``None``."""
    here = table
    for axis in published_by:
        if isinstance(here, tuple):
            here = here[list(axes[axis]).index(point[axis])]
        elif isinstance(here, Mapping):
            here = here.get(point[axis])
        if here is None:
            return None
    return here if published_by else None


def numbers(table: Any) -> Iterator[float]:
    """All numbers of a table."""
    if isinstance(table, int | float):
        yield table
    elif table is not None:
        for value in table.values() if isinstance(table, Mapping) else table:
            yield from numbers(value)


def without_cell(table: Any, not_built: Mapping[str, str]) -> list[str]:
    """The keys, at any depth, that are mixes which dmmix does not have."""
    if not isinstance(table, Mapping):
        return []
    found = [name for name in table if name in not_built]
    for value in table.values():
        found += [name for name in without_cell(value, not_built) if name not in found]
    return found
