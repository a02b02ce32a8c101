"""What holds for every loss, as a function and as a module, and in every form that it has."""

import math
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixedLabels,
    MixupCrossEntropyLoss,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)
from dmmix.functional.losses.kernels import dispatch
from dmmix.functional.semi import kl_consistency, masked_cross_entropy, mean_squared_consistency
from tests.laws.data import generator, mixed_batch, noise
from tests.machine import needs_a_compiler
from tests.mixups.waits import Waits

C = 10
close = partial(assert_close, atol=1e-10, rtol=1e-10)
#: By name: the function, the module, and settings of both.
LOSSES = {
    "mixup CE": (mixup_cross_entropy, MixupCrossEntropyLoss, {}),
    "smoothed": (mixup_cross_entropy, MixupCrossEntropyLoss, dict(label_smoothing=0.1)),
    "DM(CE)": (decoupled_mixup_cross_entropy, DecoupledMixupLoss, dict(eta=0.5)),
    "all options": (
        decoupled_mixup_cross_entropy,
        DecoupledMixupLoss,
        dict(eta=1, decouple="less", rescale=(0.5, 0.8), min_share=0.1, label_smoothing=0.1),
    ),
    "DM(BCE)": (decoupled_mixup_bce, DecoupledMixupBCELoss, dict(t=0.5, xi=0.9)),
    "summed BCE": (decoupled_mixup_bce, DecoupledMixupBCELoss, dict(over_classes="sum")),
}
FORMS = ("eager", "few logits", "chunks")
every_loss = pytest.mark.parametrize("name", LOSSES)
functions = pytest.mark.parametrize(
    "function", [mixup_cross_entropy, decoupled_mixup_cross_entropy, decoupled_mixup_bce]
)


def function_of(name):
    function, _, settings = LOSSES[name]
    return partial(function, **settings)


@pytest.fixture(
    params=[(name, form) for name in LOSSES for form in (FORMS[:1] if "BCE" in name else FORMS)],
    ids=", ".join,
)
def loss(request, monkeypatch):
    """Each loss in each form; DM(BCE) has one."""
    name, form = request.param
    monkeypatch.setattr(dispatch, "FEW_LOGITS", 1 << 30 if form == "few logits" else 0)
    if "BCE" in name:
        return function_of(name)
    return partial(function_of(name), backend="eager" if form == "eager" else "single_pass")


def value_and_gradient(loss, logits, labels, **options):
    logits = logits.detach().requires_grad_()
    value = loss(logits, labels, reduction="none", **options)
    value.backward(torch.linspace(0.5, 2, len(value), dtype=value.dtype))
    return value.detach(), logits.grad


# -- values ------------------------------------------------------------------------------------


def test_reductions(loss):
    logits, labels = mixed_batch(7, C, 2)
    each = loss(logits, labels, reduction="none")
    assert each.shape == (7,)
    close(loss(logits, labels), each.mean())
    close(loss(logits, labels, reduction="sum"), each.sum())
    close(loss(logits, labels, avg_factor=3), each.sum() / 3)
    close(loss(logits, labels, avg_factor=7), each.mean())
    weight, factor = torch.linspace(0, 2, 7, dtype=torch.float64), torch.tensor(2.5)
    weighted = partial(loss, logits, labels, sample_weight=weight)
    close(weighted(reduction="none"), each * weight)
    close(weighted(), (each * weight).mean())
    close(weighted(avg_factor=factor), (each * weight).sum() / 2.5)


def test_a_sample_does_not_know_of_the_others(loss):
    logits, labels = mixed_batch(9, C, 3)
    each, gradient = value_and_gradient(loss, logits, labels)
    for rows in (slice(4, 5), slice(2, 4), torch.randperm(9, generator=generator())):
        close(loss(logits[rows], labels[rows], reduction="none"), each[rows])
    assert gradient.isfinite().all()


