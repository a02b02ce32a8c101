"""RandAugment: what it draws and does, against mmpretrain's and torchvision's of single images."""

import inspect
import math
import sys

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import avg_pool2d

from dmmix.datasets.batch_transforms import (
    BatchRandAugment,
    augment_plan,
    build_batch_transform,
)
from dmmix.datasets.batch_transforms.augment_presets import PRESETS
from dmmix.registry import TRANSFORMS
from tests.functional.transforms.one_by_one import one
from tests.functional.transforms.pictures import LAYOUTS, generator, pictures, same_format

RandAugment = TRANSFORMS.get("mmpretrain.RandAugment")
RANDAUG_POLICIES = sys.modules[RandAugment.__module__].RANDAUG_POLICIES
N = 48
DRAWS = 20_000
ALPHA = 1e-4  # of each statistical test; all have fixed seeds


@pytest.fixture
def numpy_seed():
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


def smooth(n=8, ch=3, size=(15, 20)):
    wide = torch.rand(n, ch, *size, generator=generator())
    wide = avg_pool2d(wide, 5, 1, 2)
    return (wide * 400 - 60).clamp(0, 255).to(torch.uint8)


# What is drawn, against mmpretrain.


def drawn_by_mmpretrain(transform, n):
    """As its ``transform``: the number, whether it runs and the magnitude with sign."""
    rows = []
    for _ in range(n):
        for number in transform.random_policy_indices():
            policy = transform.transforms[number]
            magnitude = 0.0
            active = not policy.random_disable()
            if policy.magnitude_range is not None:
                magnitude = policy.random_magnitude()
                if policy.random_negative_prob:
                    magnitude = policy.random_negative(magnitude)
            rows.append((number, active, magnitude))
    return (np.array(column) for column in zip(*rows, strict=True))


