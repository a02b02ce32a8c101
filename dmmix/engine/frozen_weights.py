"""What the log says about weights that are not trained."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["count_frozen_weights"]

_MARK = "is skipped since its requires_grad=False"


@contextmanager
def count_frozen_weights(logger: logging.Logger) -> Iterator[None]:
    """One line for all weights without a gradient, in the place of a warning for each.

    The optimiser's constructor of mmengine warns of each; a teacher has as many as its student, and
    they are meant to be left out.
    """
    parts: dict[str, int] = {}

    def told_once(record: logging.LogRecord) -> bool:
        name, found, _ = record.getMessage().partition(f" {_MARK}")
        if found:
            part = name.lstrip(".").partition(".")[0]
            parts[part] = parts.get(part, 0) + 1
        return not found

    logger.addFilter(told_once)
    try:
        yield
    finally:
        logger.removeFilter(told_once)
    if parts:
        told = ", ".join(f"{part}: {count}" for part, count in parts.items())
        logger.info(f"Weights that the optimizer leaves alone (requires_grad=False): {told}")
