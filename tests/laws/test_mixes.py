"""What holds for every mix, alone, for some of the samples, and in the second half of a batch."""

import copy
import inspect
import pickle

import pytest
import torch
from torch.testing import assert_close
from torch.utils import _pytree as pytree

from dmmix.functional import MixedLabels
from dmmix.mixups import PairMix, RandomMix, RegMixup, build_mix, draw_for, step_generator
from tests.laws.data import LAYOUTS, batch, generator, images_in
from tests.laws.mixes import ALONE, CASES, MIXES, SETTINGS, by, forms_of, run, setting_of, tensors
from tests.laws.small_model import SmallModel, left_alone
from tests.machine import needs_a_compiler
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

every_case = pytest.mark.parametrize("case", CASES)
every_mix = pytest.mark.parametrize("case", MIXES)
once = pytest.mark.parametrize("case", [case for case in CASES if case.endswith("once")])
N, SIZE = 8, (9, 10)


def made(case, **model):
    return build_mix(CASES[case]), SmallModel(**model)


def blended(mix, model, images, labels, seed=0, told=None):
    """The phases one after the other: what was drawn, answered, and made of it."""
    draws = draw_for(mix, images, generator(seed))
    answers = mix.ask(model.guide(), images, labels, draws) if told is None else told
    return draws, answers, mix.blend(images, labels, draws, answers)


