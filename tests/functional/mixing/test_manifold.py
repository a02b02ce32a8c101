"""Features mixed inside the network, as functions."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, draw_lam, draw_pairing, mix_features, mix_later
from tests.laws.data import LAYOUTS, generator, images_in


def draws(n, seed=0):
    g = generator(seed)
    return draw_lam(n, 1.0, g), draw_pairing(n, g)


def loop(features, lam, index):
    """lambda f_i + (1 - lambda) f_j, one sample after the other."""
    mixed = torch.empty_like(features)
    for i, (share, j) in enumerate(zip(lam.tolist(), index.tolist(), strict=True)):
        mixed[i] = share * features[i] + (1 - share) * features[j]
    return mixed


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [1, 7])
def test_maps_are_the_loop_from_the_paper(n, layout):
    features = images_in(layout, torch.randn(n, 3, 5, 9).double())
    before = features.clone(), features._version
    lam, index = draws(n)
    mixed = mix_features(features, lam, index)
    assert_close(mixed, loop(features, lam, index))
    assert torch.equal(mix_features(features, torch.ones(n), index), features)
    assert torch.equal(mix_features(features, torch.zeros(n), index), features[index])
    assert torch.equal(features, before[0])
    assert features._version == before[1]


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 4, 5), (6, 2, 3, 4, 5)])
def test_features_of_any_shape(shape):
    features = torch.randn(shape, dtype=torch.float64, generator=generator())
    lam, index = draws(6)
    assert_close(mix_features(features, lam, index), loop(features, lam, index))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_narrow_features(dtype):
    features = torch.randn(6, 4, 5, 5, generator=generator()).to(dtype)
    lam, index = draws(6)
    mixed = mix_features(features, lam, index)
    assert mixed.dtype == dtype
    exact = loop(features.double(), lam.to(dtype).double(), index)
    assert_close(mixed.double(), exact, rtol=0, atol=torch.finfo(dtype).eps * 4)


def test_gradients_reach_both_samples():
    features = torch.randn(5, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    lam, index = draws(5)
    assert torch.autograd.gradcheck(lambda f: mix_features(f, lam, index), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_labels_carry_the_share_in_the_precision_of_the_images(dtype):
    images, labels = torch.randn(6, 3, 4, 5).to(dtype), torch.arange(6)
    lam, index = draws(6)
    mixed = mix_later(images, labels, lam, index)
    assert mixed.images is images
    assert torch.equal(mixed.labels.shares[:, 0].double(), lam.to(dtype).double())
    assert mixed.labels.shares.dtype == (dtype if dtype == torch.float64 else torch.float32)
    assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))
    assert torch.equal(mixed.mask.flatten(), mixed.labels.shares[:, 0])
    for other in (torch.eye(6), MixedLabels.from_labels(labels)):
        dense = mix_later(images, other, lam, index).labels
        dense = dense if isinstance(dense, torch.Tensor) else dense.dense(6)
        assert_close(dense, mixed.labels.dense(6).to(dense.dtype))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(features=torch.zeros(4, 2).long()), TypeError, "features must be floating"),
        (dict(features=[1.0]), TypeError, "features must be a Tensor, got list"),
        (dict(features=torch.zeros(9, 4, 2)), ValueError, r"must be \(N, ...\) with N = 4"),
        (dict(features=torch.zeros(())), ValueError, r"features must be \(N, ...\)"),
        (dict(lam=torch.full((4,), 1.5)), ValueError, r"lam must be in \[0, 1\]"),
        (dict(index=torch.arange(4) + 1), ValueError, r"index must be in \[0, 4\)"),
        (dict(index=torch.ones(4) > 0), TypeError, "index must be int64 or int32"),
    ],
)
def test_bad_arguments(change, error, message):
    good = dict(features=torch.zeros(4, 2), lam=torch.rand(4), index=torch.arange(4))
    with pytest.raises(error, match=message):
        mix_features(**{**good, **change})