@pytest.mark.parametrize(("level", "std"), [(9, 0.5), (9.6, 1.5), (7, "inf"), (4, 0)])
def test_draws_are_those_of_mmpretrain(numpy_seed, level, std):
    options = dict(num_policies=2, magnitude_level=level, magnitude_std=std)
    theirs = RandAugment("timm_increasing", **options)
    number, active, magnitude = drawn_by_mmpretrain(theirs, DRAWS // 4)
    draws = BatchRandAugment("timm_increasing", **options).draw(DRAWS, generator())
    assert draws.choice.shape == draws.active.shape == draws.magnitude.shape == (2, DRAWS)
    kinds = len(theirs.transforms)
    table = [
        np.bincount(2 * a.ravel() + b.ravel(), minlength=2 * kinds)
        for a, b in ((number, active), (draws.choice, draws.active))
    ]
    assert stats.chi2_contingency(table).pvalue > ALPHA
    for kind in range(kinds):
        a = magnitude[(number == kind) & active]
        b = draws.magnitude[(draws.choice == kind) & draws.active]
        signs = [[(v < 0).sum(), (v >= 0).sum()] for v in (a, b)]
        if min(np.sum(signs, 0)):
            assert stats.chi2_contingency(signs).pvalue > ALPHA
        else:
            assert np.array_equal(np.minimum(np.sum(signs, 0), 1), [0, 1])
        if std == 0:
            assert np.allclose(np.unique(np.abs(a)), np.unique(np.abs(b)), atol=1e-12)
        else:
            assert stats.ks_2samp(np.abs(a), np.abs(b)).pvalue > ALPHA


def test_rounds_and_images_are_independent():
    draws = BatchRandAugment(magnitude_std="inf").draw(DRAWS, generator())
    first, second = draws.choice
    pairs = np.bincount(15 * first + second, minlength=225)  # with replacement
    assert stats.chisquare(pairs).pvalue > ALPHA
    neighbours = np.bincount(15 * first[:-1] + first[1:], minlength=225)
    assert stats.chisquare(neighbours).pvalue > ALPHA
    runs = np.bincount(2 * draws.active[0] + draws.active[1])
    assert stats.chisquare(runs).pvalue > ALPHA
    rotated = np.abs(draws.magnitude[:, (draws.choice == 3).all(0)])
    assert abs(np.corrcoef(rotated)[0, 1]) < 0.3


def test_magnitudes_beyond_the_levels_are_cut_off():
    draws = BatchRandAugment(magnitude_level=9, magnitude_std=3).draw(2000, generator())
    assert np.abs(draws.magnitude[draws.choice == 3]).max() == 30
    assert draws.magnitude[draws.choice == 4].min() == 0
    draws = BatchRandAugment(magnitude_level=12, magnitude_std=None).draw(2000, generator())
    assert np.abs(draws.magnitude[draws.choice == 3]).max() == pytest.approx(36)


# What it does, against the images one by one.


def by_image(transform, images, draws):
    """torchvision's functions in a loop, with magnitudes as mmpretrain has them."""
    height, width = images.shape[-2:]
    arguments = {
        "posterize": math.ceil, "solarize": float, "solarize_add": float,
        "translate_x": lambda m: m * width, "translate_y": lambda m: m * height,
        **dict.fromkeys(("rotate", "shear_x", "shear_y"), lambda m: -m),
    }  # fmt: skip
    factors = dict(brightness="brightness", contrast="contrast", sharpness="sharpness")
    factors["color"] = "saturation"

    def changed(image, policy, m):
        if policy.op == "identity":
            return image
        if policy.op in factors:
            return one(f"adjust_{factors[policy.op]}", image, 1 + m)
        if policy.op not in arguments:
            return one(policy.op, image)
        value = arguments[policy.op](m)
        value = int(value) if policy.rounding == "trunc" else value
        fill = policy.fill if isinstance(policy.fill, tuple) else [policy.fill] * len(image)
        options = policy.interpolation, [*fill], 0, policy.threshold
        return one(policy.op, image, value, *options)

    results = []
    for i, image in enumerate(images):
        for choice, active, magnitude in zip(
            draws.choice[:, i], draws.active[:, i], draws.magnitude[:, i], strict=True
        ):
            if active:
                image = changed(image, transform.policies[choice], float(magnitude))
        results.append(image)
    return torch.stack(results)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_is_its_images_one_by_one(preset, ch, layout):
    hparams = dict(pad_val=[40, 50, 60][:ch], interpolation="nearest")
    transform = BatchRandAugment(preset, num_policies=3, hparams=hparams)
    images = pictures(N, ch, (9, 12), layout=layout)
    draws = transform.draw(N, generator(4))
    out = transform(images, generator(4))
    different = (out != by_image(transform, images, draws)).flatten(1).any(1)
    # A pixel next to the line between two others: see test_affine.
    assert different.float().mean() <= 1 / N
    same_format(out, images)


@pytest.mark.parametrize(
    ("config", "slack"),
    [
        (dict(type="Rotate", angle=20.0), 30),
        (dict(type="Shear", magnitude=0.25, direction="horizontal"), 30),
        (dict(type="Shear", magnitude=0.25, direction="vertical"), 30),
        (dict(type="Translate", magnitude=0.2, direction="horizontal"), 0),
        (dict(type="Translate", magnitude=0.2, direction="vertical"), 0),
        (dict(type="Brightness", magnitude=0.4), 0),
        (dict(type="ColorTransform", magnitude=0.5), 2),
        (dict(type="Contrast", magnitude=-0.4), 2),
        (dict(type="Sharpness", magnitude=0.5), 1),
        (dict(type="Posterize", bits=3), 0),
        (dict(type="Solarize", thr=99.5), 0),
        (dict(type="SolarizeAdd", magnitude=60.7), 0),
        (dict(type="SolarizeAdd", magnitude=60, thr=90), 0),
        (dict(type="AutoContrast"), 1),
        (dict(type="Equalize"), 0),
        (dict(type="Invert"), 0),
    ],
    ids=str,
)
def test_pixels_of_mmpretrain(config, slack):
    """Its images are BGR. Where OpenCV interpolates in another way, a mirrored move is far off."""
    options = dict(prob=1.0)
    moved = config["type"] in ("Rotate", "Shear", "Translate")
    if moved:
        options |= dict(interpolation="bilinear", pad_val=[128, 100, 90])
    if moved or config["type"] in ("Brightness", "ColorTransform", "Contrast", "Sharpness"):
        options |= dict(random_negative_prob=0.0)
    images = smooth()
    theirs = TRANSFORMS.build({"_scope_": "mmpretrain", **config, **options})
    expected = [theirs(dict(img=i.permute(1, 2, 0).numpy().copy()))["img"] for i in images]
    expected = torch.from_numpy(np.stack(expected)).permute(0, 3, 1, 2).int()
    transform = BatchRandAugment([{**config, **options}], num_policies=1, channel_order="bgr")
    out = transform(images, generator()).int()
    inside = (..., slice(2, -2), slice(2, -2)) if config["type"] == "Sharpness" else ...
    difference = (out - expected)[inside].abs()
    assert difference.max() <= slack + 100 * moved
    assert difference.float().quantile(0.95) <= slack


# Presets.


def test_policies_of_mmpretrain():
    ours = BatchRandAugment("timm_increasing").policies
    theirs = RandAugment("timm_increasing", 2, 9).transforms
    assert list(PRESETS["timm_increasing"].policies) == RANDAUG_POLICIES["timm_increasing"]
    for a, b in zip(ours, theirs, strict=True):
        assert a.type == type(b).__name__
        assert a.prob == b.prob
        if b.magnitude_range is not None:
            assert a.negative_prob == b.random_negative_prob
        for option, value in (("interpolation", "interpolation"), ("fill", "pad_val")):
            if hasattr(b, value):
                assert getattr(a, option) == getattr(b, value)


def test_a_config_moves_by_writing_batch():
    theirs = list(inspect.signature(RandAugment).parameters)
    assert list(inspect.signature(BatchRandAugment).parameters)[: len(theirs)] == theirs
    config = dict(  # DeiT's
        policies=[{**p, "magnitude_key": "unused"} for p in RANDAUG_POLICIES["timm_increasing"]],
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation="bicubic"),
    )
    transform = build_batch_transform(dict(type="BatchRandAugment", **config))
    named = BatchRandAugment(hparams=config["hparams"])
    assert transform.policies == named.policies
    images = pictures(N)
    assert torch.equal(transform(images, generator()), named(images, generator()))
    moving = [p for p in named.policies if p.type in ("Rotate", "Shear", "Translate")]
    assert {(p.fill, p.interpolation) for p in moving} == {((104, 116, 124), "bicubic")}


