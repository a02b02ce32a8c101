import math

import pytest
import torch

from dmmix.functional import rescale_share
from tests.functional.losses import reference

SHARES = [0.0, 1e-6, 0.1, 0.3, 0.5, 0.7, 0.8, 0.95, 1.0]
SETTINGS = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.8), (0.5, 1.0), (2.0, 0.5), (0.5, 0.8)]


@pytest.mark.parametrize(("t", "xi"), SETTINGS)
@pytest.mark.parametrize("shape", [(9,), (3, 3), (0,)])
def test_follows_the_formula(t, xi, shape):
    shares = SHARES[: math.prod(shape)]
    given = torch.tensor(shares, dtype=torch.float64).view(shape)
    got = rescale_share(given, t, xi)
    assert got.shape == shape
    expected = [reference.rescaled(s, t, xi) for s in shares]
    assert got.flatten().tolist() == pytest.approx(expected, abs=1e-14)
    assert given.flatten().tolist() == shares  # not written to


def test_the_default_is_the_papers_setting_for_cutting_mixes():
    assert rescale_share(torch.tensor([0.4, 0.8, 0.9])).tolist() == pytest.approx([0.5, 1.0, 1.0])


@pytest.mark.parametrize(("t", "xi"), SETTINGS)
def test_a_share_of_zero_stays_zero_with_a_finite_gradient(t, xi):
    share = torch.tensor([0.0, 0.5], dtype=torch.float64, requires_grad=True)
    out = rescale_share(share, t, xi)
    out.sum().backward()
    assert out[0] == 0
    assert share.grad.isfinite().all()
    assert share.grad[0] == 0


def test_the_gradient_is_that_of_the_power():
    share = torch.tensor([0.2, 0.6, 0.9], dtype=torch.float64, requires_grad=True)
    rescale_share(share, 0.5, 0.8).sum().backward()
    expected = [0.5 / 0.8 * math.sqrt(0.8 / s) for s in (0.2, 0.6)] + [0.0]
    assert share.grad.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("t", "xi", "message"),
    [
        (-0.1, 1.0, r"t must be 0 or more, got -0\.1"),
        (math.nan, 1.0, "t must be 0 or more, got nan"),
        (1.0, 0.0, r"xi must be in \(0, 1\], got 0"),
        (1.0, 1.5, r"xi must be in \(0, 1\], got 1\.5"),
        (1.0, math.nan, r"xi must be in \(0, 1\], got nan"),
    ],
)
def test_errors_name_the_argument_the_value_and_the_range(t, xi, message):
    with pytest.raises(ValueError, match=message):
        rescale_share(torch.tensor([0.5]), t, xi)
