"""Each mix is its function: what it draws in which order, what of its options it passes on."""

import inspect
import math

import pytest
import torch
from torch.testing import assert_close

from dmmix import functional as F
from dmmix.mixups import build_mix
from tests.laws.data import batch, generator
from tests.laws.mixes import MIXES, tensors
from tests.laws.small_model import SmallModel

N, SIZE = 12, (8, 12)
IMAGES, LABELS = batch(N, 3, SIZE)[0], torch.arange(N) % 8
PEAKS = torch.rand(N, *SIZE, generator=generator(5)).pow(6)
SPECTRAL = dict(type="SpectralResidualSaliency")

#: Of each mix, options that its function is tried with, all of them others than by default.
OPTIONS = {
    "AlignMix": dict(alpha=0.5, stages=["last"], epsilon=0.2, iterations=3),
    "AttentiveMix": dict(alpha=0.5, grid=5),
    "CoMixup": dict(
        **dict(alpha=1.5, partition=5, blocks=3, sources=3, beta=0.1, gamma=0.1),
        **dict(eta=0.5, threshold=0.2, iterations=1, starts=1),
    ),
    "CutMix": dict(alpha=0.5, min_area=0.3, max_area=0.6),
    "FMix": dict(alpha=0.5, decay_power=2.0, max_soft=0.2, band=3),
    "GMix": dict(alpha=0.5),
    "GridMix": dict(alpha=0.5, grid=(2, 3)),
    "GuidedMixup": dict(
        **dict(alpha=0.5, saliency=SPECTRAL, pairing=dict(type="RandomPairing")),
        **dict(kernel_size=5, sigma=1.0),
    ),
    "HMix": dict(alpha=0.5, ratio=0.7),
    "ManifoldMix": dict(alpha=0.5, stages=["last"]),
    "Mixup": dict(alpha=0.5),
    "PuzzleMix": dict(
        **dict(alpha=0.5, block_num=[2, 4], n_labels=2, beta=2.0, gamma=0.9, eta=0.01),
        **dict(neigh_size=1, transport=True, t_size=1, t_eps=0.1, pixel_range=0.3),
    ),
    "ResizeMix": dict(alpha=0.5, scale=(0.3, 0.6)),
    "SaliencyMix": dict(alpha=0.5, saliency=SPECTRAL),
    "SmoothMix": dict(alpha=0.5),
    "SnapMix": dict(alpha=0.5, weighted=False),
    "TransMix": dict(alpha=0.5, area=0.3),
}
#: What else is set while one of them is tried alone, so that it has something to act on.
BESIDE = {
    "AlignMix": dict(stages=["last"], iterations=8),
    "GuidedMixup": dict(pairing=dict(type="RandomPairing")),
    "PuzzleMix": dict(block_num=4, beta=2.0, gamma=1.0, t_eps=0.05),
}
#: Options that exclude those above.
MORE = {
    "AttentiveMix": dict(top_k=4),
    "PuzzleMix": dict(transport=False),
    "SmoothMix": dict(sigma=(0.05, 0.1)),
}


def peaks(model):
    """A guide that sees something at few places."""
    guide = model.guide()
    guide.saliency = lambda images, labels: PEAKS
    return guide


def outcome(mix, seed=0):
    model = SmallModel().eval()
    guide = peaks(model)
    mixed = mix.mix(IMAGES, LABELS, generator(seed), guide)
    with guide.step(mixed) as step:
        model(mixed.images)
    return mixed.images, model.pixels, step.settle(), mixed.weights


def pair(g, once):
    return F.draw_lam(N, 0.5, g, once), F.draw_pairing(N, g)


def alignmix(g, once):
    lam, index = pair(g, once)
    torch.randint(3, (1,), generator=g)  # the stage
    keep = torch.rand(1 if once else N, generator=g) < 0.5
    lam, keep = lam.expand(N).float(), keep.expand(N)
    return F.align_features(IMAGES, lam, index, keep, epsilon=0.2, iterations=3)


def comixup(g, once):
    draws = F.draw_comixup(N, g, 1.5, 5, 3, 1)
    options = dict(sources=3, beta=0.1, gamma=0.1, eta=0.5, threshold=0.2, iterations=1)
    return F.comixup(IMAGES, LABELS, PEAKS, *draws, **options)


def hmix(g, once):
    return F.hmix(IMAGES, LABELS, *pair(g, once), F.draw_centers(N, g, once), ratio=0.7)


def gmix(g, once):
    return F.gmix(IMAGES, LABELS, *pair(g, once), F.draw_centers(N, g, once))