def test_no_samples(loss):
    logits = torch.zeros(0, 5, requires_grad=True)
    for labels in (torch.zeros(0, dtype=torch.long), mixed_batch(0, 5, 2)[1], torch.zeros(0, 5)):
        value = loss(logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.item() == 0
        assert gradient.shape == (0, 5)


@pytest.mark.parametrize(
    ("c", "k", "smoothing"), [(2, 2, 0), (C, 1, 0), (C, 1, 0.1), (C, 2, 0), (C, 2, 0.1), (C, 3, 0)]
)
def test_soft_labels_give_what_their_mixture_gives(loss, c, k, smoothing):
    logits, labels = mixed_batch(8, c, k, repeats=False)
    if smoothing:
        smoothing = torch.full((8,), smoothing, dtype=torch.float64)
        labels = MixedLabels(labels.classes, labels.shares, smoothing)
    options = {} if loss.func is decoupled_mixup_bce else dict(k=k)
    for ours, theirs in zip(
        value_and_gradient(loss, logits, labels.dense(c), **options),
        value_and_gradient(loss, logits, labels),
        strict=True,
    ):
        close(ours, theirs)


def test_integers_are_mixtures_of_one_class(loss):
    logits, target = noise(5, C), torch.tensor([0, 6, 3, 3, 1])
    expected = loss(logits, target)
    once = MixedLabels.from_labels(target, dtype=torch.float64)
    twice = MixedLabels(once.classes.repeat(1, 2), torch.tensor([[0.3, 0.7]] * 5).double())
    for labels in (once, twice, once.dense(C)):
        close(loss(logits, labels), expected)


def test_class_weights_are_weights(loss):
    logits, labels = mixed_batch(8, C, 2)
    one = torch.ones(C, dtype=torch.float64)
    close(loss(logits, labels, class_weight=one), loss(logits, labels))
    weight = torch.linspace(0, 3, C, dtype=torch.float64)
    twice = loss(logits, labels, class_weight=2 * weight)
    close(twice, 2 * loss(logits, labels, class_weight=weight))
    assert twice != loss(logits, labels)


# -- precision and gradients -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_low_precision_is_summed_in_float32(loss, dtype):
    logits, labels = mixed_batch(16, 100, 2)
    logits = logits.to(dtype)
    value, gradient = value_and_gradient(loss, logits, labels.to(torch.float32))
    exact, expected = value_and_gradient(loss, logits.double(), labels)
    assert value.dtype == torch.float32
    assert_close(value.double(), exact, atol=2e-6, rtol=2e-6)
    step = torch.finfo(dtype).eps
    assert gradient.dtype == dtype
    assert_close(gradient.double(), expected, atol=max(step**2, 1e-6), rtol=2 * step)


@pytest.mark.parametrize("scale", [1e2, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_huge_logits_stay_finite(loss, dtype, scale):
    logits, labels = mixed_batch(12, C, 2, scale=scale)
    logits = logits.to(dtype)
    value, gradient = value_and_gradient(loss, logits, labels.to(dtype))
    assert gradient.isfinite().all()
    exact, _ = value_and_gradient(loss, logits.double(), labels)
    assert_close(value.double(), exact, rtol=20 * torch.finfo(dtype).eps, atol=1e-5)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_gradients_by_differences(loss, k):
    logits, labels = mixed_batch(5, 6, k, scale=1.0)
    weight = torch.linspace(0.5, 2.0, 6, dtype=torch.float64)
    call = partial(loss, labels=labels, class_weight=weight, reduction="none")
    assert torch.autograd.gradcheck(call, logits.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_logits_in_any_layout_are_not_written_to(loss, dtype):
    z, labels = mixed_batch(6, C, 2)
    z, same = z.to(dtype), close if dtype == torch.float64 else assert_close
    layouts = (
        z,
        z.t().contiguous().t(),
        torch.stack([z, z], 2).flatten(1)[:, ::2],
        z[:1].expand(6, C),
    )
    for logits in layouts:
        before = logits.clone()
        found = value_and_gradient(loss, logits, labels)
        expected = value_and_gradient(loss, logits.contiguous(), labels)
        assert torch.equal(logits, before)
        for ours, theirs in zip(found, expected, strict=True):
            same(ours, theirs)


# -- devices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        *((name, "aot_eager") for name in LOSSES),
        *(
            pytest.param(name, "inductor", marks=[pytest.mark.slow, needs_a_compiler])
            for name in ("DM(CE)", "DM(BCE)")
        ),
    ],
)
@pytest.mark.parametrize("soft", [False, True])
def test_compiles_as_one_graph(name, backend, soft):
    logits, labels = mixed_batch(6, C, 2, repeats=False)

    def step(z, classes, shares):
        labels = MixedLabels(classes, shares)
        return function_of(name)(z, labels.dense(C) if soft else labels, reduction="sum")

    torch._dynamo.reset()
    results = []
    for form in (torch.compile(step, fullgraph=True, backend=backend), step):
        z = logits.clone().requires_grad_()
        value = form(z, labels.classes, labels.shares)
        results.append((value, *torch.autograd.grad(value, z)))
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_no_value_is_read(loss):
    """Labels made beforehand with ``check=False``, as a mix makes them."""
    logits, labels = mixed_batch(6, C, 2)
    labels = MixedLabels(labels.classes, labels.shares, check=False)
    with Waits() as waits:
        value_and_gradient(loss, logits, labels)
    assert waits.found == []


@every_loss
@pytest.mark.parametrize("soft", [False, True])
def test_off_the_cpu_nothing_depends_on_a_value(name, soft):
    """Meta tensors have no values: whatever asks for one raises."""
    logits, labels = mixed_batch(6, C, 2)
    labels = labels.dense(C) if soft else labels
    logits, labels = logits.to("meta").requires_grad_(), labels.to("meta")
    function_of(name)(logits, labels).backward()
    assert logits.grad.shape == (6, C)


@pytest.mark.cuda
@every_loss
@pytest.mark.parametrize("soft", [False, True])
def test_no_synchronisation_on_a_gpu(name, soft):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    logits, labels = mixed_batch(6, C, 2)
    labels = labels.dense(C) if soft else labels
    there, labels_there = logits.cuda().requires_grad_(), labels.to("cuda")
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        value = function_of(name)(there, labels_there)
        value.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_close(value.detach().cpu(), function_of(name)(logits, labels))


# -- modules -----------------------------------------------------------------------------------


@every_loss
def test_a_module_is_its_function(name):
    _, module, settings = LOSSES[name]
    function = function_of(name)
    logits, labels = mixed_batch(6, C, 2, repeats=False)
    weight = torch.linspace(0, 2, 6, dtype=torch.float64)
    class_weight = torch.linspace(0.5, 2, C, dtype=torch.float64)
    built = module(**settings, class_weight=class_weight.tolist(), loss_weight=2.0).double()
    function = partial(function, class_weight=class_weight.float().double())
    for given in (labels, labels.dense(C), torch.arange(6)):
        close(built(logits, given), 2 * function(logits, given))
    close(sum(built.parts(logits, labels).values()), 2 * function(logits, labels))
    expected = 2 * function(logits, labels, sample_weight=weight, avg_factor=3)
    close(built(logits, labels, weight=weight, avg_factor=3), expected)
    # mmpretrain's heads give a factor whatever the reduction is.
    rows = built(logits, labels, avg_factor=6, reduction_override="none")
    close(rows, 2 * function(logits, labels, reduction="none"))


@every_loss
def test_as_a_training_script_holds_it(name):
    """timm's train.py calls ``.to(device=...)`` on the loss, which a function does not have."""
    _, module, settings = LOSSES[name]
    built = module(**settings, class_weight=[1.0] * C).to(device=torch.device("cpu"))
    assert list(built.state_dict()) == []  # weights come from the script, not from a checkpoint
    logits = noise(4, C).requires_grad_()
    built(logits, torch.arange(4)).backward()
    assert logits.grad.isfinite().all()


# -- messages ----------------------------------------------------------------------------------

Z = torch.zeros(2, 4)
Y = torch.tensor([0, 1])


@functions
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(Z[0], Y), r"logits must be floating point \(N, C\), got .*\(4,\)"),
        (lambda f: f(Z.long(), Y), "logits must be floating point .*torch.int64"),
        (lambda f: f(Z, torch.tensor([0, 4])), r"classes must be in \[0, 4\).*got 4"),
        (lambda f: f(Z, torch.tensor([0, -1])), "classes must be .*got -1"),
        (lambda f: f(Z, Y[:1]), "2 rows of logits, but 1 labels"),
        (lambda f: f(Z, torch.eye(3)[:2]), r"soft labels must be \(N, C\) = \(2, 4\).*\(2, 3\)"),
        (lambda f: f(Z, torch.full((2, 4), 2.0)), r"soft labels must be in \[0, 1\], got 2"),
        (lambda f: f(Z, Y, class_weight=torch.ones(3)), r"class_weight must be \(4,\), got \(3,\)"),
        (lambda f: f(Z, Y, sample_weight=Z), r"sample_weight must be \(2,\), got \(2, 4\)"),
        (lambda f: f(Z, Y, reduction="avg"), "reduction must be .*got 'avg'"),
        (lambda f: f(Z, Y, reduction="sum", avg_factor=2), "avg_factor goes with .*got .*'sum'"),
        (lambda f: f(Z, Y, reduction="none", avg_factor=2), "avg_factor goes with .*got .*'none'"),
    ],
)
def test_errors_of_a_call(function, call, message):
    with pytest.raises(ValueError, match=message):
        call(function)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("DM(CE)", dict(eta=-0.1), r"eta must be 0 or more, got -0\.1"),
        ("DM(CE)", dict(eta=math.nan), "eta must be 0 or more, got nan"),
        ("DM(CE)", dict(decouple="both"), "decouple must be 'all', 'more', 'less' .*got 'both'"),
        ("DM(CE)", dict(rescale=(-1.0, 1.0)), r"t must be 0 or more, got -1\.0"),
        ("DM(CE)", dict(rescale=(1.0, 2.0)), r"xi must be in \(0, 1\], got 2\.0"),
        ("DM(CE)", dict(min_share=0.5), r"min_share must be in \[0, 0\.5\), got 0\.5"),
        ("DM(CE)", dict(label_smoothing=1.0), r"label_smoothing must be in \[0, 1\), got 1\.0"),
        ("mixup CE", dict(label_smoothing=-0.1), r"label_smoothing must be in .* got -0\.1"),
        ("DM(BCE)", dict(t=-1.0), r"t must be 0 or more, got -1\.0"),
        ("DM(BCE)", dict(xi=0.0), r"xi must be in \(0, 1\], got 0\.0"),
        ("DM(BCE)", dict(over_classes="max"), "over_classes must be 'sum' or 'mean', got 'max'"),
    ],
)
def test_errors_of_settings(name, settings, message):
    """The module says so where it is built, the function where it is called."""
    function, module, _ = LOSSES[name]
    with pytest.raises(ValueError, match=message):
        function(Z, Y, **settings)
    with pytest.raises(ValueError, match=message):
        module(**settings)


