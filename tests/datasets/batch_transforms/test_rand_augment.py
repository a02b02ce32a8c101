"""RandAugment: what it draws and does, against mmpretrain's and torchvision's of single images."""

import inspect
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.nn.functional import avg_pool2d

from dmmix import compat
from dmmix.datasets.batch_transforms import BatchRandAugment, build_batch_transform
from dmmix.datasets.batch_transforms.augment_presets import PRESETS
from dmmix.registry import TRANSFORMS
from tests.functional.transforms.pictures import LAYOUTS, generator, pictures, same_format
from tests.mixups.waits import Waits

RandAugment = TRANSFORMS.get("mmpretrain.RandAugment")
RANDAUG_POLICIES = sys.modules[RandAugment.__module__].RANDAUG_POLICIES
N = 48
DRAWS = 20_000
ALPHA = 1e-4  # of each statistical test; all have fixed seeds


@pytest.fixture(scope="module")
def v2():
    compat.prepare()
    return pytest.importorskip("torchvision.transforms.v2")


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


def by_image(v2, transform, images, draws):
    """torchvision's functions in a loop, with magnitudes as mmpretrain has them."""
    tv, (height, width) = v2.functional, images.shape[-2:]

    def one(image, policy, m):
        fill = policy.fill
        fill = [float(fill)] * len(image) if isinstance(fill, float) else list(fill)
        options = dict(interpolation=v2.InterpolationMode(policy.interpolation), fill=fill)
        still = dict(angle=0.0, translate=[0, 0], scale=1.0, shear=[0.0, 0.0])
        degrees = math.degrees(math.atan(-m))
        match policy.op:
            case "identity":
                return image
            case "autocontrast" | "equalize" | "invert":
                return getattr(tv, policy.op)(image)
            case "brightness" | "contrast" | "sharpness":
                return getattr(tv, f"adjust_{policy.op}")(image, 1 + m)
            case "color":
                return tv.adjust_saturation(image, 1 + m)
            case "posterize":
                return tv.posterize(image, math.ceil(m))
            case "solarize":
                return torch.where(image >= m, 255 - image, image)
            case "solarize_add":
                raised = (image + m).clamp(max=255).to(torch.uint8)
                return torch.where(image < policy.threshold, raised, image)
            case "rotate":
                return tv.rotate(image, -m, **options)
            case "shear_x":
                shear = {"shear": [degrees, 0.0], "center": [0, 0]}
                return tv.affine(image, **{**still, **shear}, **options)
            case "shear_y":
                shear = {"shear": [0.0, degrees], "center": [0, 0]}
                return tv.affine(image, **{**still, **shear}, **options)
        x, y = (m * width, 0) if policy.op == "translate_x" else (0, m * height)
        x, y = (int(x), int(y)) if policy.rounding == "trunc" else (x, y)
        return tv.affine(image, **{**still, "translate": [x, y]}, **options)

    results = []
    for i, image in enumerate(images):
        for choice, active, magnitude in zip(
            draws.choice[:, i], draws.active[:, i], draws.magnitude[:, i], strict=True
        ):
            if active:
                image = one(image, transform.policies[choice], float(magnitude))
        results.append(image)
    return torch.stack(results)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_is_its_images_one_by_one(v2, preset, ch, layout):
    hparams = dict(pad_val=[40, 50, 60][:ch], interpolation="nearest")
    transform = BatchRandAugment(preset, num_policies=3, hparams=hparams)
    images = pictures(N, ch, (9, 12), layout=layout)
    draws = transform.draw(N, generator(4))
    out = transform(images, generator(4))
    different = (out != by_image(v2, transform, images, draws)).flatten(1).any(1)
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


def test_orders_of_channels():
    images = pictures(16)
    rgb = BatchRandAugment([dict(type="ColorTransform", magnitude=0.5, prob=1)])
    bgr = BatchRandAugment(
        [dict(type="ColorTransform", magnitude=0.5, prob=1)], channel_order="bgr"
    )
    out = rgb(images, generator())
    assert not torch.equal(bgr(images, generator()), out)
    assert torch.equal(bgr(images.flip(1), generator()).flip(1), out)


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


# What always holds.


@pytest.mark.parametrize("preset", PRESETS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_properties(preset, data):
    n, seed = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 2**32))
    size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    images = pictures(n, data.draw(st.sampled_from([1, 3])), size)
    transform = BatchRandAugment(preset, num_policies=data.draw(st.integers(1, 4)))
    before, state = images.clone(), torch.get_rng_state()
    out = transform(images, generator(seed))
    assert out.shape == images.shape
    assert out.dtype == torch.uint8
    assert torch.equal(transform(images, generator(seed)), out)
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    out.zero_()
    assert torch.equal(images, before)


def test_seeds_and_steps_differ():
    images, transform, source = pictures(N), BatchRandAugment(), generator()
    a, b = transform(images, source), transform(images, source)
    assert not torch.equal(a, b)
    assert not torch.equal(a, transform(images, generator(1)))


def test_an_image_keeps_its_place():
    """Images of one colour each, some of them moved: the colour stays with its place."""
    images = torch.arange(N, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 3, 5, 5)
    policies = [
        dict(type="Shear", magnitude_range=(0, 0.3), prob=0.7),
        dict(type="Translate", magnitude_range=(0, 0.3), prob=0.7),
        dict(type="Rotate", magnitude_range=(0, 90), prob=0.5, pad_val=254),
    ]
    hparams = dict(pad_val=255, interpolation="nearest")
    transform = BatchRandAugment(policies, num_policies=5, hparams=hparams)
    centers = transform(images, generator())[:, :, 2, 2]
    kept = centers == images[:, :, 2, 2]
    assert (kept | (centers >= 254)).all()
    assert kept.float().mean() > 0.5


