"""NaN, infinities and wrong numbers: what was wrong in the trackers of others.

Ours, seventeen ways to NaN that trained to the end, stand in tests/engine/faults: test_stop.py for
runs that end, test_skip.py for batches that are left out, test_no_waiting.py for what looking
costs; dry runs in tests/engine/test_dry_run.py, exit statuses in tests/cli/test_not_finite.py.
"""

import copy
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


def test_alpha_is_the_shape_of_the_distribution():
    """tensorflow/models#13490: alpha was taken for the rate of the gammas, which changes nothing:
    lam was uniform. The variance of Beta(alpha, alpha) is 1 / (4 (2 alpha + 1))."""
    for alpha in (0.2, 1.0, 4.0):
        lam = draw_lam(20_000, alpha, torch.Generator().manual_seed(1))
        assert float(lam.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


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


def test_no_confident_image_is_a_loss_of_zero():
    """facebookresearch/unbiased-teacher#56, LAION-AI/Open-Assistant#2001: the mean over what is
    left of a batch was 0 / 0 where nothing was left."""
    logits = torch.randn(3, 5, requires_grad=True)
    for mask in (torch.zeros(3), torch.zeros(3, dtype=torch.bool)):
        loss = masked_cross_entropy(logits, torch.tensor([0, 1, 2]), mask)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert loss == 0
        assert not gradient.any()


def test_shares_of_images_in_sixteen_bits_sum_to_one():
    """huggingface/lerobot#1096: what was drawn in bfloat16 was 0 / 0 after 24,000 samples."""
    for kind in (torch.bfloat16, torch.float16):
        for mix in (Mixup(alpha=0.01), CutMix(alpha=0.01)):
            _, labels = mix(torch.rand(64, 3, 8, 8).to(kind), torch.arange(64) % 10)
            assert labels.shares.dtype == torch.float32
            torch.testing.assert_close(labels.shares.sum(1), torch.ones(64))


@pytest.mark.openmmlab
def test_buffers_of_an_average_follow_the_network():
    """pytorch/pytorch#84053, CuriousAI/mean-teacher#9, pytorch/ignite#2590: only parameters were
    averaged, and BatchNorm kept the statistics that it began with."""
    from dmmix.engine import ExponentialMovingAverage

    network = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    average = ExponentialMovingAverage(copy.deepcopy(network), momentum=0.5)
    for _ in range(20):
        network(torch.randn(8, 2) + 5)
        average.update_parameters(network)
    there = dict(average.named_buffers())
    for name, value in network.named_buffers():
        close = there[f"module.{name}"]
        assert close.dtype == value.dtype
        torch.testing.assert_close(close, value, rtol=0.2, atol=0.2)
