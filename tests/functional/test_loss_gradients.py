"""The gradients of DM(CE): the paper's closed forms, finite differences, and extremes."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    decoupled_mixup_terms,
)

from .batches import each_sample, exactly, pairs, random_batch

# -- precision ---------------------------------------------------------------------------------


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
