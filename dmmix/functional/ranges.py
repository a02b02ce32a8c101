"""Ranges of numbers, said in an annotation: ``alpha: Annotated[float, Range(0)]``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

__all__ = ["Count", "NonNegative", "Positive", "Probability", "Range"]


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
            return "that is finite"
        return f"above {self.low}" if self.above else f"of at least {self.low}"


Count = Annotated[int, Range(1)]
NonNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
Probability = Annotated[float, Range(0, 1)]
