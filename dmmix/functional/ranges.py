"""What a type does not say of a value, in its annotation: ``alpha: Annotated[float, Range(0)]``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """Finite numbers from ``low`` to ``high``, both included; ``above``, without ``low``."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: Any) -> bool:
        at_least = value > self.low if self.above else value >= self.low
        return at_least and value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        if self.high < math.inf:
            return f"in {'(' if self.above else '['}{self.low}, {self.high}]"
        if self.low == -math.inf:
            return ""
        return f"above {self.low}" if self.above else f"of at least {self.low}"


class Ascending:
    """Of two numbers, the first is not the larger one."""

    def __contains__(self, value: Any) -> bool:
        return value[0] <= value[1]

    def __str__(self) -> str:
        return "with the smaller one first"


class Filled:
    """A sequence with something in it."""

    def __contains__(self, value: Any) -> bool:
        return not hasattr(value, "__len__") or len(value) > 0

    def __str__(self) -> str:
        return "(not empty)"


Count = Annotated[int, Range(1)]
Finite = Annotated[float, Range()]
NonNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
PositiveShare = Annotated[float, Range(0, 1, above=True)]
Probability = Annotated[float, Range(0, 1)]

#: Smallest and largest.
NonNegativeBounds = Annotated[tuple[NonNegative, NonNegative], Ascending()]
PositiveBounds = Annotated[tuple[Positive, Positive], Ascending()]
ShareBounds = Annotated[tuple[PositiveShare, PositiveShare], Ascending()]
#: (height, width), or both as one integer.
Size = Count | tuple[Count, Count]


def as_pair(size: Size) -> tuple[int, int]:
    """(height, width)."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])
