"""The losses as modules, in PyTorch alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)

LOGITS = torch.randn(6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SOFT = torch.zeros(6, 7, dtype=torch.float64)
SOFT[torch.arange(6), torch.arange(6)] = 0.3
SOFT[torch.arange(6), torch.arange(6) + 1] = 0.7
PAIRS = [
    (DecoupledMixupLoss(eta=0.5), lambda x, y: decoupled_mixup_cross_entropy(x, y, eta=0.5)),
    (
        MixupCrossEntropyLoss(label_smoothing=0.1),
        lambda x, y: mixup_cross_entropy(x, y, label_smoothing=0.1),
    ),
    (DecoupledMixupBCELoss(t=0.5, xi=0.9), lambda x, y: decoupled_mixup_bce(x, y, t=0.5, xi=0.9)),
]


@pytest.mark.parametrize(("module", "function"), PAIRS, ids=lambda part: type(part).__name__)
def test_a_module_is_its_function(module, function):
    assert_close(module(LOGITS, SOFT), function(LOGITS, SOFT))


@pytest.mark.parametrize("kind", [DecoupledMixupLoss, MixupCrossEntropyLoss, DecoupledMixupBCELoss])
def test_as_a_training_script_holds_it(kind):
    """timm's train.py calls ``.to(device=...)`` on the loss, which a function does not have."""
    loss = kind(class_weight=[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 3.0]).to(device=torch.device("cpu"))
    assert list(loss.state_dict()) == []  # weights come from the script, not from a checkpoint
    logits = LOGITS.clone().requires_grad_()
    loss(logits, SOFT).backward()
    assert logits.grad.isfinite().all()


def test_they_need_torch_alone():
    """They stood among the registered parts, and brought mmengine and mmpretrain with them."""
    program = (
        "import sys\n"
        "for name in ('mmengine', 'mmcv', 'mmpretrain', 'torchvision'): sys.modules[name] = None\n"
        "from dmmix.functional import DecoupledMixupLoss\n"
        "print(DecoupledMixupLoss(eta=0.1))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.stdout.startswith("DecoupledMixupLoss(eta=0.1"), done.stderr


@pytest.mark.openmmlab
def test_bce_is_a_mean_over_classes_and_mmpretrains_a_sum():
    """What docs/loss.md says: 1/C of mmpretrain's sigmoid loss; ``over_classes='sum'`` is that."""
    pytest.importorskip("mmpretrain")
    from dmmix.registry import MODELS

    stock = MODELS.build(dict(type="mmpretrain.CrossEntropyLoss", use_sigmoid=True, use_soft=False))
    logits, soft = LOGITS.float(), SOFT.float()
    theirs = stock(logits, soft, avg_factor=len(logits))  # as a head calls it
    assert_close(DecoupledMixupBCELoss(t=1, xi=1, over_classes="sum")(logits, soft), theirs)
    assert_close(7 * DecoupledMixupBCELoss(t=1, xi=1)(logits, soft), theirs)


def test_small_shares_keep_their_term_unless_min_share_says_otherwise():
    """The official code drops those below 1e-3."""
    soft = torch.zeros(1, 4)
    soft[0, 0], soft[0, 1] = 1 - 5e-4, 5e-4
    logits = torch.tensor([[1.0, 0.0, 2.0, -1.0]])
    kept = decoupled_mixup_cross_entropy(logits, soft, eta=1.0)
    dropped = decoupled_mixup_cross_entropy(logits, soft, eta=1.0, min_share=1e-3)
    assert_close(dropped, mixup_cross_entropy(logits, soft))
    assert kept > dropped + 1
