"""Attentive CutMix, registered: whom it asks, how much it pastes."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.mixups import AttentiveMix, CutMix, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

MODEL = small_model()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, size=(14, 21), dtype=torch.float32):
    return torch.randn(n, 3, *size, generator=generator(9)).to(dtype), torch.arange(n)


def mixed_by(mix, seed=0, given=None, model=MODEL):
    images, labels = given or batch()
    return mix.mix(images, labels, generator(seed), small_guide(model))


class Brightness(nn.Module):
    """A network whose last feature map is large, in either sign, where the image is not black."""

    def __init__(self):
        super().__init__()
        self.block = nn.Conv2d(3, 2, 2, stride=2, bias=False)
        self.fc = nn.Linear(2, 5)
        nn.init.constant_(self.block.weight, -1.0)
        self.stem = self.block

    def forward(self, images):
        return self.fc(self.block(images).mean((2, 3)))


def test_six_cells_of_the_partner_where_the_network_looks():
    images = torch.zeros(6, 3, 14, 14)
    for i in range(6):  # image i is bright in the six cells from 7 i on
        cells = torch.zeros(49)
        cells[7 * i : 7 * i + 6] = i + 1
        images[i] = cells.view(7, 7).repeat_interleave(2, 0).repeat_interleave(2, 1)
    mix = AttentiveMix(fixed_points=False)
    mixed = mixed_by(mix, 0, (images, torch.arange(6)), Brightness())
    assert_close(mixed.labels.shares[:, 1], torch.full((6,), 6 / 49))
    for i, j in enumerate(mixed.labels.classes[:, 1].tolist()):
        assert j != i
        assert torch.equal(mixed.images[i], images[i] + images[j])
        assert torch.equal(~mixed.mask[i, 0], images[j, 0] > 0)


def test_the_share_is_that_of_the_paper_without_alpha_and_beta_with():
    given = batch(400, (7, 7))
    cells = mixed_by(AttentiveMix(), 0, given).labels.shares[:, 1] * 49
    assert_close(cells, torch.full((400,), 6.0))
    cells = mixed_by(AttentiveMix(top_k=4, grid=3), 0, batch(9, (9, 9))).labels.shares[:, 1] * 9
    assert_close(cells, torch.full((9,), 4.0))
    shares = mixed_by(AttentiveMix(alpha=2.0), 0, given).labels.shares[:, 1]
    assert_close(shares * 49, (shares * 49).round(), rtol=0, atol=1e-4)
    # Beta(2, 2): mean 1/2, standard deviation sqrt(1/20).
    assert abs(shares.mean() - 0.5) < 0.05
    assert abs(shares.std() - 0.05**0.5) < 0.03
    one = mixed_by(AttentiveMix(alpha=2.0, per_batch=True), 0, given)
    assert one.labels.shares.unique(dim=0).shape[0] == 1


@pytest.mark.parametrize("top_k", [0, 9])
def test_none_or_all_of_the_cells(top_k):
    images, _ = batch()
    mixed = mixed_by(AttentiveMix(top_k=top_k, grid=3))
    assert torch.equal(mixed.images, images[mixed.labels.classes[:, 1]] if top_k else images)
    assert bool((mixed.labels.shares[:, 1] == (top_k == 9)).all())


@pytest.mark.parametrize(
    *pairwise(
        alpha=[None, 1.0],
        size=[(8, 8), (5, 9), (13, 6)],
        n=[1, 2, 7],
        dtype=[torch.float32, torch.bfloat16],
    )
)
def test_labels_match_pixels(alpha, size, n, dtype):
    for content in (1, 3):
        model = small_model(n + content, dtype=dtype)

        def mix(images, labels, model=model):
            return AttentiveMix(alpha).mix(images, labels, generator(n), small_guide(model))

        for layout in (torch.contiguous_format, torch.channels_last):
            assert_labels_match_pixels(
                mix, n, size, content=content, dtype=dtype, memory_format=layout, atol=1e-6
            )


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    copy = images.clone()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        mix = AttentiveMix(alpha=1.0)
        a, b = (mixed_by(mix, 1, (images, some)) for _ in range(2))
        assert torch.equal(a.images, b.images)
        assert a.images.data_ptr() != images.data_ptr()
        assert not torch.equal(a.images, mixed_by(mix, 2, (images, some)).images)
    assert torch.equal(images, copy)
    assert images._version == 0


def test_dense_labels_agree_with_sparse_ones():
    images, _ = batch()
    sparse = mixed_by(AttentiveMix())
    dense = mixed_by(AttentiveMix(), 0, (images, torch.eye(8)))
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(8))


def test_nothing_waits_for_the_device():
    mix, guide, (images, labels) = AttentiveMix(), small_guide(MODEL), batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        with Waits() as waits:
            mix.mix(images, some, generator(), guide)
        assert waits.found == []


@pytest.mark.parametrize("grad", [True, False])
def test_the_model_is_left_alone(grad):
    model = small_model()
    with left_alone(model), torch.set_grad_enabled(grad):
        mixed = mixed_by(AttentiveMix(), model=model)
    assert not mixed.images.requires_grad


def test_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mixed_by(AttentiveMix())
    assert mixed.images.dtype == torch.float32
    mixed.labels.validate(8)


def test_in_a_random_mix():
    mix = RandomMix([AttentiveMix(), CutMix()], per_sample=True)
    assert mix.needs_guide
    mixed = mixed_by(mix)
    mixed.labels.validate(8)
    assert mixed.mask.shape == (8, 1, 14, 21)


def test_another_network_may_be_asked():
    other = small_model()
    nn.init.normal_(other.stem.weight)
    mix = AttentiveMix(guide=small_guide(other))
    assert not mix.needs_guide
    assert not RandomMix([mix]).needs_guide
    images, labels = batch()
    mixed = mix.mix(images, labels, generator())
    assert torch.equal(mixed.images, mixed_by(AttentiveMix(), model=other).images)
    assert not torch.equal(mixed.images, mixed_by(AttentiveMix()).images)
    # Then it also is a batch augment of mmpretrain.
    inputs, scores = mix(images, torch.eye(8))
    assert inputs.shape == images.shape
    assert_close(scores.sum(1), torch.ones(8))


def test_no_guide_is_an_error():
    with pytest.raises(ValueError, match=r"AttentiveMix asks the model .* needs a guide"):
        AttentiveMix().mix(*batch(), generator())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(top_k=50), ValueError, r"top_k must be in \[0, 49\] for grid=7, got 50"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        AttentiveMix(**options)