def assert_same(one, other, **tolerance):
    one, other = tensors(one), tensors(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert_close(a, b, **(tolerance or dict(rtol=0, atol=0)))


def test_every_registered_mix_is_asked():
    assert {case.split()[0] for case in CASES} == MIXES.keys() >= SETTINGS.keys()


def check_form(mix, images, mixed):
    """Dtypes, shapes and memory formats follow those of the images."""
    m = len(images) * (1 + mix.changes_batch)
    wide = torch.float64 if images.dtype == torch.float64 else torch.float32
    assert mixed.images.shape == (m, *images.shape[1:])
    assert mixed.images.dtype == images.dtype
    for layout in (torch.contiguous_format, torch.channels_last):
        if images.is_contiguous(memory_format=layout):
            assert mixed.images.is_contiguous(memory_format=layout)
    assert len(mixed.labels) == m
    assert mixed.labels.shares.dtype == wide
    mixed.labels.validate(max(len(images), 2))
    assert mixed.sources.shape == (m, mixed.planes.shape[1])
    assert mixed.planes.dtype in (torch.bool, wide)
    if mixed.weights is not None:
        assert mixed.weights.shape == (m,)
        assert mixed.weights.dtype == wide
        assert bool((mixed.weights >= 0).all())


# -- what is in the pixels is what planes and labels say -------------------------------------------


@every_case
@pytest.mark.parametrize(
    *pairwise(
        n=[1, 2, 7],
        size=[(8, 8), (5, 9), (13, 6)],
        dtype=[torch.float32, torch.float64, torch.bfloat16],
        layout=LAYOUTS,
    )
)
def test_planes_and_labels_are_what_is_in_the_pixels(case, n, size, dtype, layout):
    mix, model = made(case, channels=2 + n, classes=max(n, 2))
    model.to(dtype)
    picture = torch.rand(n, 2, *size, generator=generator(n))
    whose = torch.eye(n)[:, :, None, None].expand(n, n, *size)
    images = images_in(layout, torch.cat([picture, whose], 1).to(dtype))
    mixed, pixels, _, told = run(mix, model, images, torch.arange(n), seed=n)
    check_form(mix, images, mixed)
    atol = 2**-8 if dtype == torch.bfloat16 else 1e-5
    m = len(pixels)
    planes = mixed.planes.double().expand(m, -1, *size)
    of_each = by(planes, mixed.sources, n)
    assert_close(planes.sum(1), torch.ones(m, *size, dtype=torch.float64), rtol=0, atol=1e-6)
    assert_close(of_each, pixels[:, 2:].double(), rtol=0, atol=atol)
    shares = setting_of(case).shares
    told, area = told.dense(n).double(), of_each.mean((2, 3))
    if shares == "attention":
        assert_close(mixed.labels.dense(n).double(), area, rtol=0, atol=1e-6)
        seen = model.attention.double() / model.attention.double().sum(1, keepdim=True)
        looked = (of_each.flatten(2) * seen[:, None]).sum(2)
        area = torch.lerp(looked, area, CASES[case].get("area", 0.0))
    if shares != "activation":
        assert_close(told, area, rtol=0, atol=atol)


@every_case
@pytest.mark.parametrize(("n", "size"), [(0, (8, 8)), (1, (1, 3)), (2, (3, 1)), (3, (1, 1))])
def test_the_smallest_batches_and_images(case, n, size):
    mix, model = made(case)
    model.eval()
    images, labels = batch(n, 3, size)
    for form in forms_of(labels, 8):
        outcome = run(mix, model, images, form)
        assert len(outcome.labels) == len(outcome.logits) == n * (1 + mix.changes_batch)
        assert bool(torch.isfinite(outcome.pixels).all())


# -- what goes in ----------------------------------------------------------------------------------


@every_case
def test_inputs_are_untouched_and_nothing_waits_for_the_device(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    for seed, form in enumerate(forms_of(labels, 8)):
        draws, answers, _ = blended(mix, model, images, form, seed)
        given = tensors((images, form, draws, answers))
        before = [(tensor.clone(), tensor._version) for tensor in given]
        with Waits() as waits:
            mixed = run(mix, model, images, form, seed).mixed
            mix.blend(images, form, draws, answers)
        assert waits.found == []
        assert mixed.inside or mixed.images.data_ptr() != images.data_ptr()
        for tensor, (value, version) in zip(given, before, strict=True):
            assert torch.equal(tensor, value)
            assert tensor._version == version


@every_case
def test_dense_labels_equal_sparse_ones(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    model.eval()
    sparse, dense, prepared = (run(mix, model, images, form) for form in forms_of(labels, 8))
    assert_same(prepared, sparse)
    assert isinstance(sparse.labels, MixedLabels)
    for name in ("pixels", "logits"):
        assert_close(getattr(dense, name), getattr(sparse, name))
    assert_close(dense.labels, sparse.labels.dense(8))
    assert_close(dense.mixed.labels, sparse.mixed.labels.dense(8))
    assert_close(run(mix, model, images, torch.eye(8).bfloat16()).labels, dense.labels)
    assert_same(dense.mixed.weights, sparse.mixed.weights)


@every_case
def test_gradients_flow_to_the_images(case):
    """Of an even weight each pixel that comes out takes one that went in."""
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE, torch.float64)
    model.double()
    draws, answers, plain = blended(mix, model, images, labels)
    images.requires_grad_()
    mixed = mix.blend(images, labels, draws, answers)
    assert torch.equal(mixed.images, plain.images)
    (gradient,) = torch.autograd.grad(mixed.images.sum(), images)
    assert bool(torch.isfinite(gradient).all())
    assert_close(gradient.sum(), torch.tensor(mixed.images.numel()).double())


# -- what is drawn ---------------------------------------------------------------------------------


@every_case
def test_all_that_is_random_is_drawn(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    state = torch.get_rng_state()
    _, answers, first = blended(mix, model, images, labels, 1)
    draws = mix.draw(N, SIZE, generator(1))
    again = mix.blend(images, labels, pickle.loads(pickle.dumps(draws)), answers)
    whole = mix.mix(images, labels, generator(1), model.guide())
    assert torch.equal(state, torch.get_rng_state())
    assert_same(again, first)
    assert_same(whole, first)
    with torch.random.fork_rng():  # without a generator it is that of the step
        torch.manual_seed(3)
        one = mix.mix(images, labels, guide=model.guide())
        torch.manual_seed(3)
        assert_same(one, mix.mix(images, labels, step_generator(), model.guide()))
    others = (mix.mix(images, labels, generator(seed), model.guide()) for seed in range(2, 9))
    differ = any(
        not torch.equal(a, b)
        for other in others
        for a, b in zip(tensors(other), tensors(first), strict=False)
    )
    assert differ or not tensors(draws)


@every_case
@pytest.mark.parametrize("n", [0, 1, 5])
def test_draws_are_tuples_by_name_on_the_cpu(case, n):
    mix = build_mix(CASES[case])
    draws = mix.draw(n, SIZE, generator())
    assert hasattr(draws, "_fields")
    for tensor in tensors(draws):
        assert tensor.device.type == "cpu"
        assert len(tensor) in (1, n)
        assert not any(
            size > 1 and step == 0 for size, step in zip(tensor.shape, tensor.stride(), strict=True)
        )


@once
def test_nobody_is_paired_with_itself(case):
    mix, other = build_mix(CASES[case]), build_mix(CASES[case] | dict(fixed_points=True))
    own = torch.arange(N)
    assert not any((mix.draw(N, SIZE, generator(s)).index == own).any() for s in range(20))
    assert any((other.draw(N, SIZE, generator(s)).index == own).any() for s in range(20))


@once
def test_a_pairing_may_be_given(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    index = (torch.arange(N) + 3) % N
    draws = mix.draw(N, SIZE, generator())._replace(index=index)
    mixed = mix.blend(images, labels, draws, mix.ask(model.guide(), images, labels, draws))
    assert torch.equal(mixed.sources[:, 1], index)
    assert torch.equal(mixed.labels.classes[:, 1], labels[index])


@pytest.mark.parametrize("alpha", [0.3, 5.0])
@pytest.mark.parametrize(
    "name", [name for name, kind in MIXES.items() if issubclass(kind, PairMix)]
)
def test_lam_is_beta(name, alpha):
    mix = build_mix(dict(type=name, alpha=alpha))
    lam = mix.draw(4000, (4, 4), generator()).lam
    if name == "ResizeMix":  # there the side of what is pasted is
        lam = ((1 - lam).sqrt() - 0.1) / 0.7
    assert abs(lam.mean() - 0.5) < 0.03
    assert abs(lam.var() - 1 / (8 * alpha + 4)) < 0.01


# -- the device ------------------------------------------------------------------------------------


def test_what_waits_is_noticed():
    with Waits() as waits:
        x = torch.rand(3)
        x[x > 0.5]
        float(x[0])
        x.nonzero()
    assert {"index with a mask", "_local_scalar_dense", "nonzero"} <= set(waits.found)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_case
def test_cuda_gives_what_the_cpu_gives_without_waiting(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    _, answers, expected = blended(mix, model, images, labels)
    there = pytree.tree_map_only(torch.Tensor, lambda t: t.cuda(), answers)
    model.cuda()
    images, labels = images.cuda(), labels.cuda()
    run(mix, model, images, labels)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run(mix, model, images, labels)
        got = mix.blend(images, labels, draw_for(mix, images, generator()), there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for a, b in zip(tensors(got), tensors(expected), strict=True):
        assert_close(a.cpu(), b)


@pytest.mark.parametrize(
    ("case", "backend"),
    [
        *((case, "eager") for case in MIXES),
        *(
            pytest.param(case, "inductor", marks=[pytest.mark.slow, needs_a_compiler])
            for case in ("Mixup", "CutMix", "CutMix 1")
        ),
    ],
)
def test_blending_compiles_into_one_graph(case, backend):
    mix, model = made(case)

    def blend(images, labels, draws, answers):
        mixed = mix.blend(images, labels, draws, answers)
        out = mixed.images
        for inside in mixed.inside:
            out = inside.change(out)
        told = mixed.labels
        told = told if torch.is_tensor(told) else (told.classes, told.shares)
        return out, told, mixed.planes, mixed.weights

    torch.compiler.reset()
    compiled = torch.compile(blend, fullgraph=True, dynamic=False, backend=backend)
    images, labels = batch(N, 3, SIZE)
    for pixels, form in ((images, labels), (images_in("channels_last", images), torch.eye(8))):
        draws, answers, _ = blended(mix, model, pixels, form)
        given = pixels, form, draws, answers
        assert_same(compiled(*given), blend(*given), rtol=1e-5, atol=1e-5)


# -- the model -------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize(("grad", "narrow"), [(True, False), (False, True)])
def test_the_model_is_left_alone(case, grad, narrow):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    with left_alone(model), torch.set_grad_enabled(grad):
        for seed, form in enumerate(forms_of(labels, 8)):
            with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                mixed = mix.mix(images, form, generator(seed), model.guide())
            assert not any(tensor.requires_grad for tensor in tensors(mixed))
            assert mixed.images.dtype == torch.float32
            with model.guide().step(mixed):
                pass  # no forward pass, and the hooks are gone nonetheless


@every_case
def test_what_is_asked_is_what_it_needs(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    guide, asked = model.guide(), set()

    class Spy:
        def __getattr__(self, name):
            asked.add(dict(layers="stages").get(name, name))
            return getattr(guide, name)

    for seed in range(4):
        mixed = mix.mix(images, labels, generator(seed), Spy())
        asked.update(watched.rule.watches for watched in mixed.watched)
    assert asked == mix.needs
    if mix.needs:
        says = rf"{type(mix).__name__} asks the model what it sees and needs a guide"
        with pytest.raises(ValueError, match=says):
            mix.mix(images, labels)
    else:
        assert not tensors(mix.ask(None, images, labels, mix.draw(N, SIZE, generator())))


@every_case
@pytest.mark.parametrize("narrow", [False, True])
def test_a_training_step(case, narrow):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    for seed in range(3):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            _, _, logits, told = run(mix, model, images, labels, seed)
        assert not told.shares.requires_grad
        assert told.shares.dtype == torch.float32
        (-(logits.float().log_softmax(1) * told.dense(8)).sum(1).mean()).backward()
        assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())
        assert bool(model.first.weight.grad.any())
        assert not any(module._forward_hooks for module in model.modules())
    with torch.no_grad():
        run(mix, model, images, labels)


@every_mix
def test_gradients_of_several_steps_add_up(case):
    """Nothing is added to the gradients of the step before, and nothing is taken away."""
    mix, model = made(case)
    model.eval()

    def gradient(*seeds):
        model.zero_grad()
        for seed in seeds:
            images, labels = batch(4, 3, SIZE, seed=seed)
            _, _, logits, told = run(mix, model, images, labels, seed)
            (-(logits.log_softmax(1) * told.dense(8)).sum(1).mean()).backward()
        return model.first.weight.grad.clone()

    assert_close(gradient(1, 2), gradient(1) + gradient(2))


@every_case
def test_labels_are_told_after_the_forward_pass_of_the_step(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    outcomes = [run(mix, model.eval(), images, labels, 1) for _ in range(2)]
    assert_same(*outcomes)
    mixed, pixels, _, told = outcomes[0]
    model(mixed.images)  # the hooks work once
    assert torch.equal(model.pixels, mixed.images)
    assert torch.equal(pixels, mixed.images) == (not mixed.inside)
    same = torch.equal(told.dense(8), mixed.labels.dense(8))
    assert same == (not mixed.watched)
    if mixed.inside or mixed.watched:
        with model.guide().step(mixed) as step, pytest.raises(RuntimeError, match=r"settle\(\)"):
            step.settle()


# -- beside others ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in CASES if case.endswith("in RandomMix")])
def test_samples_that_are_not_mixed_stay_bit_for_bit(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    for seed in range(4):
        mixed, pixels, _, told = run(mix, model, images, labels, seed)
        draws = mix.draw(N, SIZE, generator(seed))
        chosen = torch.zeros(N).bool()
        for rows, own in zip(draws.rows, draws.members, strict=True):
            if own is not None:
                chosen |= torch.ones(N).bool() if rows is None else rows
        assert int(chosen.sum()) == 6  # of 8, with a fraction of .7
        left = ~chosen
        assert torch.equal(pixels[left], images[left])
        assert torch.equal(told[left].dense(8), torch.eye(8)[left])
        assert mixed.weights is None or bool((mixed.weights[left] == 1).all())
        assert not torch.equal(pixels[chosen], images[chosen])


@pytest.mark.parametrize("case", [case for case in ALONE if "RegMixup" not in case])
def test_the_second_half_of_regmixup_is_what_the_mix_makes(case):
    alone, model = made(case)
    both = RegMixup(build_mix(CASES[case]), eta=0.5)
    assert both.needs == alone.needs
    assert both.changes_batch
    images, labels = batch(N, 3, SIZE)
    model.eval()
    one, other = (run(mix, model, images, labels, 3) for mix in (alone, both))
    assert torch.equal(other.pixels, torch.cat([images, one.pixels]))
    assert torch.equal(other.labels[:N].dense(8), torch.eye(8))
    assert_close(other.labels[N:].dense(8), one.labels.dense(8))
    own = torch.ones(N) if one.mixed.weights is None else one.mixed.weights
    assert_close(other.mixed.weights, torch.cat([torch.full((N,), 2.0), own]))


# -- the object ------------------------------------------------------------------------------------


@every_case
def test_copies_are_the_same_mix(case):
    config = CASES[case]
    before = copy.deepcopy(config)
    mix, model = made(case)
    assert config == before
    images, labels = batch(N, 3, SIZE)
    expected = mix.mix(images, labels, generator(), model.guide())
    options = {key: value for key, value in config.items() if key != "type"}
    for other in (
        build_mix(mix),
        type(mix)(**options),
        copy.deepcopy(mix),
        pickle.loads(pickle.dumps(mix)),
    ):
        assert repr(other) == repr(mix)
        assert_same(other.mix(images, labels, generator(), model.guide()), expected)
    assert repr(mix).startswith(f"{type(mix).__name__}(")
    for argument in inspect.signature(type(mix)).parameters:
        assert f"{argument}=" in repr(mix)


@every_case
def test_memory_is_used_again_and_never_while_it_is_needed(case):
    mix, model = made(case)
    images, labels = batch(N, 3, SIZE)
    guide = model.guide()
    kept = [mix.mix(images, labels, generator(seed), guide) for seed in range(4)]
    for seed, mixed in enumerate(kept):
        fresh = build_mix(CASES[case]).mix(images, labels, generator(seed), guide)
        assert_same(mixed, fresh)
    del kept, mixed, fresh
    if not isinstance(mix, RandomMix):  # which puts samples of several mixes together anew
        places = {mix.mix(images, labels, generator(s), guide).images.data_ptr() for s in range(4)}
        assert len(places) <= 2


@every_case
def test_a_call_is_that_of_a_batch_augment(case):
    mix = build_mix(CASES[case])
    images, labels = batch(N, 3, SIZE)
    if mix.changes_batch:
        with pytest.raises(ValueError, match="RegMixup returns more samples than it is given"):
            mix(images, labels)
        return
    if mix.needs:
        with pytest.raises(ValueError, match="needs a guide"):
            mix(images, labels)
        return
    with torch.random.fork_rng():
        found = []
        for form in (labels, torch.eye(8), torch.eye(8).long(), MixedLabels.from_labels(labels)):
            torch.manual_seed(3)
            found.append(mix(images, form))
    assert isinstance(found[0][1], MixedLabels)
    assert isinstance(found[3][1], MixedLabels)
    for inputs, scores in found:
        assert torch.equal(inputs, found[0][0])
        scores = scores.dense(8) if isinstance(scores, MixedLabels) else scores
        assert scores.dtype == torch.float32
        assert_close(scores, found[0][1].dense(8))