def test_own_options_win_over_hparams():
    policies = [dict(type="Rotate", angle=3, pad_val=7), dict(type="Rotate", angle=3)]
    transform = BatchRandAugment(policies, hparams=dict(pad_val=9, interpolation="bilinear"))
    assert [(p.fill, p.interpolation) for p in transform.policies] == [
        (7, "bilinear"),
        (9, "bilinear"),
    ]


def test_ranges_of_fixmatch():
    transform = BatchRandAugment("fixmatch")
    draws = transform.draw(DRAWS, generator())
    assert stats.chisquare(np.bincount(draws.choice.ravel(), minlength=14)).pvalue > ALPHA
    expected = {
        **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), (0.05, 0.95)),
        **dict.fromkeys(("shear_x", "shear_y"), (-0.3, 0.3)),
        **dict.fromkeys(("translate_x", "translate_y"), (-0.3 * 100, 0.3 * 100)),
        "rotate": (-30, 30),
        "solarize": (0, 256),
    }
    for number, policy in enumerate(transform.policies):
        mine = draws.choice == number
        if policy.op != "identity":
            assert draws.active[mine].all()
        values = policy.arguments(draws.magnitude[mine], 100, 100)
        if policy.op == "posterize":
            counts = np.bincount(values.astype(int))[4:]
            assert len(counts) == 5
            assert stats.chisquare(counts).pvalue > ALPHA
        elif policy.op in expected:
            low, high = expected[policy.op]
            if policy.rounding is None:
                uniform = stats.uniform(low, high - low).cdf
                assert stats.kstest(values, uniform).pvalue > ALPHA
            else:
                assert np.array_equal(values, values.astype(int))
                assert (values.min(), values.max()) == (-29, 29)