def cutmix(g, once):
    (lam, index), centers = pair(g, once), F.draw_centers(N, g, once)
    return F.cutmix(IMAGES, LABELS, lam.clamp(0.4, 0.7), index, centers, inside=True)


def fmix(g, once):
    drawn = *pair(g, once), F.draw_noise(N, SIZE, g, once, 3, 2.0)
    return F.fmix(IMAGES, LABELS, *drawn, decay_power=2.0, max_soft=0.2)


def guidedmixup(g, once):
    saliency = F.smooth_saliency(F.spectral_residual_saliency(IMAGES), 5, 1.0)
    return F.guidedmixup(IMAGES, LABELS, *pair(g, once), saliency)


def puzzlemix(g, once):
    lam, index = pair(g, once)
    number = [2, 4][torch.randint(2, (1,), generator=g)]
    return F.puzzlemix(
        **dict(images=IMAGES, labels=LABELS, lam=lam, index=index, saliency=PEAKS),
        **dict(block_num=number, n_labels=2, beta=2.0, gamma=0.9, eta=0.01, neigh_size=1),
        **dict(transport=True, t_size=1, t_eps=0.1, pixel_range=0.3),
    )


def resizemix(g, once):
    lam, index = pair(g, once)
    tau = 0.3 + (0.6 - 0.3) * lam
    return F.resizemix(IMAGES, LABELS, 1 - tau.square(), index, F.draw_centers(N, g, once))


def snapmix(g, once):
    drawn = *pair(g, once), F.draw_centers(N, g, once)
    source = F.draw_lam(N, 0.5, g, once), F.draw_centers(N, g, once)
    activation = SmallModel().guide().activation(IMAGES, LABELS)
    return F.snapmix(IMAGES, LABELS, *drawn, *source, activation)._replace(weights=None)


FORMULAS = {
    "AlignMix": alignmix,
    "AttentiveMix": lambda g, once: F.attentivemix(
        **dict(zip(("lam", "index"), pair(g, once), strict=True)),
        **dict(images=IMAGES, labels=LABELS, grid=5),
        attention=SmallModel().guide().features(IMAGES).abs().mean(1),
    ),
    "CoMixup": comixup,
    "CutMix": cutmix,
    "GMix": gmix,
    "HMix": hmix,
    "FMix": fmix,
    "GridMix": lambda g, once: F.gridmix(
        IMAGES, LABELS, *pair(g, once), F.draw_cells(N, (2, 3), g, once)
    ),
    "GuidedMixup": guidedmixup,
    "ManifoldMix": lambda g, once: F.mix_features(
        IMAGES, *(drawn.expand(N) for drawn in pair(g, once))
    ),
    "Mixup": lambda g, once: F.mixup(IMAGES, LABELS, *pair(g, once)),
    "PuzzleMix": puzzlemix,
    "ResizeMix": resizemix,
    "SaliencyMix": lambda g, once: F.saliencymix(
        IMAGES, LABELS, *pair(g, once), saliency=F.spectral_residual_saliency(IMAGES)
    ),
    "SmoothMix": lambda g, once: F.smoothmix(
        IMAGES, LABELS, *pair(g, once), F.draw_centers(N, g, once)
    ),
    "SnapMix": snapmix,
    "TransMix": lambda g, once: F.cutmix(
        IMAGES, LABELS, *pair(g, once), F.draw_centers(N, g, once)
    ),
}


def test_all_options_of_all_mixes_are_tried():
    assert OPTIONS.keys() == FORMULAS.keys() == MIXES.keys() - {"RandomMix", "RegMixup"}
    for name, options in OPTIONS.items():
        known = {*inspect.signature(MIXES[name]).parameters} - {"per_batch", "fixed_points"}
        own = {"guide"} if name == "AttentiveMix" else set()  # test_attentivemix.py
        assert known - own == {*options, *MORE.get(name, {})}


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_the_function_with_draws(name, once):
    if name == "CoMixup" and once:
        pytest.skip("it has no such option")
    many = dict(per_batch=True) if once else {}
    for seed in range(3):
        mix = build_mix(dict(type=name, **OPTIONS[name], **many))
        mixed = mix.mix(IMAGES, LABELS, generator(seed), peaks(SmallModel()))
        expected = FORMULAS[name](generator(seed), once)
        if isinstance(expected, torch.Tensor):  # of features
            assert_close(outcome(mix, seed)[1], expected)
            continue
        for one, other in zip(tensors(mixed[:5]), tensors(expected[:5]), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, o) for name in OPTIONS for o in {**OPTIONS[name], **MORE.get(name, {})}],
)
def test_every_option_matters(name, option):
    value = {**OPTIONS[name], **MORE.get(name, {})}[option]
    beside = dict(type=name, **BESIDE.get(name, {}))
    beside.pop(option, None)
    one, other = build_mix(beside), build_mix(beside | {option: value})
    for seed in range(4):
        some, others = tensors(outcome(one, seed)), tensors(outcome(other, seed))
        if len(some) != len(others) or any(map(_differ, some, others)):
            return
    pytest.fail(f"{option}={value!r} makes no difference")


