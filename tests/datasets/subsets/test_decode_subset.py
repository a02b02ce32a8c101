"""Corrupt images of a label subset: which others take their places."""

import numpy as np
import pytest

from dmmix.datasets.subsets.decode_subset import decode_subset

pytestmark = pytest.mark.openmmlab

LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])  # even numbers, odd numbers


def run(rows, bad):
    """The numbers that are used, the reasons, and those that were decoded."""
    decoded = []

    def decode(numbers):
        decoded.extend(int(number) for number in numbers)
        images = np.array([[10 * number] for number in numbers])
        wrong = {at: f"{number} is bad" for at, number in enumerate(numbers) if number in bad}
        return images, wrong

    images, found, reasons = decode_subset(np.array(rows), LABELS, decode)
    assert images[:, 0].tolist() == [10 * number for number in found]
    assert all(reason == f"{row} is bad" for row, reason in reasons.items())
    return found.tolist(), list(reasons), decoded


@pytest.mark.parametrize(
    ("rows", "bad", "found"),
    [
        ([2, 3], [], [2, 3]),
        ([2, 3], [0, 4], [2, 3]),  # they are not in it
        ([2, 3], [2], [3, 4]),  # the next of its class
        ([2, 3], [2, 4], [3, 6]),  # which is corrupt as well
        ([2, 3, 4], [2], [3, 4, 6]),  # or in the subset
        ([3, 8], [8], [0, 3]),  # after the last, the first
        ([3, 6], [6, 8], [0, 3]),
        ([2, 4], [2, 4], [6, 8]),  # each another one
        ([1, 2], [1, 2], [3, 4]),
        ([0, 2, 4, 6, 8], [4], [0, 2, 6, 8]),  # there is no other
        ([1, 6], [0, 2, 4, 6, 8], [1]),
    ],
)
def test_what_takes_the_place(rows, bad, found):
    used, reasons, decoded = run(rows, bad)
    assert used == found
    assert sorted(reasons) == sorted(set(decoded) & set(bad))
    assert len(decoded) == len(set(decoded))  # none twice


def test_nothing_is_decoded_that_is_not_needed():
    assert run([2, 3], [0, 4])[2] == [2, 3]
    assert run([2, 3], [2, 4])[2] == [2, 3, 4, 6]
