"""DM(CE) against slow loops written from the paper."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_cross_entropy,
    decoupled_mixup_terms,
)

from . import reference
from .batches import SHAPES, each_sample, exactly, pairs, random_batch

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


# -- what a share decides ----------------------------------------------------------------------


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
