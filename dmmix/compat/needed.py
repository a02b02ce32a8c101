"""A package of the stack, or a sentence on how to get it."""

import importlib

__all__ = ["import_needed"]


def import_needed(module: str, name: str | None = None) -> None:
    """Import a package.

    Args:
        module: What to import.
        name: What the package is called, if not by its module.

    Raises:
        ImportError: It is not installed. What else goes wrong in it is raised as it is.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ImportError(
            # The name dmmix on the package index is not ours.
            f"dmmix needs {name or module} here, which is not installed: in the checkout of dmmix, "
            'pip install -e ".[mm]"',
            name=module,
        ) from error
