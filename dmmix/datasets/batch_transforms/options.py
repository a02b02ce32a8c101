"""What several batch transforms take: values of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from dmmix.functional.ranges import Filled, Finite

__all__ = ["PerChannel", "as_tuple"]

#: One number, or one for each channel.
PerChannel = Finite | Annotated[Sequence[Finite], Filled()]


def as_tuple(value: PerChannel) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, Sequence) else value
