"""The losses against slow loops, the paper's gradients, and torch's own cross entropies."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    decoupled_mixup_terms,
    mixup_cross_entropy,
)

from . import reference
from .batches import each_sample, random_batch

SHAPES = [(6, 2, 2), (8, 3, 2), (9, 10, 1), (12, 10, 2), (8, 10, 3), (8, 12, 4), (5, 1000, 2)]
OPTIONS = [
    {},
    {"decouple": "more"},
    {"decouple": "less"},
    {"rescale": (1.0, 0.8)},
    {"rescale": (0.5, 1.0), "decouple": "less"},
    {"min_share": 0.2},
    {"min_share": 0.3, "decouple": "more", "rescale": (0.0, 1.0)},
]


@pytest.fixture(params=["eager", "single_pass"])
def backend(request):
    return request.param


def exactly(actual, expected):
    assert_close(actual, expected, atol=1e-12, rtol=1e-12)


def pairs(a, b, lam, dtype=torch.float64):
    lam = torch.as_tensor(lam, dtype=dtype)
    return MixedLabels(torch.tensor([a, b]).T, torch.stack([lam, 1 - lam], dim=1))


# -- against the reference -------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_terms_equal_the_reference(shape, options, backend):
    logits, labels = random_batch(*shape)
    terms = decoupled_mixup_terms(logits, labels, backend=backend, **options)
    exactly(terms.mixup, each_sample("mixup_cross_entropy", logits, labels))
    exactly(terms.decoupled, each_sample("decoupled_term", logits, labels, **options))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_dm_ce_equals_the_reference(shape, eta, smoothing, weighted, backend):
    logits, labels = random_batch(*shape, seed=1)
    weight = torch.linspace(0.2, 3.0, shape[1], dtype=torch.float64) if weighted else None
    loss = decoupled_mixup_cross_entropy(
        logits,
        labels,
        eta,
        label_smoothing=smoothing,
        class_weight=weight,
        reduction="none",
        backend=backend,
    )
    weight = None if weight is None else weight.tolist()
    expected = each_sample(
        "dm_ce", logits, labels, eta=eta, smoothing=smoothing, class_weight=weight
    )
    exactly(loss, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_mask_keeps_the_terms_it_names(shape, backend):
    logits, labels = random_batch(*shape, seed=2)
    mask = torch.rand(labels.classes.shape, generator=torch.Generator().manual_seed(3)) < 0.5
    terms = decoupled_mixup_terms(logits, labels, decouple=mask, backend=backend)
    rows = zip(
        logits.tolist(),
        labels.classes.tolist(),
        labels.shares.tolist(),
        mask.tolist(),
        strict=True,
    )
    expected = [reference.decoupled_term(z, c, s, decouple=m) for z, c, s, m in rows]
    exactly(terms.decoupled, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_soft_labels_give_what_their_mixture_gives(shape, backend):
    logits, labels = random_batch(*shape, repeats=False)
    dense = labels.dense(shape[1])
    soft = decoupled_mixup_terms(logits, dense, k=shape[2], backend=backend)
    terms = decoupled_mixup_terms(logits, labels, backend=backend)
    assert_close(soft.mixup, terms.mixup, atol=1e-10, rtol=1e-10)
    assert_close(soft.decoupled, terms.decoupled, atol=1e-10, rtol=1e-10)


def test_the_decoupled_softmax_of_a_pair_by_hand(backend):
    # exp z = 2, 3, 5: phi^{0,1} = 2/(2+5), phi^{1,0} = 3/(3+5).
    logits = torch.tensor([[2.0, 3.0, 5.0]], dtype=torch.float64).log()
    terms = decoupled_mixup_terms(logits, pairs([0], [1], [0.3]), backend=backend)
    assert terms.decoupled.item() == pytest.approx(-math.log(2 / 7) - math.log(3 / 8))
    assert terms.mixup.item() == pytest.approx(-0.3 * math.log(0.2) - 0.7 * math.log(0.3))


def test_when_every_class_is_mixed_in_nothing_is_left_to_decouple(backend):
    logits = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    terms = decoupled_mixup_terms(logits, pairs([0] * 3, [1] * 3, [0.2, 0.5, 0.9]), backend=backend)
    assert terms.decoupled.tolist() == [0.0, 0.0, 0.0]
    (grad,) = torch.autograd.grad(terms.decoupled.sum() + terms.mixup.sum(), logits)
    shares = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    exactly(grad, (logits.softmax(1) - shares).detach())


# -- precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_low_precision_logits_are_accumulated_in_float32(dtype, backend):
    logits, labels = random_batch(16, 100, 2)
    logits = logits.to(dtype).requires_grad_()
    exact = logits.detach().double().requires_grad_()
    loss = decoupled_mixup_cross_entropy(
        logits, labels.to(torch.float32), reduction="none", backend=backend
    )
    expected = decoupled_mixup_cross_entropy(exact, labels, reduction="none", backend="eager")
    assert loss.dtype == torch.float32
    assert_close(loss.double(), expected, atol=2e-6, rtol=2e-6)
    loss.sum().backward()
    expected.sum().backward()
    assert logits.grad.dtype == dtype
    step = torch.finfo(dtype).eps
    assert_close(logits.grad.double(), exact.grad, atol=max(step**2, 1e-6), rtol=2 * step)


@pytest.mark.parametrize("scale", [1e2, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_stay_finite_in_value_and_gradient(dtype, scale, backend):
    logits, labels = random_batch(12, 10, 2, scale=scale)
    logits = logits.to(dtype).requires_grad_()
    loss = decoupled_mixup_cross_entropy(
        logits, labels.to(dtype), 1.0, label_smoothing=0.1, reduction="none", backend=backend
    )
    loss.sum().backward()
    assert logits.grad.isfinite().all()
    expected = each_sample("dm_ce", logits.detach(), labels.to(dtype), eta=1.0, smoothing=0.1)
    assert_close(loss.detach().double(), expected, rtol=20 * torch.finfo(dtype).eps, atol=1e-5)
    bce = decoupled_mixup_bce(logits, labels.to(dtype))
    (grad,) = torch.autograd.grad(bce, logits)
    assert bce.isfinite()
    assert grad.isfinite().all()


# -- gradients -------------------------------------------------------------------------------


def closed_form_mce_gradient(z, a, b, lam):
    """p_a - lam at a, p_b - (1 - lam) at b, p_c elsewhere."""
    grad = z.softmax(0).clone()
    grad[a] -= lam
    grad[b] -= 1 - lam
    return grad


def closed_form_decoupled_gradient(z, a, b):
    """-sigmoid(o - z_i) at a mixed class, exp(z_l - o) sum_i sigmoid(o - z_i) elsewhere."""
    others = [c for c in range(len(z)) if c not in (a, b)]
    o = z[others].logsumexp(0)
    push = torch.sigmoid(o - z)
    grad = (z - o).exp() * (push[a] + push[b])
    grad[a], grad[b] = -push[a], -push[b]
    return grad


@pytest.mark.parametrize("lam", [0.0, 0.05, 0.3, 0.5, 0.95])
def test_gradients_are_the_papers(lam, backend):
    generator = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(7, generator=generator, dtype=torch.float64)
    logits = z[None].clone().requires_grad_()
    terms = decoupled_mixup_terms(logits, pairs([5], [2], [lam]), backend=backend)
    (mixup,) = torch.autograd.grad(terms.mixup.sum(), logits, retain_graph=True)
    (decoupled,) = torch.autograd.grad(terms.decoupled.sum(), logits)
    exactly(mixup[0], closed_form_mce_gradient(z, 5, 2, lam))
    none = torch.zeros_like(z)
    exactly(decoupled[0], none if lam == 0 else closed_form_decoupled_gradient(z, 5, 2))


def test_the_decoupled_term_raises_one_mixed_class_whatever_the_other_does(backend):
    """What the method is about: z_a does not pull against z_b."""
    grads = []
    for z_b in (-5.0, 0.0, 5.0):
        logits = torch.tensor([[1.0, z_b, 0.5, -0.5]], dtype=torch.float64, requires_grad=True)
        terms = decoupled_mixup_terms(logits, pairs([0], [1], [0.5]), backend=backend)
        (grad,) = torch.autograd.grad(terms.decoupled.sum(), logits)
        grads.append(grad[0, 0])
    assert grads[0] < 0
    assert grads[0] == grads[1] == grads[2]


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"decouple": "less", "rescale": (0.5, 0.8)}, {"label_smoothing": 0.1, "min_share": 0.1}],
    ids=str,
)
def test_gradcheck(k, options, backend):
    logits, labels = random_batch(6, 5, k)
    logits.requires_grad_()
    weight = torch.linspace(0.5, 2.0, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda z: tuple(
            decoupled_mixup_terms(z, labels, class_weight=weight, backend=backend, **options)
        ),
        logits,
    )


def test_gradgradcheck_of_the_eager_form():
    logits, labels = random_batch(4, 5, 2)
    logits.requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda z: tuple(decoupled_mixup_terms(z, labels, backend="eager")), logits
    )


def test_only_one_of_the_terms_may_be_used(backend):
    logits, labels = random_batch(6, 5, 2)
    logits.requires_grad_()
    for part in (0, 1):
        terms = decoupled_mixup_terms(logits, labels, backend=backend)
        (grad,) = torch.autograd.grad(terms[part].sum(), logits)
        eager = decoupled_mixup_terms(logits, labels, backend="eager")
        (expected,) = torch.autograd.grad(eager[part].sum(), logits)
        exactly(grad, expected)


@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_the_logits_are_not_written_to(function):
    logits, labels = random_batch(6, 5, 2)
    logits.requires_grad_()
    before = logits.detach().clone()
    function(logits, labels).backward()
    assert torch.equal(logits.detach(), before)


def test_logits_need_not_be_contiguous(backend):
    logits, labels = random_batch(6, 5, 2)
    sliced = torch.stack([logits, logits], dim=2)[:, :, 0].requires_grad_()
    assert not sliced.is_contiguous()
    loss = decoupled_mixup_cross_entropy(sliced, labels, backend=backend)
    exactly(loss, decoupled_mixup_cross_entropy(logits, labels, backend="eager"))
    (grad,) = torch.autograd.grad(loss, sliced)
    assert grad.shape == logits.shape


# -- what a share decides --------------------------------------------------------------------


def test_the_loss_is_continuous_in_lam_through_one_half(backend):
    logits = torch.randn(1, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-9
    values = [
        decoupled_mixup_cross_entropy(logits, pairs([1], [2], [lam]), 1.0, backend=backend).item()
        for lam in (0.5 - step, 0.5, 0.5 + step)
    ]
    assert values == pytest.approx([values[1]] * 3, abs=1e-7)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_the_decoupled_term_goes_off_at_a_share_of_zero_only(end, backend):
    logits = torch.randn(1, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def term(lam):
        return decoupled_mixup_terms(logits, pairs([1], [2], [lam]), backend=backend).decoupled

    full = term(0.5).item()
    assert full > 1
    assert term(end).item() == 0
    assert term(abs(end - 1e-12)).item() == pytest.approx(full)


def test_min_share_turns_small_shares_off(backend):
    logits = torch.randn(4, 6, dtype=torch.float64)
    labels = pairs([0] * 4, [1] * 4, [0.05, 0.1, 0.11, 0.95])
    terms = decoupled_mixup_terms(logits, labels, min_share=0.1, backend=backend)
    assert (terms.decoupled > 0).tolist() == [False, False, True, False]
    exactly(terms.mixup, decoupled_mixup_terms(logits, labels, backend=backend).mixup)


def test_both_images_of_one_class_is_plain_cross_entropy(backend):
    logits, _ = random_batch(5, 7, 1)
    target = torch.tensor([0, 6, 3, 3, 1])
    labels = MixedLabels(
        torch.stack([target, target], 1), torch.tensor([[0.3, 0.7]] * 5, dtype=torch.float64)
    )
    loss = decoupled_mixup_cross_entropy(logits, labels, 1.0, reduction="none", backend=backend)
    exactly(loss, F.cross_entropy(logits, target, reduction="none"))


@pytest.mark.parametrize("make", [lambda t: t, lambda t: F.one_hot(t, 7).double()])
def test_unmixed_labels_are_plain_cross_entropy(make, backend):
    logits, _ = random_batch(5, 7, 1)
    target = torch.tensor([0, 6, 3, 3, 1])
    loss = decoupled_mixup_cross_entropy(
        logits, make(target), 1.0, reduction="none", backend=backend
    )
    exactly(loss, F.cross_entropy(logits, target, reduction="none"))


def test_the_side_with_more_or_less(backend):
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]] * 3, dtype=torch.float64)
    labels = pairs([0, 0, 0], [1, 1, 1], [0.3, 0.5, 0.7])
    own = [-reference.log_phi(logits[0].tolist(), i, [1 - i]) for i in (0, 1)]
    more = decoupled_mixup_terms(logits, labels, decouple="more", backend=backend).decoupled
    less = decoupled_mixup_terms(logits, labels, decouple="less", backend=backend).decoupled
    assert more.tolist() == pytest.approx([own[1], sum(own), own[0]])
    assert less.tolist() == pytest.approx([own[0], sum(own), own[1]])


def test_the_asymmetrical_strategy_keeps_the_labelled_class_only(backend):
    """Eq. of the AS: MCE on both, eta softplus(o - z_a) for the labelled class a alone."""
    z = [0.5, -1.0, 2.0, 0.3]
    logits = torch.tensor([z], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, False]])
    loss = decoupled_mixup_cross_entropy(
        logits, pairs([1], [3], [0.2]), 0.7, decouple=mask, backend=backend
    )
    o = math.log(math.exp(z[0]) + math.exp(z[2]))
    mce = reference.mixup_cross_entropy(z, [1, 3], [0.2, 0.8])
    assert loss.item() == pytest.approx(mce + 0.7 * math.log1p(math.exp(o - z[1])))


def test_a_mask_on_one_slot_of_a_repeated_class_keeps_the_class(backend):
    logits, _ = random_batch(1, 6, 1)
    labels = MixedLabels(
        torch.tensor([[2, 2, 4]]), torch.tensor([[0.3, 0.3, 0.4]], dtype=torch.float64)
    )
    for mask in ([True, False, False], [False, True, False]):
        terms = decoupled_mixup_terms(
            logits, labels, decouple=torch.tensor([mask]), backend=backend
        )
        expected = -reference.log_phi(logits[0].tolist(), 2, [4])
        assert terms.decoupled.item() == pytest.approx(expected)


def test_eta_a_sample(backend):
    logits, labels = random_batch(6, 5, 2)
    eta = torch.tensor([0.0, 0.1, 0.2, 0.5, 1.0, 2.0], dtype=torch.float64)
    loss = decoupled_mixup_cross_entropy(logits, labels, eta, reduction="none", backend=backend)
    one_by_one = [
        decoupled_mixup_cross_entropy(logits[i : i + 1], labels[i : i + 1], eta[i].item())
        for i in range(6)
    ]
    exactly(loss, torch.stack(one_by_one))
    scalar = decoupled_mixup_cross_entropy(logits, labels, torch.tensor(0.5), backend=backend)
    exactly(scalar, decoupled_mixup_cross_entropy(logits, labels, 0.5, backend=backend))


# -- reduction, weights, smoothing -----------------------------------------------------------


@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_reductions(function):
    logits, labels = random_batch(7, 5, 2)
    each = function(logits, labels, reduction="none")
    assert each.shape == (7,)
    exactly(function(logits, labels), each.mean())
    exactly(function(logits, labels, reduction="sum"), each.sum())
    exactly(function(logits, labels, avg_factor=3), each.sum() / 3)
    weight = torch.linspace(0, 2, 7, dtype=torch.float64)
    exactly(function(logits, labels, sample_weight=weight), (each * weight).sum() / 7)
    exactly(function(logits, labels, sample_weight=weight, reduction="none"), each * weight)
    factor = torch.tensor(2.5, dtype=torch.float64)
    exactly(
        function(logits, labels, sample_weight=weight, avg_factor=factor),
        (each * weight).sum() / 2.5,
    )


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_cross_entropy_equals_torch_with_soft_labels(k, smoothing, weighted, backend):
    logits, labels = random_batch(9, 10, k)
    weight = torch.linspace(0.2, 3.0, 10, dtype=torch.float64) if weighted else None
    loss = mixup_cross_entropy(
        logits, labels, label_smoothing=smoothing, class_weight=weight, backend=backend
    )
    exactly(
        loss,
        F.cross_entropy(logits, labels.dense(10), weight=weight, label_smoothing=smoothing),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothing_in_the_labels_is_smoothing_by_the_loss(weighted, backend):
    logits, labels = random_batch(9, 10, 2, repeats=False)
    weight = torch.linspace(0.2, 3.0, 10, dtype=torch.float64) if weighted else None
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    options = dict(class_weight=weight, reduction="none", backend=backend)
    by_loss = decoupled_mixup_cross_entropy(logits, labels, label_smoothing=0.1, **options)
    exactly(decoupled_mixup_cross_entropy(logits, smooth, **options), by_loss)
    assert_close(
        decoupled_mixup_cross_entropy(logits, smooth.dense(10), **options),
        by_loss,
        atol=1e-10,
        rtol=1e-10,
    )


def test_smoothing_twice_equals_torch_smoothing_smoothed_labels(backend):
    logits, labels = random_batch(9, 10, 2)
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    loss = mixup_cross_entropy(logits, smooth, label_smoothing=0.2, backend=backend)
    exactly(loss, F.cross_entropy(logits, smooth.dense(10), label_smoothing=0.2))


def test_an_even_label_is_the_mean_of_minus_log_p(backend):
    logits, _ = random_batch(3, 10, 1)
    loss = decoupled_mixup_cross_entropy(
        logits,
        torch.full((3, 10), 0.1, dtype=torch.float64),
        1.0,
        reduction="none",
        backend=backend,
    )
    exactly(loss, -logits.log_softmax(1).mean(1))


def test_an_empty_batch(backend):
    logits = torch.zeros(0, 5, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.long)
    loss = decoupled_mixup_cross_entropy(logits, labels, reduction="sum", backend=backend)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 5)


# -- DM(BCE) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("t", "xi"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.8), (0.5, 1.0), (2.0, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_dm_bce_equals_the_reference(shape, t, xi, weighted):
    n, num_classes, _ = shape
    logits, labels = random_batch(*shape, seed=4)
    weight = torch.linspace(0.2, 3.0, num_classes, dtype=torch.float64) if weighted else None
    loss = decoupled_mixup_bce(
        logits, labels, t, xi, class_weight=weight, over_classes="sum", reduction="none"
    )
    rows = zip(logits.tolist(), labels.classes.tolist(), labels.shares.tolist(), strict=True)
    expected = [
        reference.binary_cross_entropy(
            z,
            reference.bce_target(c, s, num_classes, t, xi),
            None if weight is None else weight.tolist(),
        )
        for z, c, s in rows
    ]
    assert len(expected) == n
    assert_close(loss, torch.tensor(expected, dtype=torch.float64), atol=1e-11, rtol=1e-12)
    mean = decoupled_mixup_bce(logits, labels, t, xi, class_weight=weight, reduction="none")
    assert_close(mean * num_classes, loss, atol=1e-11, rtol=1e-12)


def test_dm_bce_with_t_of_0_is_two_hot():
    logits, labels = random_batch(6, 8, 2, zeros=False)
    two_hot = (labels.dense(8) > 0).double()
    exactly(
        decoupled_mixup_bce(logits, labels, t=0.0),
        F.binary_cross_entropy_with_logits(logits, two_hot),
    )


def test_dm_bce_with_t_and_xi_of_1_is_plain_mixed_bce():
    logits, labels = random_batch(6, 8, 3)
    exactly(
        decoupled_mixup_bce(logits, labels, t=1.0, xi=1.0),
        F.binary_cross_entropy_with_logits(logits, labels.dense(8)),
    )


@pytest.mark.parametrize(("t", "xi"), [(0.0, 1.0), (1.0, 0.8), (0.5, 1.0)])
def test_dm_bce_of_soft_labels_is_that_of_the_mixture(t, xi):
    logits, labels = random_batch(6, 8, 2, repeats=False)
    assert_close(
        decoupled_mixup_bce(logits, labels.dense(8), t, xi),
        decoupled_mixup_bce(logits, labels, t, xi),
        atol=1e-10,
        rtol=1e-10,
    )


@pytest.mark.parametrize("lam", [0.3, 0.5])
def test_dm_bce_of_two_classes_both_mixed_in(lam):
    """Where every class is mixed in, what all of them have is no smoothing."""
    logits = torch.tensor([[0.5, -1.5]], dtype=torch.float64)
    target = [reference.rescaled(lam, 1.0, 0.8), reference.rescaled(1 - lam, 1.0, 0.8)]
    expected = reference.binary_cross_entropy(logits[0].tolist(), target) / 2
    labels = pairs([0], [1], [lam])
    for given in (labels, labels.dense(2)):
        assert decoupled_mixup_bce(logits, given).item() == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.3, 1.0])
def test_dm_bce_of_a_row_with_every_class(value):
    logits = torch.tensor([[0.5, -1.5, 0.0, 2.0]], dtype=torch.float64)
    targets = torch.full((1, 4), value, dtype=torch.float64)
    target = [reference.rescaled(value, 1.0, 0.8)] * 4
    expected = reference.binary_cross_entropy(logits[0].tolist(), target) / 4
    assert decoupled_mixup_bce(logits, targets).item() == pytest.approx(expected)


def test_dm_bce_keeps_smoothing():
    logits, labels = random_batch(6, 8, 2, repeats=False)
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((6,), 0.1, dtype=torch.float64))
    target = torch.tensor(
        [
            reference.bce_target(c, s, 8, 1.0, 0.8)
            for c, s in zip(labels.classes.tolist(), labels.shares.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )
    expected = F.binary_cross_entropy_with_logits(logits, 0.9 * target + 0.1 / 8)
    exactly(decoupled_mixup_bce(logits, smooth), expected)
    assert_close(decoupled_mixup_bce(logits, smooth.dense(8)), expected, atol=1e-10, rtol=1e-10)


def test_dm_bce_of_multi_label_targets():
    logits, _ = random_batch(3, 4, 1)
    targets = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=torch.float64)
    exactly(
        decoupled_mixup_bce(logits, targets),
        F.binary_cross_entropy_with_logits(logits, targets),
    )
    mixed = 0.4 * targets + 0.6 * targets.roll(1, 0)
    expected = torch.tensor([[reference.rescaled(v, 1.0, 0.8) for v in row] for row in mixed[:1]])
    exactly(
        decoupled_mixup_bce(logits[:1], mixed[:1]),
        F.binary_cross_entropy_with_logits(logits[:1], expected.double()),
    )


def test_dm_bce_in_low_precision():
    logits, labels = random_batch(8, 20, 2)
    low = logits.bfloat16().requires_grad_()
    loss = decoupled_mixup_bce(low, labels.to(torch.float32))
    assert loss.dtype == torch.float32
    expected = decoupled_mixup_bce(low.detach().double(), labels)
    assert_close(loss.double(), expected, atol=1e-6, rtol=1e-6)
    loss.backward()
    assert low.grad.dtype == torch.bfloat16


# -- arguments -------------------------------------------------------------------------------

Z = torch.zeros(2, 4)
Y = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(Z[0], Y), r"logits must be floating point \(N, C\), got .*\(4,\)"),
        (lambda f: f(Z.long(), Y), "logits must be floating point .*torch.int64"),
        (lambda f: f(Z, torch.tensor([0, 4])), r"classes must be in \[0, 4\).*got 4"),
        (lambda f: f(Z, torch.tensor([0, -1])), "classes must be .*got -1"),
        (lambda f: f(Z, Y[:1]), "2 rows of logits, but 1 labels"),
        (lambda f: f(Z, torch.eye(3)[:2]), r"soft labels must be \(N, C\) = \(2, 4\).*\(2, 3\)"),
        (lambda f: f(Z, Y, class_weight=torch.ones(3)), r"class_weight must be \(4,\), got \(3,\)"),
        (lambda f: f(Z, Y, sample_weight=Z), r"sample_weight must be \(2,\), got \(2, 4\)"),
        (lambda f: f(Z, Y, reduction="avg"), "reduction must be .*got 'avg'"),
        (lambda f: f(Z, Y, reduction="sum", avg_factor=2), "avg_factor goes with .*got .*'sum'"),
        (lambda f: f(Z, Y, reduction="none", avg_factor=2), "avg_factor goes with .*got .*'none'"),
    ],
)
@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_errors_name_the_argument_and_what_is_allowed(function, call, message):
    with pytest.raises(ValueError, match=message):
        call(function)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eta": -0.1}, r"eta must be 0 or more, got -0\.1"),
        ({"eta": math.nan}, "eta must be 0 or more, got nan"),
        ({"eta": torch.ones(3)}, r"eta must be a number or \(2,\), got \(3,\)"),
        ({"decouple": "both"}, "decouple must be 'all', 'more', 'less' .*got 'both'"),
        ({"decouple": torch.ones(2, 1, dtype=torch.bool)}, "mask names slots of MixedLabels"),
        ({"rescale": (-1.0, 1.0)}, r"t must be 0 or more, got -1\.0"),
        ({"rescale": (1.0, 2.0)}, r"xi must be in \(0, 1\], got 2\.0"),
        ({"min_share": 0.5}, r"min_share must be in \[0, 0\.5\), got 0\.5"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1\.0"),
        ({"backend": "fast"}, "backend must be 'auto', 'eager' or 'single_pass', got 'fast'"),
    ],
)
def test_errors_of_dm_ce(options, message):
    with pytest.raises(ValueError, match=message):
        decoupled_mixup_cross_entropy(Z, Y, **options)


def test_a_mask_needs_labels_with_slots():
    """The classes of soft labels come in the order of their shares, not as (a, b)."""
    labels = pairs([0, 1], [2, 3], [0.2, 0.7], dtype=torch.float32)
    mask = torch.tensor([[True, False], [True, False]])
    assert decoupled_mixup_cross_entropy(Z, labels, decouple=mask).isfinite()
    for wrong, message in [
        (mask.float(), "decouple must be a bool mask .*float32"),
        (mask[:, :1], r"bool mask \(2, 2\) like the classes, got torch.bool \(2, 1\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            decoupled_mixup_cross_entropy(Z, labels, decouple=wrong)
    with pytest.raises(ValueError, match="mask names slots of MixedLabels"):
        decoupled_mixup_cross_entropy(Z, labels.dense(4), decouple=mask)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (Y, {"t": -1.0}, r"t must be 0 or more, got -1\.0"),
        (Y, {"xi": 0.0}, r"xi must be in \(0, 1\], got 0\.0"),
        (Y, {"over_classes": "max"}, "over_classes must be 'sum' or 'mean', got 'max'"),
        (torch.full((2, 4), 2.0), {}, r"soft labels must be in \[0, 1\], got 2"),
    ],
)
def test_errors_of_dm_bce(labels, options, message):
    with pytest.raises(ValueError, match=message):
        decoupled_mixup_bce(Z, labels, **options)


# -- compiled, and without waiting for the device --------------------------------------------

LOSSES = [
    (decoupled_mixup_cross_entropy, {}),
    (decoupled_mixup_cross_entropy, {"decouple": "less", "rescale": (1.0, 0.8), "min_share": 0.1}),
    (decoupled_mixup_cross_entropy, {"label_smoothing": 0.1, "reduction": "none"}),
    (mixup_cross_entropy, {}),
    (decoupled_mixup_bce, {}),
]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=str)
def test_compiles_as_one_graph(function, options, soft):
    logits, labels = random_batch(6, 10, 2, repeats=False)
    classes, shares = labels.classes, labels.shares

    def step(z, classes, shares):
        labels = MixedLabels(classes, shares)
        return function(z, labels.dense(10) if soft else labels, **options)

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    out, expected = compiled(ours, classes, shares), step(theirs, classes, shares)
    assert_close(out, expected, atol=1e-9, rtol=1e-9)
    out.sum().backward()
    expected.sum().backward()
    assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_compiled_code_gives_the_same_numbers(function):
    logits, labels = random_batch(16, 100, 2)
    ours, theirs = (logits.float().requires_grad_() for _ in range(2))
    ours = ours.detach().clone().requires_grad_()
    labels = labels.to(torch.float32)
    torch._dynamo.reset()
    loss = torch.compile(function, fullgraph=True)(ours, labels)
    expected = function(theirs, labels)
    assert_close(loss, expected)
    loss.backward()
    expected.backward()
    assert_close(ours.grad, theirs.grad)


class ReadsOfValues(TorchDispatchMode):
    """Counts the operations that hand a tensor's value (or a data-dependent shape) to Python:
    on an accelerator each of them waits for the device."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal", "is_nonzero")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in self.NAMES:
            self.seen.append(name)
        return function(*args, **(kwargs or {}))


