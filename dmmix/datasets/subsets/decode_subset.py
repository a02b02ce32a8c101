"""The images of a label subset, without those that are corrupt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

Decode = Callable[[Sequence[int] | np.ndarray], tuple[np.ndarray, dict[int, str]]]


def decode_subset(
    rows: np.ndarray, labels: np.ndarray, decode: Decode
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Decodes these samples; for each corrupt one, the next of its class that is not among them.

    The next by its number, round and round, that can be decoded: a function of the files, so all
    ranks find the same. Where the class has no more the sample is left out.

    ``rows`` (n,) are sorted, ``labels`` (N,) those of all samples; ``decode`` gives the images of
    such numbers, (n, ...), and for each position that is corrupt the reason.

    Returns:
        The images (m, ...), their numbers (m,), sorted, and for each corrupt sample the reason.
    """
    images, wrong = decode(rows)
    reasons = {int(rows[at]): reason for at, reason in wrong.items()}
    if not wrong:
        return images, rows, reasons
    fine = np.setdiff1d(np.arange(len(rows)), list(wrong))
    found, numbers = [images[fine]], rows[fine].tolist()
    tried = set(rows.tolist())
    for row in list(reasons):
        for other in _next_of_class(row, labels):
            if other in tried:
                continue
            tried.add(other)
            image, problem = decode([other])
            if not problem:
                found.append(image)
                numbers.append(other)
                break
            reasons[other] = problem[0]
    order = np.argsort(numbers)
    return np.concatenate(found)[order], np.array(numbers, dtype=np.int64)[order], reasons


def _next_of_class(row: int, labels: np.ndarray) -> Iterator[int]:
    """The others of its class: those after it, then those before it."""
    members = np.flatnonzero(labels == labels[row])
    at = int(np.searchsorted(members, row))
    yield from (int(member) for member in (*members[at + 1 :], *members[:at]))
