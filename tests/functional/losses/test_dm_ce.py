"""DM(CE) against slow loops written from the paper."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy, decoupled_mixup_terms
from tests.laws.data import generator, mixed_batch, noise, pairs

from . import reference
from .comparing import SHAPES, each_sample, exactly

OPTIONS = [
    {},
    {"decouple": "more"},
    {"decouple": "less"},
    {"rescale": (1.0, 0.8)},
    {"rescale": (0.5, 1.0), "decouple": "less"},
    {"min_share": 0.2},
    {"min_share": 0.3, "decouple": "more", "rescale": (0.0, 1.0)},
]


# -- against the reference ---------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_terms_equal_the_reference(shape, options, backend):
    logits, labels = mixed_batch(*shape)
    terms = decoupled_mixup_terms(logits, labels, backend=backend, **options)
    exactly(terms.mixup, each_sample("mixup_cross_entropy", logits, labels))
    exactly(terms.decoupled, each_sample("decoupled_term", logits, labels, **options))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_dm_ce_equals_the_reference(shape, eta, smoothing, weighted, backend):
    logits, labels = mixed_batch(*shape, seed=1)
    weight = torch.linspace(0.2, 3.0, shape[1], dtype=torch.float64) if weighted else None
    options = dict(label_smoothing=smoothing, class_weight=weight, backend=backend)
    loss = decoupled_mixup_cross_entropy(logits, labels, eta, reduction="none", **options)
    weight = None if weight is None else weight.tolist()
    expected = each_sample(
        "dm_ce", logits, labels, eta=eta, smoothing=smoothing, class_weight=weight
    )
    exactly(loss, expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_mask_keeps_the_terms_it_names(shape, backend):
    logits, labels = mixed_batch(*shape, seed=2)
    mask = torch.rand(labels.classes.shape, generator=generator(3)) < 0.5
    terms = decoupled_mixup_terms(logits, labels, decouple=mask, backend=backend)
    for n, kept in enumerate(mask.tolist()):
        row = slice(n, n + 1)
        expected = each_sample("decoupled_term", logits[row], labels[row], decouple=kept)
        exactly(terms.decoupled[row], expected)


def test_the_decoupled_softmax_of_a_pair_by_hand(backend):
    # exp z = 2, 3, 5: phi^{0,1} = 2/(2+5), phi^{1,0} = 3/(3+5).
    logits = torch.tensor([[2.0, 3.0, 5.0]], dtype=torch.float64).log()
    terms = decoupled_mixup_terms(logits, pairs([0], [1], [0.3]), backend=backend)
    assert terms.decoupled.item() == pytest.approx(-math.log(2 / 7) - math.log(3 / 8))
    assert terms.mixup.item() == pytest.approx(-0.3 * math.log(0.2) - 0.7 * math.log(0.3))


def test_when_every_class_is_mixed_in_nothing_is_left_to_decouple(backend):
    logits = noise(3, 2).requires_grad_()
    terms = decoupled_mixup_terms(logits, pairs([0] * 3, [1] * 3, [0.2, 0.5, 0.9]), backend=backend)
    assert terms.decoupled.tolist() == [0.0, 0.0, 0.0]
    (grad,) = torch.autograd.grad(terms.decoupled.sum() + terms.mixup.sum(), logits)
    shares = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    exactly(grad, (logits.softmax(1) - shares).detach())


# -- what a share decides ----------------------------------------------------------------------


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_labels_of_one_class_are_plain_cross_entropy(eta, backend):
    """Integers, one-hot rows, a share of 1, and both images of one class."""
    logits, target = mixed_batch(5, 7, 1)[0], torch.tensor([0, 6, 3, 3, 1])
    expected = F.cross_entropy(logits, target, reduction="none")
    same, other = target.tolist(), target.flip(0).tolist()
    one_hot = F.one_hot(target, 7).double()
    for labels in (target, one_hot, pairs(same, same, [0.3] * 5), pairs(same, other, [1.0] * 5)):
        loss = decoupled_mixup_cross_entropy(logits, labels, eta, reduction="none", backend=backend)
        exactly(loss, expected)


def test_the_term_goes_off_at_a_share_of_zero_only(backend):
    """Neither at one half, where two classes have the same share, nor for small shares."""
    lam = [1e-12, 1e-4, 0.4999, 0.49999999, 0.5, 0.50000001, 0.5001, 0.9999, 1 - 1e-12, 0.0, 1.0]
    logits = noise(1, 10, seed=1).expand(11, 10)
    labels = pairs([1] * 11, [2] * 11, lam)
    term = decoupled_mixup_terms(logits, labels, backend=backend).decoupled
    assert term[0] > 1
    assert_close(term[:9], term[:1].expand(9))
    assert term[9:].tolist() == [0, 0]


def test_a_weight_follows_the_class_it_was_given_for(backend):
    """With classes in ascending and in descending order, and given as (a, b) or as (b, a)."""
    logits, labels = mixed_batch(8, 8, 2, repeats=False, zeros=False)
    swapped = MixedLabels(labels.classes.flip(1), labels.shares.flip(1))
    expected = each_sample("decoupled_term", logits, labels, rescale=(1.0, 1.0))
    for given in (labels, swapped):
        terms = decoupled_mixup_terms(logits, given, rescale=(1.0, 1.0), backend=backend)
        exactly(terms.decoupled, expected)


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


def test_eta_a_sample(backend):
    logits, labels = mixed_batch(6, 5, 2)
    eta = torch.tensor([0.0, 0.1, 0.2, 0.5, 1.0, 2.0], dtype=torch.float64)
    loss = decoupled_mixup_cross_entropy(logits, labels, eta, reduction="none", backend=backend)
    one_by_one = [
        decoupled_mixup_cross_entropy(logits[i : i + 1], labels[i : i + 1], eta[i].item())
        for i in range(6)
    ]
    exactly(loss, torch.stack(one_by_one))
    scalar = decoupled_mixup_cross_entropy(logits, labels, torch.tensor(0.5), backend=backend)
    exactly(scalar, decoupled_mixup_cross_entropy(logits, labels, 0.5, backend=backend))


def test_what_is_given_a_sample_has_its_shape_and_a_mask_needs_slots():
    """The classes of soft labels come in the order of their shares, not as (a, b)."""
    logits, labels = torch.zeros(2, 4), pairs([0, 1], [2, 3], [0.2, 0.7], dtype=torch.float32)
    mask = torch.tensor([[True, False], [True, False]])
    assert decoupled_mixup_cross_entropy(logits, labels, decouple=mask).isfinite()
    for given, options, message in [
        (labels, dict(decouple=mask.float()), "decouple must be a bool mask .*float32"),
        (labels, dict(decouple=mask[:, :1]), r"mask \(2, 2\) like the classes, got .*\(2, 1\)"),
        (labels.dense(4), dict(decouple=mask), "mask names slots of MixedLabels"),
        (torch.arange(2), dict(decouple=mask[:, :1]), "mask names slots of MixedLabels"),
        (labels, dict(eta=torch.ones(3)), r"eta must be a number or \(2,\), got \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            decoupled_mixup_cross_entropy(logits, given, **options)


# -- gradients ---------------------------------------------------------------------------------


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
    z = 3 * noise(7)
    logits = z[None].clone().requires_grad_()
    terms = decoupled_mixup_terms(logits, pairs([5], [2], [lam]), backend=backend)
    (mixup,) = torch.autograd.grad(terms.mixup.sum(), logits, retain_graph=True)
    (decoupled,) = torch.autograd.grad(terms.decoupled.sum(), logits)
    exactly(mixup[0], closed_form_mce_gradient(z, 5, 2, lam))
    none = torch.zeros_like(z)
    exactly(decoupled[0], none if lam == 0 else closed_form_decoupled_gradient(z, 5, 2))


def test_gradgradcheck_of_the_eager_form():
    logits, labels = mixed_batch(4, 5, 2)
    logits.requires_grad_()
    assert torch.autograd.gradgradcheck(
        lambda z: tuple(decoupled_mixup_terms(z, labels, backend="eager")), logits
    )


def test_only_one_of_the_terms_may_be_used(backend):
    logits, labels = mixed_batch(6, 5, 2)
    logits.requires_grad_()
    for part in (0, 1):
        terms = decoupled_mixup_terms(logits, labels, backend=backend)
        (grad,) = torch.autograd.grad(terms[part].sum(), logits)
        eager = decoupled_mixup_terms(logits, labels, backend="eager")
        (expected,) = torch.autograd.grad(eager[part].sum(), logits)
        exactly(grad, expected)