@pytest.mark.parametrize("function", [mixup_cross_entropy, decoupled_mixup_cross_entropy])
def test_errors_of_a_backend(function):
    with pytest.raises(ValueError, match="'eager' or 'single_pass', got 'fast'"):
        function(Z, Y, backend="fast")


# -- consistency -------------------------------------------------------------------------------

CONSISTENCIES = [masked_cross_entropy, kl_consistency, mean_squared_consistency]
consistency = pytest.mark.parametrize("function", CONSISTENCIES)


@consistency
def test_consistency_with_distributions(function):
    """Precision, gradients, no samples, large logits and shapes, as for the losses above."""
    z, target = noise(7, 4), noise(7, 4, seed=1).softmax(dim=1)
    assert torch.autograd.gradcheck(lambda z: function(z, target), z.requires_grad_())
    z = z.detach()
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        low = z.to(dtype), target.to(dtype)
        found = function(*low)
        assert found.dtype == torch.float32
        exact = function(*(part.double() for part in low))
        assert_close(found.double(), exact, rtol=1e-5, atol=1e-6)
    none = torch.zeros(0, 3, requires_grad=True)
    found = function(none, torch.zeros(0, 3))
    found.backward()
    assert found.item() == 0
    large = torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)  # exp(1000) is no float
    found = function(large, torch.tensor([[0.0, 1.0, 0.0]]))
    found.backward()
    assert found.item() == pytest.approx(2 / 3 if function is CONSISTENCIES[2] else 1000.0)
    assert large.grad.isfinite().all()
    with pytest.raises(ValueError, match=r"target must be \(N,\) integers or \(N, C\) = \(7, 4\)"):
        function(z, torch.ones(7, 5))
    with pytest.raises(ValueError, match=r"logits must be floating point \(N, C\)"):
        function(z.long(), target)
