"""Classes of two data sets, matched by their names and never by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dmmix.datasets.interface import RenumberedSource, class_names

_SHOWN = 5


def match_classes(dataset: Any, names: Sequence[str] | None, where: str, of: str) -> str | None:
    """Gives the classes of ``dataset`` the numbers that ``names`` gives them.

    The names are those of a network's classes, ``None`` where they are not known; messages say
    ``where`` in the config the dataset is, and whose the names are (``of``).

    Returns:
        What was done, in a sentence; ``None`` where nothing had to be.

    Raises:
        ValueError: a class that is not among ``names``, a name that stands for two classes, or a
            data set that cannot be renumbered.
    """
    own = class_names(dataset)
    if own is None or names is None or own == tuple(names):
        return None
    names = tuple(str(name) for name in names)
    unknown = [name for name in own if name not in set(names)]
    if unknown:
        absent = [name for name in names if name not in set(own)]
        raise ValueError(
            f"{where} has classes that the {of} does not have: {_shown(unknown)}"
            + (f" (and lacks {_shown(absent)})" if absent else "")
            + f"; it must have the same {len(names)} classes by name, or some of them"
        )
    for whose, given in ((where, own), (f"the {of}", names)):
        if len(set(given)) < len(given):
            twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
            raise ValueError(
                f"the classes of {where} are others than those of the {of}, and cannot be matched "
                f"by name: {whose} has several classes called {_shown(twice)}"
            )
    if not isinstance(dataset, RenumberedSource):
        moved = [name for number, name in enumerate(own) if names.index(name) != number]
        raise ValueError(
            f"{where} ({type(dataset).__name__}) numbers its classes otherwise than the {of}: "
            f"{_shown(moved)}; DecodedFolder, DecodedImages and InMemory are matched by name, "
            "others must list all classes in the same order (metainfo=dict(classes=[...]))"
        )
    dataset.renumber_classes(names)
    lacking = len(names) - len(own)
    how = f"{lacking} of {len(names)} have no images" if lacking else "they were in another order"
    return f"The classes of {where} are matched with those of the {of} by name: {how}."


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
