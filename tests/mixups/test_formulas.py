"""Each mix is its function: what it draws in which order, what of its options it passes on."""

import inspect

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


def placed(function, **options):
    return lambda g, once: function(
        IMAGES, LABELS, *pair(g, once), F.draw_centers(N, g, once), **options
    )


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
    "GMix": placed(F.gmix),
    "HMix": placed(F.hmix, ratio=0.7),
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
    "SmoothMix": placed(F.smoothmix),
    "SnapMix": snapmix,
    "TransMix": placed(F.cutmix),
}


def test_all_options_of_all_mixes_are_tried():
    assert OPTIONS.keys() == FORMULAS.keys() == MIXES.keys() - {"RandomMix", "RegMixup"}
    for name, options in OPTIONS.items():
        known = {*inspect.signature(MIXES[name]).parameters} - {"per_batch", "fixed_points"}
        own = {"guide"} if name == "AttentiveMix" else set()  # test_attentivemix.py
        assert known - own == {*options, *MORE.get(name, {})}


@pytest.mark.parametrize(
    ("name", "once"),
    [
        (name, once)
        for name in OPTIONS
        for once in (False, True)
        if not (once and name == "CoMixup")
    ],
)
def test_it_is_the_function_with_draws(name, once):
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


@pytest.mark.parametrize("band", ["full", 2])
def test_fmix_keeps_every_pixel_as_often(band):
    mix, images = build_mix(dict(type="FMix", band=band)), torch.zeros(4000, 1, 6, 10)
    mask = mix.mix(images, torch.arange(4000), generator(3)).mask
    assert_close(mask.double().mean(0), torch.full((1, 6, 10), 0.5).double(), rtol=0, atol=0.05)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.5), (0.3, 1.0), (0.0, 0.3), (0.25, 0.25)])
def test_cutmix_keeps_its_bounds_up_to_pixels(low, high):
    mix = build_mix(dict(type="CutMix", alpha=0.5, min_area=low, max_area=high))
    mixed = mix.mix(torch.zeros(200, 1, 40, 60), torch.arange(200), generator(3))
    pixel, pasted = 0.5 / 40 + 0.5 / 60 + 0.25 / 2400, mixed.labels.shares[:, 1]
    assert pasted.min() >= low - pixel
    assert pasted.max() <= high + pixel


def test_one_share_a_batch_of_saliencymix_has_a_place_for_each_sample():
    """The saliency of one sample placed the box of the whole batch."""
    images, labels = batch(32, 3, (60, 80))
    mix = build_mix(dict(type="SaliencyMix", alpha=50.0, per_batch=True))
    pasted = ~mix.mix(images, labels, generator(1)).mask[:, 0]
    side = (1 - F.draw_lam(32, 50.0, generator(1), per_batch=True)[0].item()) ** 0.5
    # Where nothing is clipped all boxes have the one size.
    sizes = [int(pasted.any(axis).sum(1).max()) for axis in (2, 1)]
    assert sizes == [round(side * 60), round(side * 80)]
    assert pasted.float().unique(dim=0).shape[0] > 4


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
