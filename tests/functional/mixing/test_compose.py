"""Two images put together by a mask."""

import pytest
import torch

from dmmix.functional import MixedLabels, draw_pairing
from dmmix.functional.mixing import compose
from dmmix.functional.mixing.compose import by_mask
from tests.laws.data import generator


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
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
