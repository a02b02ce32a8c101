"""Co-Mixup, registered."""

from contextlib import contextmanager

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, comixup, draw_comixup
from dmmix.mixups import CoMixup, Mixup, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits
from tests.pairwise import pairwise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=7, size=(8, 10), dtype=torch.float32):
    return torch.randn(n, 3, *size, generator=generator(9)).to(dtype), torch.arange(n) % 5


class Looks:
    """A guide with a saliency that does not depend on the images."""

    def saliency(self, images, labels):
        shape = (len(images), *images.shape[2:])
        return torch.rand(shape, generator=generator(4)) ** 3

    @contextmanager
    def only(self, rows):
        yield


def test_it_is_the_function_with_its_draws():
    images, labels = batch()
    guide = small_guide(small_model())
    options = dict(sources=3, beta=0.1, gamma=0.5, eta=0.2, threshold=0.7, iterations=2)
    mix = CoMixup(alpha=1.5, partition=4, blocks=3, starts=2, **options)
    mixed = mix.mix(images, labels, generator(), guide)
    draws = draw_comixup(7, generator(), 1.5, 4, 3, 2)
    expected = comixup(images, labels, guide.saliency(images, labels), *draws, **options)
    assert torch.equal(mixed.images, expected.images)
    assert torch.equal(mixed.labels.shares, expected.labels.shares)
    assert torch.equal(mixed.labels.classes, expected.labels.classes)


@pytest.mark.parametrize(
    *pairwise(
        n=[1, 2, 7],
        size=[(8, 8), (5, 9)],
        dtype=[torch.float32, torch.bfloat16],
        channels=[None, 3],
    )
)
def test_provenance(n, size, dtype, channels):
    both = RandomMix([CoMixup(), Mixup()], per_sample=True)
    for mix, tolerance in ((CoMixup(), 1e-6), (CoMixup(partition=3), 1e-6), (both, 2**-8)):
        assert_labels_match_pixels(
            lambda x, y, mix=mix: mix.mix(x, y, generator(1), Looks()),
            n,
            size,
            channels=channels,
            dtype=dtype,
            atol=tolerance,
        )


def test_the_model_is_left_alone():
    images, labels = batch()
    model = small_model()
    with left_alone(model):
        for some in (labels, torch.eye(5)[labels], MixedLabels.from_labels(labels)):
            CoMixup().mix(images, some, generator(), small_guide(model))
            with torch.no_grad():
                CoMixup().mix(images, some, generator(), small_guide(model))
            with torch.autocast("cpu", torch.bfloat16):
                CoMixup().mix(images, some, generator(), small_guide(model))


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    before, version = images.clone(), images._version
    mix, guide = CoMixup(), small_guide(small_model())
    a, b, c = (mix.mix(images, labels, generator(seed), guide) for seed in (1, 1, 2))
    assert torch.equal(images, before)
    assert images._version == version
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.labels.shares, b.labels.shares)
    assert not torch.equal(a.images, c.images)
    dense = mix.mix(images, torch.eye(5)[labels], generator(1), guide)
    assert torch.equal(dense.images, a.images)
    assert_close(dense.labels, a.labels.dense(5))


def test_nothing_waits():
    images, labels = batch()
    mix, guide = CoMixup(), small_guide(small_model())
    with Waits() as waits:
        mix.mix(images, labels, generator(), guide)
    assert waits.found == []


def test_it_needs_a_guide():
    with pytest.raises(ValueError, match="CoMixup asks the model what it sees and needs a guide"):
        CoMixup().mix(*batch(), generator())