def test_probability_zero_changes_nothing():
    images = pictures(N)
    policies = [{**p, "prob": 0} for p in RANDAUG_POLICIES["timm_increasing"]]
    assert torch.equal(BatchRandAugment(policies)(images, generator()), images)


def test_level_zero_changes_nothing():
    images = pictures(N)
    still = [
        p for p in RANDAUG_POLICIES["timm_increasing"] if p.get("magnitude_range", "4")[0] != 4
    ]
    still = [{**p, "prob": 1} for p in still if "magnitude_range" in p]
    assert len(still) == 11
    transform = BatchRandAugment(still, magnitude_level=0, magnitude_std=0)
    assert torch.equal(transform(images, generator()), images)


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_waits(preset):
    images = pictures(N)
    transform = BatchRandAugment(preset, hparams=dict(pad_val=(1, 2, 3)))
    with Waits() as waits:
        transform(images, generator())
    assert waits.found == []


def test_one_transfer(monkeypatch):
    from dmmix.datasets.batch_transforms import augment_plan

    calls = []

    def counted(tensors, device):
        calls.append([t.dtype for t in tensors])
        return augment_plan_to_device(tensors, device)

    augment_plan_to_device = augment_plan.to_device
    monkeypatch.setattr(augment_plan, "to_device", counted)
    BatchRandAugment(hparams=dict(pad_val=(1, 2, 3)))(pictures(N), generator())
    assert calls == [[torch.int64, torch.float64]]


def test_repr_names_the_policies():
    assert "policies=['AutoContrast', 'Equalize', 'Invert'" in repr(BatchRandAugment())


ROTATE = dict(type="Rotate", magnitude_range=(0, 30))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (dict(policies="timm"), ValueError, r"policies must be one of \['fixmatch'.*got 'timm'"),
        (dict(policies=[]), TypeError, r"policies must be.*got \[\]"),
        (dict(policies=ROTATE), TypeError, "policies must be"),
        (dict(policies=["Rotate"]), TypeError, "policies must be.*dicts.*'Rotate'"),
        (
            dict(policies=[dict(type="Blur")]),
            ValueError,
            "type of a policy.*'Equalize'.*'Blur'",
        ),
        (dict(policies=[dict(ROTATE, center=3)]), ValueError, "policy Rotate may have.*'center'"),
        (dict(policies=[dict(type="Rotate")]), ValueError, "Rotate needs one of magnitude_range"),
        (dict(policies=[dict(ROTATE, angle=3)]), ValueError, "Rotate needs one of magnitude_range"),
        (
            dict(policies=[dict(type="Rotate", magnitude_range=3)]),
            ValueError,
            "policy Rotate: magnitude_range must be a list of 2 finite numbers, got 3",
        ),
        (
            dict(policies=[dict(type="Rotate", magnitude_range=(0, "a"))]),
            TypeError,
            "policy Rotate: magnitude_range must be .*'a'",
        ),
        (
            dict(policies=[dict(type="Shear", magnitude=0.1, direction="diagonal")]),
            ValueError,
            "policy Shear: direction must be one of.*'diagonal'",
        ),
        (
            dict(policies=[dict(ROTATE, interpolation="area")]),
            ValueError,
            "policy Rotate: interpolation must be one of.*'bicubic'.*'area'",
        ),
        (
            dict(policies=[dict(ROTATE, prob=2)]),
            ValueError,
            "policy Rotate: prob must be",
        ),
        (
            dict(policies=[dict(ROTATE, pad_val=300)]),
            ValueError,
            r"policy Rotate: pad_val must be a number in \[0, 255\], got 300",
        ),
        (
            dict(policies=[dict(type="Posterize", bits=3, rounding="up")]),
            ValueError,
            "policy Posterize: rounding must be one of.*'up'",
        ),
        (
            dict(policies=[dict(type="SolarizeAdd", magnitude=3, thr=300)]),
            ValueError,
            r"policy SolarizeAdd: thr must be a number in \[0, 256\], got 300",
        ),
        (dict(num_policies=0), ValueError, "num_policies must be an int of at least 1, got 0"),
        (dict(num_policies=1.0), ValueError, "num_policies must be an int.*got 1.0"),
        (
            dict(magnitude_level=-1),
            ValueError,
            "magnitude_level must be .* of at least 0",
        ),
        (dict(magnitude_level="9"), TypeError, "magnitude_level must be.*got '9'"),
        (dict(magnitude_level=1e20), ValueError, "at most 10 times total_level .10.*got 1e.20"),
        (dict(total_level=0), ValueError, "total_level must be a finite number above 0.*got 0"),
        (
            dict(magnitude_std="some"),
            ValueError,
            "magnitude_std must be .*'inf'.*'some'",
        ),
        (
            dict(magnitude_std=float("nan")),
            ValueError,
            "magnitude_std must be .*got nan",
        ),
        (dict(hparams=dict(fill=3)), ValueError, "hparams may have.*'pad_val'.*'fill'"),
        (dict(channel_order="grb"), ValueError, "channel_order must be.*'grb'"),
    ],
)
def test_bad_arguments(given, error, message):
    with pytest.raises(error, match=message):
        BatchRandAugment(**given)


def test_bad_images():
    transform = BatchRandAugment(hparams=dict(pad_val=(1, 2, 3)))
    with pytest.raises(TypeError, match="images must be uint8, not normalised yet"):
        transform(torch.zeros(2, 3, 4, 4), generator())
    with pytest.raises(ValueError, match=r"pad_val must be one number or one for each of 1 chan"):
        transform(pictures(N, 1), generator())
