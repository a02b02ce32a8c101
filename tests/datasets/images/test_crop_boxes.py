"""draw_crop_box: inside the image, and distributed as it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.datasets.images.crops import draw_crop_box

pytestmark = pytest.mark.openmmlab


@settings(max_examples=300, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    low=st.floats(0.01, 1),
    high=st.floats(0.01, 1),
    ratio=st.floats(0.1, 1),
    seed=st.integers(0, 100),
)
def test_a_box_lies_in_the_image(height, width, low, high, ratio, seed):
    scale = min(low, high), max(low, high)
    rng = np.random.default_rng(seed)
    top, left, h, w = box = draw_crop_box(height, width, scale, (ratio, 1 / ratio), rng)
    rng = np.random.default_rng(seed)
    assert draw_crop_box(height, width, scale, (ratio, 1 / ratio), rng) == box
    assert h >= 1
    assert w >= 1
    assert 0 <= top <= height - h
    assert 0 <= left <= width - w


def boxes(height, width, scale, ratio, n=4000):
    rng = np.random.default_rng(0)
    return np.array([draw_crop_box(height, width, scale, ratio, rng) for _ in range(n)]).T


def test_areas_are_uniform():
    _, _, h, w = boxes(1000, 1000, (0.1, 0.5), (0.9, 1.1))
    share = h * w / 1e6
    assert 0.098 < share.min() < 0.11
    assert 0.49 < share.max() < 0.502
    assert np.allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.2, 0.3, 0.4], atol=0.01)


def test_logarithms_of_the_ratios_are_uniform():
    """Of width over height: a wide box is as likely as a high one."""
    _, _, h, w = boxes(1000, 1000, (0.05, 0.1), (1 / 2, 4))
    found = np.log(w / h)
    low, high = math.log(1 / 2), math.log(4)
    expected = [low + (high - low) * q for q in (0.02, 0.25, 0.5, 0.75, 0.98)]
    assert np.allclose(np.quantile(found, [0.02, 0.25, 0.5, 0.75, 0.98]), expected, atol=0.05)


def test_places_are_uniform():
    top, left, h, w = boxes(400, 600, (0.1, 0.2), (0.9, 1.1))
    for start, size, whole in ((top, h, 400), (left, w, 600)):
        place = start / (whole - size)
        assert np.allclose(np.quantile(place, [0, 0.25, 0.5, 0.75, 1]), np.arange(5) / 4, atol=0.03)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (40, 40, (0, 0, 40, 40)),
        (10, 1000, (0, 493, 10, 13)),
        (1000, 10, (493, 0, 13, 10)),
        (50, 1000, (0, 466, 50, 67)),
    ],
)
def test_where_no_box_fits_it_is_the_middle(height, width, expected):
    rng = np.random.default_rng(0)
    assert draw_crop_box(height, width, (1, 1), (3 / 4, 4 / 3), rng) == expected