def test_one_transfer(monkeypatch):
    calls, moved = [], augment_plan.to_device
    monkeypatch.setattr(
        augment_plan,
        "to_device",
        lambda tensors, device: calls.append([t.dtype for t in tensors]) or moved(tensors, device),
    )
    BatchRandAugment(hparams=dict(pad_val=(1, 2, 3)))(pictures(N), generator())
    assert calls == [[torch.int64, torch.float64]]


ROTATE = dict(type="Rotate", magnitude_range=(0, 30))
POSTERIZE = dict(type="Posterize", bits=3)
BAD_POLICIES = [
    ("Rotate", "policies must be.*dicts.*'Rotate'"),
    (dict(type="Blur"), "type of a policy.*'Equalize'.*'Blur'"),
    (dict(ROTATE, center=3), "policy Rotate may have.*'center'"),
    (dict(type="Rotate"), "Rotate needs one of magnitude_range"),
    (dict(ROTATE, angle=3), "Rotate needs one of magnitude_range"),
    (dict(ROTATE, magnitude_range=3), "policy Rotate: magnitude_range must be a list of 2.*got 3"),
    (dict(ROTATE, magnitude_range=(0, "a")), "policy Rotate: magnitude_range must be .*'a'"),
    (dict(type="Rotate", angle="a"), "policy Rotate: angle must be a finite number, got 'a'"),
    (
        dict(type="Shear", magnitude=0.1, direction="up"),
        "Shear: direction must be .*'vertical'.*up",
    ),
    (dict(ROTATE, interpolation="area"), "Rotate: interpolation must be .*'bicubic'.*'area'"),
    (dict(ROTATE, prob=2), "policy Rotate: prob must be a number in .*got 2"),
    (dict(ROTATE, random_negative_prob=2), "policy Rotate: random_negative_prob must be"),
    (dict(ROTATE, pad_val=300), r"policy Rotate: pad_val must be a number in \[0, 255\].*got 300"),
    (dict(ROTATE, pad_val=()), r"policy Rotate: pad_val must be .*\(not empty\), got \(\)"),
    (dict(POSTERIZE, rounding="up"), "policy Posterize: rounding must be .*'up'"),
    (
        dict(type="SolarizeAdd", magnitude=3, thr=300),
        r"thr must be a number in \[0, 256\], got 300",
    ),
]
BAD = [
    *((dict(policies=[policy]), says) for policy, says in BAD_POLICIES),
    (dict(policies="timm"), r"policies must be one of \['fixmatch'.*got 'timm'"),
    (dict(policies=[]), r"policies must be.*got \[\]"),
    (dict(policies=ROTATE), "policies must be"),
    (dict(num_policies=0), "num_policies must be an int of at least 1, got 0"),
    (dict(num_policies=1.0), "num_policies must be an int.*got 1.0"),
    (dict(magnitude_level=-1), "magnitude_level must be .* of at least 0"),
    (dict(magnitude_level="9"), "magnitude_level must be.*got '9'"),
    (dict(magnitude_level=1e20), "at most 10 times total_level .10.*got 1e.20"),
    (dict(total_level=0), "total_level must be a finite number above 0.*got 0"),
    (dict(magnitude_std="some"), "magnitude_std must be .*'inf'.*'some'"),
    (dict(magnitude_std=float("nan")), "magnitude_std must be .*got nan"),
    (dict(hparams=dict(fill=3)), "hparams may have.*'pad_val'.*'fill'"),
    (dict(hparams=dict(interpolation="area")), "hparams: interpolation must be .*got 'area'"),
    (dict(channel_order="grb"), "channel_order must be.*'grb'"),
]


@pytest.mark.parametrize(("given", "says"), BAD)
def test_bad_arguments(given, says):
    with pytest.raises((TypeError, ValueError), match=says):
        BatchRandAugment(**given)


def test_bad_images():
    transform = BatchRandAugment(hparams=dict(pad_val=(1, 2, 3)))
    with pytest.raises(TypeError, match="images must be uint8, not normalised yet"):
        transform(torch.zeros(2, 3, 4, 4), generator())
    with pytest.raises(ValueError, match=r"pad_val must be one number or one for each of 1 chan"):
        transform(pictures(N, 1), generator())
