"""PuzzleMix: blocks, shares, and not one sample at a time."""

from dmmix.mixups import PuzzleMix
from tests.laws.data import batch, generator
from tests.laws.small_model import SmallModel
from tests.mixups.waits import Operations


def mixed_by(mix, n, size):
    images, labels = batch(n, 3, size)
    return mix.mix(images, labels % 8, generator(), SmallModel().guide())


def test_not_one_sample_at_a_time():
    counts = []
    for n in (2, 5, 64):
        with Operations() as count:
            mixed_by(PuzzleMix(block_num=4), n, (16, 24))
        counts.append(count.number)
    assert counts[0] == counts[1] == counts[2]
