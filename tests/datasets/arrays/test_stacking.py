"""stack_images: one array, with as few copies as can be."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.datasets.arrays.stacking import stack_images

pytestmark = pytest.mark.openmmlab

RNG = np.random.default_rng(0)


def block(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_it_is_what_a_loop_copies(data):
    """However the images lie in memory."""
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=3, max_size=4), label="shape"))
    whole = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    if data.draw(st.booleans(), label="fortran"):
        whole = np.asfortranarray(whole)
    order = data.draw(st.permutations(range(whole.ndim)), label="axes")
    start, step = data.draw(st.integers(0, 2)), data.draw(st.sampled_from([1, 1, 1, 2, -1]))
    images = list(whole.transpose(order)[start:][::step])
    if not images:
        return
    if data.draw(st.booleans(), label="flipped"):
        images = [image[:, ::-1] for image in images]
    expected = np.stack([image.copy() for image in images])
    kept = whole.copy()
    stacked = stack_images(images)
    expected = expected if expected.ndim == 4 else expected[..., None]
    assert np.array_equal(stacked, expected)
    assert stacked.flags.c_contiguous
    assert np.array_equal(whole, kept)


def test_an_array_in_the_right_layout_is_not_copied():
    whole = block(20, 4, 5, 3)
    assert np.shares_memory(stack_images(list(whole)), whole)
    assert np.shares_memory(stack_images(list(whole[3:])), whole)
    grey = torch.from_numpy(block(20, 4, 5))  # as mmpretrain reads MNIST
    stacked = stack_images([image.numpy() for image in grey])
    assert stacked.shape == (20, 4, 5, 1)
    assert np.shares_memory(stacked, grey.numpy())


def test_images_that_lie_differently():
    whole = block(2, 4, 4, 3)
    images = [whole[0], whole[1].transpose(1, 0, 2)]
    assert np.array_equal(stack_images(images), np.stack(images))


def test_neighbours_by_chance_are_copied():
    """Two arrays side by side are not one."""
    memory = np.zeros(48, np.uint8)

    class Holder:
        def __init__(self, at):
            self.__array_interface__ = {
                "data": (memory.ctypes.data + at, False),
                "shape": (2, 4, 3),
                "typestr": "|u1",
                "version": 3,
            }

    images = [np.asarray(Holder(0)), np.asarray(Holder(24))]
    assert not np.shares_memory(stack_images(images), memory)


@pytest.mark.parametrize(
    ("images", "error", "says"),
    [
        ([block(2, 2, 3), block(2, 3, 3)], ValueError, r"image 0 is \(2, 2, 3\) and image 1"),
        ([block(2, 2, 3), block(2, 2, 3) / 255], TypeError, "image 1 is float64"),
        ([torch.zeros(2, 2, 3, dtype=torch.uint8)], TypeError, "image 0 is torch.uint8"),
        ([[1, 2]], TypeError, "image 0 is list"),
        ([block(2)], ValueError, r"must be \(H, W, ch\) or \(H, W\), got \(2,\)"),
    ],
)
def test_bad_images(images, error, says):
    with pytest.raises(error, match=says):
        stack_images(images)