def test_the_count_of_reads_counts():
    with ReadsOfValues() as reads:
        torch.ones(3).nonzero()
        float(torch.ones(()))
    assert reads.seen == ["nonzero", "_local_scalar_dense"]


@pytest.mark.parametrize(("function", "options"), LOSSES, ids=str)
def test_no_value_is_read_by_the_loss(function, options):
    """Labels made beforehand with ``check=False``, as a mix makes them."""
    logits, labels = random_batch(6, 10, 2)
    logits.requires_grad_()
    labels = MixedLabels(labels.classes, labels.shares, check=False)
    with ReadsOfValues() as reads:
        function(logits, labels, **options).sum().backward()
    assert reads.seen == []


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=str)
def test_off_the_cpu_nothing_depends_on_a_value(function, options, soft):
    """Meta tensors have no values: whatever asks for one raises."""
    logits, labels = random_batch(6, 10, 2)
    labels = labels.dense(10) if soft else labels
    logits, labels = logits.to("meta").requires_grad_(), labels.to("meta")
    function(logits, labels, **options).sum().backward()
    assert logits.grad.shape == (6, 10)


@pytest.mark.cuda
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("function", "options"), LOSSES, ids=str)
def test_no_synchronisation_on_a_gpu(function, options, soft):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    logits, labels = random_batch(6, 10, 2)
    logits, labels = logits.cuda().requires_grad_(), labels.to("cuda")
    labels = labels.dense(10) if soft else labels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss = function(logits, labels, **options).sum()
        loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    here = function(logits.detach().cpu(), labels.to("cpu"), **options).sum()
    assert_close(loss.detach().cpu(), here)
