"""One share, box or mask for the whole batch is made once, and gives what one a sample gives."""

import pytest
import torch

from dmmix.functional import MixedLabels, cutmix, draw_centers, draw_lam, draw_pairing
from dmmix.functional.mixing import compose
from dmmix.functional.mixing.compose import as_weight, by_mask

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("inside", [False, True])
def test_one_box_is_the_box_of_each_sample(inside):
    for seed in range(400):
        g = generator(seed)
        height, width = torch.randint(1, 40, (2,), generator=g).tolist()
        images, labels = torch.randn(3, 2, height, width, generator=g), torch.arange(3)
        lam, centers = draw_lam(3, 0.7, g, True), draw_centers(3, g, True)
        index = draw_pairing(3, g)
        assert lam.stride(0) == centers.stride(0) == 0
        once = cutmix(images, labels, lam, index, centers, inside=inside)
        each = cutmix(images, labels, lam.contiguous(), index, centers.contiguous(), inside=inside)
        assert torch.equal(once.images, each.images)
        assert torch.equal(once.mask, each.mask)
        assert torch.equal(once.labels.shares, each.labels.shares)
        assert once.mask.shape == (3, 1, height, width)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_box_of_all_or_nothing(value):
    images, index = torch.randn(4, 1, 5, 6), torch.tensor([1, 2, 3, 0])
    lam = torch.tensor([value], dtype=torch.float64).expand(4)
    centers = torch.full((1, 2), 0.5, dtype=torch.float64).expand(4, 2)
    mixed = cutmix(images, torch.arange(4), lam, index, centers)
    assert torch.equal(mixed.images, images if value else images[index])
    assert torch.equal(mixed.labels.shares[:, 0], torch.full((4,), value))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("piece", [1, 80, 2**18])
def test_a_mask_of_bools_takes_pixels_as_they_are(dtype, once, piece, monkeypatch):
    monkeypatch.setattr(compose, "_PIECE", piece)
    # Up to the largest numbers of the type: what is taken must not go through rounding arithmetic.
    images = torch.randn(6, 3, 7, 5, generator=generator(0)).mul(1000).to(dtype)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = (torch.finfo(dtype).max / 2,) * 2
    labels = MixedLabels.from_labels(torch.arange(6))
    index = draw_pairing(6, generator(1))
    mask = torch.rand(1 if once else 6, 1, 7, 5, generator=generator(2)) < 0.5
    mask = mask.expand(6, 1, 7, 5)
    expected = torch.where(mask, images, images[index])
    for out in (None, torch.empty_like(images)):
        mixed = by_mask(images, labels, mask, index, out=out)
        assert torch.equal(mixed.images, expected)
        assert out is None or mixed.images is out
        share = mixed.labels.shares[:, 0].double()
        torch.testing.assert_close(share, mask.double().mean((1, 2, 3)), rtol=0, atol=1e-7)


def test_the_weight_of_one_mask_is_one_in_memory():
    mask = (torch.rand(1, 1, 4, 4) < 0.5).expand(9, 1, 4, 4)
    weight = as_weight(mask, torch.float32)
    assert weight.stride(0) == 0
    assert torch.equal(weight, mask.float())
