"""Arguments checked where a class is called, as far as what checks them is installed."""

from __future__ import annotations

__all__ = ["Checked"]

try:
    from dmmix.arguments import Checked
except ImportError:  # with torch alone: a class checks what a type cannot say, no more

    class Checked:  # type: ignore[no-redef]
        """Base of a class whose arguments are checked."""
