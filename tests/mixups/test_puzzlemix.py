"""PuzzleMix: blocks, shares, and not one sample at a time."""

import torch

from dmmix.functional import draw_lam
from dmmix.mixups import PuzzleMix
from tests.laws.data import batch, generator
from tests.laws.small_model import SmallModel
from tests.mixups.waits import Operations


def mixed_by(mix, n, size):
    images, labels = batch(n, 3, size)
    return mix.mix(images, labels % 8, generator(), SmallModel().guide())


def test_a_block_is_of_one_mixture():
    mask = mixed_by(PuzzleMix(block_num=4, transport=False), 8, (16, 24)).mask
    blocks = mask.unflatten(2, (4, 4)).unflatten(4, (4, 6))
    assert bool((blocks == blocks[:, :, :, :1, :, :1]).all())


def test_shares_follow_lam():
    for alpha in (0.3, 5.0):
        shares = mixed_by(PuzzleMix(alpha, block_num=4), 300, (8, 8)).labels.shares[:, 0]
        lam = draw_lam(300, alpha, generator())
        assert torch.corrcoef(torch.stack([shares.double(), lam]))[0, 1] > 0.7
        assert abs(shares.mean() - 0.5) < 0.1


def test_not_one_sample_at_a_time():
    counts = []
    for n in (2, 5, 64):
        with Operations() as count:
            mixed_by(PuzzleMix(block_num=4), n, (16, 24))
        counts.append(count.number)
    assert counts[0] == counts[1] == counts[2]
