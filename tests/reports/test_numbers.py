"""NaN, infinities and wrong numbers: what was wrong in the trackers of others.

Ours, seventeen ways to NaN that trained to the end, stand in tests/engine/faults: test_stop.py for
runs that end, test_skip.py for batches that are left out, test_no_waiting.py for what looking
costs; dry runs in tests/engine/test_dry_run.py, exit statuses in tests/cli/test_not_finite.py.
"""

import math
from functools import partial

import pytest
import torch

from dmmix.functional import MixedLabels, draw_lam, mixup_cross_entropy
from dmmix.functional.semi import kl_consistency, masked_cross_entropy
from dmmix.mixups import CutMix, Mixup

LOGITS = torch.tensor([[0.0, 1.0, 2.0, -math.inf], [1.0, 0.0, 3.0, -math.inf]])


@pytest.mark.parametrize("alpha", [1e-4, 1e-3, 1e-2])
def test_a_small_alpha_mixes_nearly_nothing(alpha):
    """pytorch/pytorch#84625: Beta(0.001, 0.001) of torch is 1/2 always, where it should be 0 or
    1; so nearly no mixing was the strongest."""
    lam = draw_lam(4000, alpha, torch.Generator().manual_seed(0))
    assert torch.isfinite(lam).all()
    middle = ((lam > 0.1) & (lam < 0.9)).double().mean()
    assert middle < 0.05
    assert 0.4 < lam.mean() < 0.6


def test_a_class_of_no_probability_and_no_share_costs_nothing():
    """google-deepmind/optax#896: 0 times log 0 was NaN."""
    labels = MixedLabels(torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0.5, 0.5], [0.3, 0.7]]))
    dense = labels.dense(4)
    without = mixup_cross_entropy(LOGITS[:, :3], labels)
    losses = [partial(mixup_cross_entropy, backend=kind) for kind in ("eager", "single_pass")]
    for loss in (*losses, masked_cross_entropy):
        logits = LOGITS.clone().requires_grad_()
        value = loss(logits, dense)
        value.backward()
        torch.testing.assert_close(value.detach(), without)
        assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(kl_consistency(LOGITS, dense))


def test_smoothing_of_many_classes_in_half_precision_is_finite():
    """huggingface/transformers#10674: the sum over all classes overflowed float16."""
    logits = (torch.randn(4, 30_000, generator=torch.Generator().manual_seed(0)) * 30).half()
    labels = torch.tensor([0, 1, 2, 3])
    loss = mixup_cross_entropy(logits, labels, label_smoothing=0.1)
    wanted = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=0.1)
    torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=0)


def test_lam_and_boxes_are_drawn_one_by_one():
    """TorchSSL/TorchSSL#69, kornia/kornia#4712: one lam, and one box, for the whole batch."""
    for mix in (Mixup(alpha=1.0), CutMix(alpha=1.0)):
        for drawn in mix.draw(64, (8, 8), torch.Generator().manual_seed(0)):
            assert len(drawn.unique(dim=0)) == 64
