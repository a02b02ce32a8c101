"""PuzzleMix, registered: what it draws, whom it asks, and that it leaves them alone."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.functional import MixedLabels, draw_lam, draw_pairing, puzzlemix
from dmmix.mixups import CutMix, PuzzleMix, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

MODEL = small_model(classes=8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, size=(16, 24), dtype=torch.float32):
    return torch.randn(n, 3, *size, generator=generator(9)).to(dtype), torch.arange(n) % 8


def mixed_by(mix, seed=0, given=None, model=MODEL):
    images, labels = given or batch()
    return mix.mix(images, labels, generator(seed), small_guide(model))


def test_it_draws_and_calls_the_function():
    images, labels = batch()
    for seed in range(4):
        g = generator(seed)
        lam, index = draw_lam(8, 1.0, g), draw_pairing(8, g)
        block_num = [2, 4, 8, 16][torch.randint(4, (1,), generator=g)]
        saliency = small_guide(MODEL).saliency(images, labels)
        expected = puzzlemix(images, labels, lam, index, saliency, block_num=block_num)
        mixed = mixed_by(PuzzleMix(), seed)
        assert torch.equal(mixed.images, expected.images)
        assert torch.equal(mixed.labels.shares, expected.labels.shares)
        assert torch.equal(mixed.labels.classes[:, 1], labels[index])


def test_the_paper_is_the_default():
    mix = PuzzleMix()
    assert (mix.alpha, mix.n_labels, mix.beta, mix.gamma, mix.eta) == (1.0, 3, 1.2, 0.5, 0.2)
    assert (mix.block_num, mix.neigh_size) == ((2, 4, 8, 16), 4)
    assert (mix.transport, mix.t_size, mix.t_eps) == (True, None, 0.8)


def test_the_number_of_blocks_is_drawn_for_each_step():
    given, mix, seen = batch(64, (32, 32)), PuzzleMix(beta=0.1, transport=False), set()
    for seed in range(20):
        mask = mixed_by(mix, seed, given).mask[:, 0]
        edges = (mask[:, 1:] != mask[:, :-1]).any(2).any(0).nonzero()[:, 0] + 1
        seen.add(len(edges) + 1)
    assert seen == {2, 4, 8, 16}
    mask = mixed_by(PuzzleMix(block_num=4, transport=False)).mask
    blocks = mask.unflatten(2, (4, 4)).unflatten(4, (4, 6))
    assert bool((blocks == blocks[:, :, :, :1, :, :1]).all())


@pytest.mark.parametrize("option", [
    dict(block_num=2), dict(n_labels=2), dict(beta=20.0), dict(gamma=0.0), dict(eta=0.01),
    dict(transport=False), dict(t_size=1), dict(t_eps=1.0), dict(neigh_size=1),
    dict(pixel_range=0.1), dict(alpha=20.0),
])  # fmt: skip
def test_every_option_matters(option):
    class Sees:
        def saliency(self, images, labels):
            return torch.rand(64, 16, 24, generator=generator()).pow(6)

    base = dict(block_num=4, beta=2.0, gamma=1.0, t_eps=0.05)
    made = [
        PuzzleMix(**options).mix(*batch(64), generator(1), Sees()).images
        for options in (base, base | option)
    ]
    assert not torch.equal(*made)


def test_lam_is_drawn_and_shares_follow_it():
    n = 300
    images, labels = batch(n, (8, 8))
    for alpha in (0.3, 5.0):
        shares = mixed_by(PuzzleMix(alpha, block_num=4), 0, (images, labels)).labels.shares[:, 0]
        lam = draw_lam(n, alpha, generator())
        assert torch.corrcoef(torch.stack([shares.double(), lam]))[0, 1] > 0.7
        assert abs(shares.mean() - 0.5) < 0.1


def test_per_batch_and_fixed_points():
    images, labels = batch(64, (8, 8))
    strong = dict(eta=1e4, block_num=2)
    for seed in range(3):
        mixed = mixed_by(PuzzleMix(per_batch=True, **strong), seed, (images, labels))
        assert mixed.labels.shares.unique(dim=0).shape[0] == 1
    mixed = mixed_by(PuzzleMix(**strong), 0, (images, labels))
    assert mixed.labels.shares.unique(dim=0).shape[0] > 1
    given = batch(8, (8, 8))
    pairings = [mixed_by(PuzzleMix(), s, given).labels.classes for s in range(20)]
    assert any((c[:, 0] == c[:, 1]).any() for c in pairings)
    for seed in range(20):
        classes = mixed_by(PuzzleMix(fixed_points=False), seed, given).labels.classes
        assert not (classes[:, 0] == classes[:, 1]).any()


@pytest.mark.parametrize(
    *pairwise(
        size=[(8, 8), (5, 9), (13, 6)],
        n=[1, 2, 7],
        dtype=[torch.float32, torch.bfloat16],
    )
)
def test_labels_match_pixels(size, n, dtype):
    for content in (1, 3):
        model = small_model(n + content, classes=8, dtype=dtype)
        for options in ({}, dict(n_labels=2, t_eps=0.05, t_size=1)):

            def mix(images, labels, model=model, options=options):
                return PuzzleMix(**options).mix(images, labels, generator(n), small_guide(model))

            for layout in (torch.contiguous_format, torch.channels_last):
                assert_labels_match_pixels(
                    mix, n, size, content=content, dtype=dtype, memory_format=layout,
                    atol=1e-5 if dtype == torch.float32 else 2**-8,
                )  # fmt: skip


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    copy, mix = images.clone(), PuzzleMix()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        a, b = (mixed_by(mix, 1, (images, some)) for _ in range(2))
        assert torch.equal(a.images, b.images)
        assert a.images.data_ptr() != images.data_ptr()
        assert not torch.equal(a.images, mixed_by(mix, 2, (images, some)).images)
    assert torch.equal(images, copy)
    assert images._version == 0


def test_dense_labels_agree_with_sparse_ones():
    images, _ = batch()
    sparse, dense = mixed_by(PuzzleMix()), mixed_by(PuzzleMix(), 0, (images, torch.eye(8)))
    assert_close(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(8))


def test_in_a_random_mix():
    mix = RandomMix([PuzzleMix(), CutMix()], per_sample=True)
    assert mix.needs_guide
    mixed_by(mix).labels.validate(8)
    mixed_by(RandomMix([PuzzleMix()], fraction=0.5)).labels.validate(8)


def test_it_needs_a_guide():
    with pytest.raises(ValueError, match=r"PuzzleMix asks the model .* needs a guide"):
        PuzzleMix().mix(*batch(), generator())


# -- pitfalls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("grad", [True, False])
def test_the_model_is_left_alone(grad):
    """No gradient in the parameters, BatchNorm as it was: statistics, and which mode it is in."""
    model = small_model(classes=8)
    with left_alone(model), torch.set_grad_enabled(grad):
        mixed = mixed_by(PuzzleMix(), model=model)
    assert not mixed.images.requires_grad


def test_gradients_accumulate_as_without_it():
    """Nothing is added to the gradients of the step before, and nothing is taken away."""
    model, (images, labels) = small_model(classes=8), batch()
    model.eval()
    model(images).square().mean().backward()
    before = {name: p.grad.clone() for name, p in model.named_parameters()}
    mixed = PuzzleMix().mix(images, labels, generator(), small_guide(model))
    model(mixed.images).square().mean().backward()
    fresh = small_model(classes=8).eval()
    fresh(mixed.images).square().mean().backward()
    for name, p in fresh.named_parameters():
        assert_close(dict(model.named_parameters())[name].grad, before[name] + p.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast(dtype):
    given = batch(dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mixed_by(PuzzleMix(), 0, given)
    assert mixed.images.dtype == dtype
    assert mixed.labels.shares.dtype == torch.float32
    mixed.labels.validate(8)


class Counts(TorchDispatchMode):
    """How many operations run."""

    number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += 1
        return func(*args, **(kwargs or {}))


def test_not_one_sample_at_a_time():
    counts = []
    for n in (2, 5, 64):
        given = batch(n)
        with Counts() as count:
            mixed_by(PuzzleMix(block_num=4), 0, given)
        counts.append(count.number)
    assert counts[0] == counts[1] == counts[2]


def test_nothing_waits_for_the_device():
    guide, (images, labels) = small_guide(MODEL), batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        for seed in range(4):
            with Waits() as waits:
                PuzzleMix().mix(images, some, generator(seed), guide)
            assert waits.found == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives_without_waiting():
    images, labels = batch()
    saliency = torch.rand(8, 16, 24, generator=generator()).pow(4)
    lam, index = draw_lam(8, 1.0, generator()), draw_pairing(8, generator())
    given = [images, labels, lam, index, saliency]
    there = [x.cuda() for x in given]
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = [puzzlemix(*there, block_num=k, t_eps=0.1) for k in (2, 4, 8)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for k, mixed in zip((2, 4, 8), got, strict=True):
        expected = puzzlemix(*given, block_num=k, t_eps=0.1)
        assert_close(mixed.images.cpu(), expected.images)
        assert_close(mixed.labels.shares.cpu(), expected.labels.shares)
