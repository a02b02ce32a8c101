"""SnapMix, registered: what it draws, whom it asks, and its weights in training."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.mixups import CutMix, RandomMix, SnapMix
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits

MODEL = small_model(classes=8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, size=(14, 21), dtype=torch.float32):
    return torch.randn(n, 3, *size, generator=generator(9)).to(dtype), torch.arange(n) % 8


def mixed_by(mix, seed=0, given=None, model=MODEL):
    images, labels = given or batch()
    return mix.mix(images, labels, generator(seed), small_guide(model))


def test_the_paper_is_the_default():
    mix = SnapMix()
    assert (mix.alpha, mix.per_batch, mix.weighted, mix.needs_guide) == (5.0, False, True, True)


def test_two_areas_are_drawn_from_beta_and_centres_are_uniform():
    n = 600
    seen = {}
    images, labels = batch(n, (6, 6))

    def spy(images, labels, *args, **options):
        names = ("lam", "index", "centers", "source_lam", "source_centers", "activation")
        seen.update(zip(names, args, strict=True))
        return original(images, labels, *args, **options)

    from dmmix.functional import mixing

    original, mixing.snapmix = mixing.snapmix, spy
    try:
        mixed_by(SnapMix(alpha=5.0), 0, (images, labels))
    finally:
        mixing.snapmix = original
    for name in ("lam", "source_lam"):
        # Beta(5, 5): mean 1/2, standard deviation sqrt(1/44).
        assert abs(seen[name].mean() - 0.5) < 0.03
        assert abs(seen[name].std() - (1 / 44) ** 0.5) < 0.02
    for name in ("centers", "source_centers"):
        assert abs(seen[name].mean() - 0.5) < 0.05
        assert abs(seen[name].std() - (1 / 12) ** 0.5) < 0.03
    drawn = torch.stack([seen["lam"], seen["source_lam"], *seen["centers"].T])
    assert (torch.corrcoef(drawn) - torch.eye(4)).abs().max() < 0.2
    expected = small_guide(MODEL).activation(images, labels)
    assert_close(seen["activation"], expected)


def test_one_pair_of_boxes_a_batch():
    mixed = mixed_by(SnapMix(per_batch=True))
    assert mixed.mask.float().unique(dim=0).shape[0] == 1
    assert mixed.weights.unique().numel() > 4  # each sample has a map of its own
    assert mixed_by(SnapMix()).mask.float().unique(dim=0).shape[0] > 4


def test_pixels_are_of_the_first_image_and_its_partner():
    images = torch.arange(8.0)[:, None, None, None].expand(8, 3, 14, 21)
    for seed in range(5):
        mixed = mixed_by(SnapMix(), seed, (images, torch.arange(8)))
        first, second = mixed.labels.classes[:, :, None, None, None].float().unbind(1)
        assert_close(mixed.images, torch.where(mixed.mask, first, second).expand_as(images))


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    copy, mix = images.clone(), SnapMix()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        a, b = (mixed_by(mix, 1, (images, some)) for _ in range(2))
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.weights, b.weights)
        assert not torch.equal(a.images, mixed_by(mix, 2, (images, some)).images)
    assert torch.equal(images, copy)
    assert images._version == 0


def test_dense_labels_agree_with_sparse_ones():
    images, _ = batch()
    sparse = mixed_by(SnapMix())
    dense = mixed_by(SnapMix(), 0, (images, torch.eye(8)))
    assert torch.equal(sparse.images, dense.images)
    assert torch.equal(sparse.weights, dense.weights)
    assert_close(dense.labels, sparse.labels.dense(8))


def test_weights_may_be_left_out():
    with_weights, without = mixed_by(SnapMix()), mixed_by(SnapMix(weighted=False))
    assert with_weights.weights.shape == (8,)
    assert without.weights is None
    assert torch.equal(with_weights.labels.shares, without.labels.shares)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (13, 6)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sizes_and_dtypes(size, n, dtype):
    model = small_model(classes=8, dtype=dtype)
    images, labels = batch(n, size, dtype)
    for layout in (torch.contiguous_format, torch.channels_last):
        given = images.contiguous(memory_format=layout), labels
        mixed = mixed_by(SnapMix(), n, given, model)
        assert mixed.images.dtype == dtype
        assert mixed.images.is_contiguous(memory_format=layout)
        mixed.labels.validate(8)


def test_nothing_waits_for_the_device():
    mix, guide, (images, labels) = SnapMix(), small_guide(MODEL), batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        with Waits() as waits:
            mix.mix(images, some, generator(), guide)
        assert waits.found == []


@pytest.mark.parametrize("grad", [True, False])
def test_the_model_is_left_alone(grad):
    model = small_model(classes=8)
    with left_alone(model), torch.set_grad_enabled(grad):
        mixed = mixed_by(SnapMix(), model=model)
    assert not mixed.images.requires_grad
    assert not mixed.weights.requires_grad


def test_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mixed_by(SnapMix())
    assert mixed.images.dtype == mixed.weights.dtype == torch.float32
    mixed.labels.validate(8)


def test_in_a_random_mix_weights_go_along():
    mix = RandomMix([SnapMix(), CutMix()], per_sample=True)
    assert mix.needs_guide
    mixed = mixed_by(mix, 1)
    mixed.labels.validate(8)
    own = mixed.weights != 1
    assert 0 < own.sum() < 8
    assert mixed_by(RandomMix([SnapMix()]), 1).weights is not None


@pytest.mark.openmmlab
def test_training_weighs_the_samples():
    from dmmix.functional import mixup_cross_entropy
    from tests.models.test_mixup_classifier import build, tensor_batch

    loss = dict(type="dmmix.DecoupledMixupLoss", eta=0.0)
    head = dict(type="dmmix.DMLinearClsHead", num_classes=5, in_channels=16, loss=loss)
    model = build(mixup=dict(type="SnapMix"), head=head).eval()
    data = model.data_preprocessor(tensor_batch(), training=True)
    mix, seen = model.mixup.mix, {}

    def spy(images, labels, guide):
        seen["mixed"] = mix(images, labels, generator(3), guide)
        return seen["mixed"]

    model.mixup.mix = spy
    total, _ = model.parse_losses(model(**data, mode="loss"))
    mixed = seen["mixed"]
    logits = model(mixed.images)
    expected = mixup_cross_entropy(logits, mixed.labels, sample_weight=mixed.weights)
    assert_close(total, expected)
    assert not torch.isclose(total, mixup_cross_entropy(logits, mixed.labels))


def test_no_guide_is_an_error():
    with pytest.raises(ValueError, match=r"SnapMix asks the model .* needs a guide"):
        SnapMix().mix(*batch(), generator())


@pytest.mark.parametrize(
    ("alpha", "error"), [(0, ValueError), (math.nan, ValueError), ("1", TypeError)]
)
def test_a_bad_alpha(alpha, error):
    with pytest.raises(error, match="alpha must be"):
        SnapMix(alpha=alpha)