def _differ(one, other):
    return one.shape != other.shape or not torch.equal(one, other)


PAIRS = "per_batch=False, fixed_points=True"
#: As in the papers.
DEFAULTS = {
    "AlignMix": f"alpha=2.0, {PAIRS}, stages=None, epsilon=0.1, iterations=100",
    "AttentiveMix": f"alpha=None, {PAIRS}, top_k=6, grid=7, guide=None",
    "CoMixup": "alpha=2.0, partition=20, blocks=4, sources=4, beta=0.32, gamma=1.0, eta=0.05, "
    "threshold=0.83, iterations=3, starts=4",
    "CutMix": f"alpha=1.0, {PAIRS}, min_area=0.0, max_area=1.0",
    "FMix": f"alpha=1.0, {PAIRS}, decay_power=3.0, max_soft=0.0, band='auto'",
    "GMix": f"alpha=1.0, {PAIRS}",
    "GridMix": f"alpha=1.0, {PAIRS}, grid=(4, 4)",
    "GuidedMixup": f"alpha=None, {PAIRS}, saliency=GradientSaliency(), pairing=GreedyPairing(), "
    "kernel_size=7, sigma=3.0",
    "HMix": f"alpha=1.0, {PAIRS}, ratio=0.5",
    "ManifoldMix": f"alpha=2.0, {PAIRS}, stages=None",
    "Mixup": f"alpha=1.0, {PAIRS}",
    "PuzzleMix": f"alpha=1.0, {PAIRS}, block_num=(2, 4, 8, 16), n_labels=3, beta=1.2, gamma=0.5, "
    "eta=0.2, neigh_size=4, transport=True, t_size=None, t_eps=0.8, pixel_range=None",
    "RegMixup": f"mixup=Mixup(alpha=20.0, {PAIRS}), eta=1.0",
    "ResizeMix": f"alpha=1.0, {PAIRS}, scale=(0.1, 0.8)",
    "SaliencyMix": f"alpha=1.0, {PAIRS}, saliency=FineGrainedSaliency()",
    "SmoothMix": f"alpha=None, {PAIRS}, sigma=(0.25, 0.5)",
    "SnapMix": f"alpha=5.0, {PAIRS}, weighted=True",
    "TransMix": f"alpha=1.0, {PAIRS}, min_area=0.0, max_area=1.0, shares=AttentionShares(area=0.0)",
}


def test_the_papers_are_the_default():
    assert DEFAULTS.keys() == MIXES.keys() - {"RandomMix"}
    for name, options in DEFAULTS.items():
        assert repr(build_mix(dict(type=name))) == f"{name}({options})"


# -- numbers that follow from what is drawn --------------------------------------------------------


def of_many(name, n=1500, size=(24, 24), **options):
    """A mix of many black images."""
    images = torch.zeros(n, 1, *size)
    return build_mix(dict(type=name, **options)).mix(images, torch.arange(n), generator(3))


@pytest.mark.parametrize("name", ["FMix", "SmoothMix", "GuidedMixup"])
@pytest.mark.parametrize("alpha", [0.2, 2.0])
def test_where_the_mask_follows_lam_shares_are_beta(name, alpha):
    stats = pytest.importorskip("scipy.stats")
    options = {
        "FMix": [dict(band="auto"), dict(band="full")],
        # In black images nothing is salient.
        "GuidedMixup": [dict(saliency=SPECTRAL, pairing=dict(type="RandomPairing"))],
        "SmoothMix": [{}],
    }
    for each in options[name]:
        share = of_many(name, 1000, alpha=alpha, **each).labels.shares[:, 0]
        expected = F.draw_lam(1000, alpha, generator(5)).float()
        if name == "FMix":
            expected = (expected * 576).round() / 576
        assert stats.ks_2samp(share, expected).pvalue > 1e-3


@pytest.mark.parametrize("band", ["full", 2])
def test_fmix_keeps_every_pixel_as_often(band):
    mask = of_many("FMix", 4000, (6, 10), band=band).mask
    assert_close(mask.double().mean(0), torch.full((1, 6, 10), 0.5).double(), rtol=0, atol=0.05)


