"""One test for each way in which earlier implementations of the DM loss go wrong."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    decoupled_mixup_terms,
    mixed_accuracy,
    mixup_cross_entropy,
)

from . import reference

C = 8
A = torch.tensor([6, 0, 3, 5, 2, 4])
B = torch.tensor([1, 7, 4, 2, 5, 0])
LAM = torch.tensor([0.1, 0.5, 0.35, 0.8, 0.999, 0.45], dtype=torch.float64)
LOGITS = 2 * torch.randn(6, C, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def mixed(a=A, b=B, lam=LAM):
    return MixedLabels(torch.stack([a, b], 1), torch.stack([lam, 1 - lam], 1))


def one_at_a_time(function, **options):
    rows = zip(LOGITS.tolist(), A.tolist(), B.tolist(), LAM.tolist(), strict=True)
    values = [function(z, [a, b], [lam, 1 - lam], **options) for z, a, b, lam in rows]
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("form", ["mixture", "soft"])
def test_one_lam_a_sample(form):
    labels = mixed() if form == "mixture" else mixed().dense(C)
    loss = decoupled_mixup_cross_entropy(LOGITS, labels, 0.5, reduction="none")
    assert_close(loss, one_at_a_time(reference.dm_ce, eta=0.5))


def test_a_weight_follows_the_class_it_was_given_for():
    """With classes in ascending and in descending order, and given as (a, b) or as (b, a)."""
    expected = one_at_a_time(reference.decoupled_term, rescale=(1.0, 1.0))
    for labels in (mixed(), mixed(B, A, 1 - LAM)):
        terms = decoupled_mixup_terms(LOGITS, labels, rescale=(1.0, 1.0))
        assert_close(terms.decoupled, expected)
    first = torch.tensor([[True, False]]).expand(6, 2)
    terms = decoupled_mixup_terms(LOGITS, mixed(), decouple=first)
    rows = zip(LOGITS.tolist(), A.tolist(), B.tolist(), strict=True)
    own = [-reference.log_phi(z, a, [b]) for z, a, b in rows]
    assert_close(terms.decoupled, torch.tensor(own, dtype=torch.float64))


def test_the_term_does_not_vanish_at_one_half_nor_for_small_shares():
    logits = LOGITS[:1].expand(7, C)
    lam = torch.tensor([1e-4, 0.4999, 0.49999999, 0.5, 0.50000001, 0.5001, 0.9999]).double()
    labels = mixed(A[:1].expand(7), B[:1].expand(7), lam)
    term = decoupled_mixup_terms(logits, labels).decoupled
    assert_close(term, term[:1].expand(7))
    assert term[0] > 1


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_one_hot_labels_are_plain_cross_entropy(eta):
    expected = F.cross_entropy(LOGITS, A)
    for labels in (A, F.one_hot(A, C).double(), mixed(lam=torch.ones(6).double())):
        assert_close(decoupled_mixup_cross_entropy(LOGITS, labels, eta), expected)


def test_eta_of_0_is_mixup_cross_entropy():
    expected = F.cross_entropy(LOGITS, mixed().dense(C))
    assert_close(decoupled_mixup_cross_entropy(LOGITS, mixed(), 0.0), expected)


def test_mixed_and_plain_samples_in_one_batch():
    rows = torch.tensor([True, False, True, False, False, True])
    labels = MixedLabels.where(rows, mixed(), MixedLabels.from_labels(A, dtype=torch.float64))
    expected = torch.where(
        rows, one_at_a_time(reference.dm_ce, eta=1.0), F.cross_entropy(LOGITS, A, reduction="none")
    )
    for given in (labels, labels.dense(C)):
        loss = decoupled_mixup_cross_entropy(LOGITS, given, 1.0, reduction="none")
        assert_close(loss, expected)


def test_reduction_none_keeps_every_row_and_the_mean_is_one_mean():
    labels = MixedLabels.where(LAM < 0.5, mixed(), MixedLabels.from_labels(A, dtype=torch.float64))
    each = decoupled_mixup_cross_entropy(LOGITS, labels, 1.0, reduction="none")
    assert each.shape == (6,)
    assert_close(decoupled_mixup_cross_entropy(LOGITS, labels, 1.0), each.sum() / 6)
    with_factor = decoupled_mixup_cross_entropy(LOGITS, labels, 1.0, avg_factor=6)
    assert_close(with_factor, each.sum() / 6)


def test_label_smoothing_acts_on_the_mixup_part_only():
    smooth = 0.9 * mixed().dense(C) + 0.1 / C
    terms = decoupled_mixup_terms(LOGITS, smooth)
    assert_close(terms.mixup, F.cross_entropy(LOGITS, smooth, reduction="none"))
    assert_close(terms.decoupled, one_at_a_time(reference.decoupled_term))


def test_class_weights():
    weight = torch.linspace(0.5, 4.0, C, dtype=torch.float64)
    terms = decoupled_mixup_terms(LOGITS, mixed(), class_weight=weight)
    expected = F.cross_entropy(LOGITS, mixed().dense(C), weight=weight, reduction="none")
    assert_close(terms.mixup, expected)
    expected = one_at_a_time(reference.decoupled_term, class_weight=weight.tolist())
    assert_close(terms.decoupled, expected)


def test_nothing_waits_for_the_device():
    """Meta tensors have no values, so a read of one (``.item()``, ``nonzero``) raises."""
    logits, labels = LOGITS.to("meta").requires_grad_(), mixed().to("meta")
    for given in (labels, labels.dense(C)):
        decoupled_mixup_cross_entropy(logits, given, decouple="more").backward()
        decoupled_mixup_bce(logits, given).backward()
        mixed_accuracy(logits, given)


def test_the_loss_compiles_as_one_graph():
    torch._dynamo.reset()
    compiled = torch.compile(decoupled_mixup_cross_entropy, fullgraph=True, backend="aot_eager")
    assert_close(compiled(LOGITS, mixed()), decoupled_mixup_cross_entropy(LOGITS, mixed()))


def test_a_bce_target_is_never_above_1():
    labels = mixed(A, A, LAM)
    for given in (labels, labels.dense(C)):
        for t, xi in [(1.0, 0.8), (0.5, 1.0), (0.0, 1.0)]:
            assert_close(
                decoupled_mixup_bce(LOGITS, given, t, xi),
                F.binary_cross_entropy_with_logits(LOGITS, F.one_hot(A, C).double()),
            )
    # A target above 1 has a loss that falls without end as its logit grows.
    sure = torch.where(F.one_hot(A, C).bool(), 1e4, -1e4).double()
    assert decoupled_mixup_bce(sure, labels) == 0


def test_labelled_only_holds_for_cross_entropy():
    labelled = torch.tensor([[True, False]]).expand(6, 2)
    loss = decoupled_mixup_cross_entropy(LOGITS, mixed(), 1.0, decouple=labelled, reduction="none")
    mce = one_at_a_time(reference.mixup_cross_entropy)
    rows = zip(LOGITS.tolist(), A.tolist(), B.tolist(), strict=True)
    own = torch.tensor([-reference.log_phi(z, a, [b]) for z, a, b in rows], dtype=torch.float64)
    assert_close(loss, mce + own)


def test_pairs_of_hard_labels_keep_one_lam_a_sample():
    """lam * CE(z, a) + (1 - lam) * CE(z, b), a sample at a time."""
    ce_a, ce_b = (F.cross_entropy(LOGITS, t, reduction="none") for t in (A, B))
    loss = mixup_cross_entropy(LOGITS, mixed(), reduction="none")
    assert_close(loss, LAM * ce_a + (1 - LAM) * ce_b)


def test_a_batch_of_two():
    labels = mixed()[:2]
    loss = decoupled_mixup_cross_entropy(LOGITS[:2], labels, 1.0, reduction="none")
    assert_close(loss, one_at_a_time(reference.dm_ce, eta=1.0)[:2])
    assert_close(
        decoupled_mixup_bce(LOGITS[:2], labels),
        decoupled_mixup_bce(LOGITS[:2], labels.dense(C)),
    )


def test_multi_label_targets():
    targets = torch.zeros(6, C, dtype=torch.float64)
    targets.scatter_(1, torch.stack([A, B], 1), 1.0)
    assert_close(
        decoupled_mixup_bce(LOGITS, targets), F.binary_cross_entropy_with_logits(LOGITS, targets)
    )
    shared = MixedLabels.from_multi_label(targets, k=2)
    assert_close(
        decoupled_mixup_cross_entropy(LOGITS, shared),
        decoupled_mixup_cross_entropy(LOGITS, mixed(lam=torch.full_like(LAM, 0.5))),
    )


def test_accuracy_counts_both_classes():
    logits = torch.zeros(3, C)
    logits[0, [1, 6]] = torch.tensor([2.0, 1.0])  # b above a
    logits[1, [0, 3]] = torch.tensor([2.0, 1.0])  # a above a stranger
    logits[2, [0, 3]] = torch.tensor([2.0, 1.0])  # a stranger above a
    got = mixed_accuracy(logits, mixed()[:3])
    assert got.top1.tolist() == [True, True, False]
    assert got.topk.tolist() == [True, False, False]