@pytest.mark.parametrize("alpha", [0.2, 2.0])
def test_shares_of_gridmix_are_binomial_around_a_beta(alpha):
    share = of_many("GridMix", 6000, (4, 4), alpha=alpha).labels.shares[:, 0].double()
    assert_close(share * 16, (share * 16).round())
    between = 1 / (8 * alpha + 4)
    within = (0.25 - between) / 16  # E[lam (1 - lam)] / cells
    assert abs(share.mean() - 0.5) < 0.03
    assert abs(share.var() - between - within) < 0.01


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.5), (0.3, 1.0), (0.0, 0.3), (0.25, 0.25)])
def test_cutmix_keeps_its_bounds_up_to_pixels(low, high):
    pixel = 0.5 / 40 + 0.5 / 60 + 0.25 / 2400
    pasted = of_many("CutMix", 200, (40, 60), alpha=0.5, min_area=low, max_area=high).labels.shares
    assert pasted[:, 1].min() >= low - pixel
    assert pasted[:, 1].max() <= high + pixel


def sides(mixed):
    """Of the boxes, as a part of the sides of the image, (N, 2)."""
    pasted = ~mixed.mask[:, 0]
    return torch.stack([pasted.any(2).float().mean(1), pasted.any(1).float().mean(1)], 1)


def test_scales_of_resizemix_are_uniform_on_both_sides():
    """Height and width were swapped: wrong where images are not square."""
    stats = pytest.importorskip("scipy.stats")
    tau = sides(of_many("ResizeMix", size=(64, 96)))
    # Both sides have the same scale, up to half a pixel each.
    assert (tau[:, 0] - tau[:, 1]).abs().max() <= 0.5 / 64 + 0.5 / 96 + 1e-6
    # Spread over half a pixel to either side, so that rounding does not show.
    spread = torch.rand(1500, generator=generator(4)) - 0.5
    fine = (tau[:, 1] + spread / 96).double().numpy()
    assert stats.kstest(fine, "uniform", (0.1, 0.7)).pvalue > 1e-3
    assert sides(of_many("ResizeMix", 300, (50, 100), scale=(1, 1))).min() == 1


def test_one_share_a_batch_of_saliencymix_has_a_place_for_each_sample():
    """The saliency of one sample placed the box of the whole batch."""
    images, labels = batch(32, 3, (60, 80))
    mix = build_mix(dict(type="SaliencyMix", alpha=50.0, per_batch=True))
    mixed = mix.mix(images, labels, generator(1))
    side = (1 - F.draw_lam(32, 50.0, generator(1), per_batch=True)[0].item()) ** 0.5
    # Where nothing is clipped all boxes have the one size.
    assert_close(sides(mixed).amax(0), torch.tensor([round(side * 60) / 60, round(side * 80) / 80]))
    assert mixed.mask.float().unique(dim=0).shape[0] > 4


def test_spots_of_smoothmix_are_as_wide_and_as_placed_as_the_paper_says():
    """Against the mean of the Gaussian over the unit square, with the paper's draws."""
    stats = pytest.importorskip("scipy.stats")
    share = of_many("SmoothMix", size=(40, 60)).labels.shares[:, 1]
    sigma = 0.25 + 0.25 * torch.rand(1500, 1, generator=generator(1))
    centers = torch.rand(1500, 2, generator=generator(2))
    edge = math.sqrt(0.5) / sigma
    lengths = (
        sigma * math.sqrt(math.pi / 2) * ((edge * centers).erf() + (edge - edge * centers).erf())
    )
    assert stats.ks_2samp(share, lengths.prod(1)).pvalue > 1e-3


def test_two_areas_and_centres_of_snapmix_are_drawn_apart():
    draws = build_mix(dict(type="SnapMix")).draw(600, (6, 6), generator())
    drawn = torch.stack([draws.lam, draws.source_lam, *draws.centers.T, *draws.source_centers.T])
    assert (torch.corrcoef(drawn) - torch.eye(6)).abs().max() < 0.2


def test_the_number_of_blocks_of_puzzlemix_is_drawn_for_each_step():
    seen = set()
    images, labels = batch(64, 3, (16, 16))
    answers = torch.rand(64, 16, 16, generator=generator(5))
    for seed in range(20):
        mix = build_mix(dict(type="PuzzleMix", beta=0.1, transport=False))
        draws = mix.draw(64, (16, 16), generator(seed))
        mask = mix.blend(images, labels, draws, answers).mask[:, 0]
        edges = (mask[:, 1:] != mask[:, :-1]).any(2).any(0).nonzero()[:, 0] + 1
        seen.add(len(edges) + 1)
        assert len(edges) + 1 == draws.block_num
    assert seen == {2, 4, 8, 16}
