"""The classifier that mixes."""

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.functional import decoupled_mixup_cross_entropy
from dmmix.mixups import build_mix
from dmmix.models.losses import check_takes_soft_labels
from dmmix.registry import MODELS
from tests.engine import small
from tests.models.semi.small import watch

pytestmark = pytest.mark.openmmlab


def build(**options):
    torch.manual_seed(0)
    config = small.model(dict(type="CutMix", alpha=1.0), channels=3, classes=5)
    config["backbone"]["base_channels"], config["head"]["in_channels"] = 8, 16
    config["data_preprocessor"] = dict(mean=[127.0] * 3, std=[127.0] * 3, num_classes=5)
    return MODELS.build({**config, "_scope_": "dmmix", **options})


def tensor_batch(n=6):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return {"inputs": images, "labels": torch.arange(n) % 5}


def sample_batch(n=6):
    batch = tensor_batch(n)
    samples = [DataSample().set_gt_label(int(label)) for label in batch["labels"]]
    return {"inputs": list(batch["inputs"]), "data_samples": samples}


@pytest.mark.parametrize("make", [tensor_batch, sample_batch])
@pytest.mark.parametrize("mixup", [None, dict(type="CutMix"), dict(type="Mixup", alpha=0.2)])
def test_trains_on_batches_of_either_packing(make, mixup):
    model = build(mixup=mixup)
    data = model.data_preprocessor(make(), training=True)
    assert set(data) == {"inputs", "labels"}
    assert data["labels"].tolist() == [0, 1, 2, 3, 4, 0]
    losses = model(**data, mode="loss")
    total, logged = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert {"loss", "loss_mixup", "loss_decoupled", "mixed_top1", "mixed_top2"} <= set(logged)
    assert torch.allclose(total, losses["loss_mixup"] + losses["loss_decoupled"])


def test_the_loss_is_that_of_the_mixed_batch():
    model = build()
    data = model.data_preprocessor(tensor_batch(), training=True)
    made = watch(model.mixup)
    model.eval()
    losses = model(**data, mode="loss")
    ((_, _, mixed),) = made
    expected = decoupled_mixup_cross_entropy(model(mixed.images), mixed.labels, 0.1)
    assert torch.allclose(losses["loss_mixup"] + losses["loss_decoupled"], expected)
    assert not torch.equal(mixed.images, data["inputs"])


@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("head", ["dmmix.DMLinearClsHead", "LinearClsHead"])
def test_heads_of_ours_and_of_the_stack(head, soft, n):
    """Small batches and soft labels too; what goes in is not written to."""
    loss = dict(type="dmmix.DecoupledMixupLoss", eta=0.1)
    model = build(head=dict(type=head, num_classes=5, in_channels=16, loss=loss)).eval()
    batch = tensor_batch(n)
    if soft:
        batch["labels"] = torch.nn.functional.one_hot(batch["labels"], 5).float()
    before = batch["inputs"].clone()
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert torch.isfinite(sum(value for name, value in losses.items() if "loss" in name))
    assert torch.equal(batch["inputs"], before)


def test_mistakes():
    with pytest.raises(ValueError, match=r"train_cfg.augments .*model.mixup=dict"):
        build(train_cfg=dict(augments=dict(type="CutMix", alpha=1.0)))
    with pytest.raises(ValueError, match="needs 'labels'"):
        build().data_preprocessor({"inputs": tensor_batch()["inputs"]}, training=True)
    with pytest.raises(KeyError, match="NoSuchMix"):
        build(mixup=dict(type="NoSuchMix"))


@pytest.mark.parametrize("mixup", [None, dict(type="CutMix")])
def test_data_samples_in_mode_loss(mixup):
    """ImageClassifier takes them; here they were passed over, and labels=None raised inside."""
    model = build(mixup=mixup).train()
    inputs = torch.randn(5, 3, 8, 8)
    samples = [DataSample().set_gt_label(label) for label in range(5)]
    scored = [DataSample().set_gt_score(score) for score in torch.eye(5)]
    found = []
    for given in (
        dict(labels=torch.arange(5)),
        dict(data_samples=samples),
        dict(data_samples=scored),
    ):
        torch.manual_seed(1)
        found.append(model(inputs, mode="loss", **given)["loss_mixup"])
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    torch.testing.assert_close(found[2], found[0])
    with pytest.raises(ValueError, match="needs labels, or data_samples"):
        model(inputs, mode="loss")


@pytest.mark.parametrize("kind", ["Mixup", "CutMix"])
@pytest.mark.parametrize("head", ["dmmix.DMLinearClsHead", "LinearClsHead"])
def test_a_loss_that_knows_no_soft_labels_is_told_when_built(head, kind):
    """SeesawLoss failed in the first step, with words from inside; looking leaves no trace."""
    options = dict(type=head, num_classes=5, in_channels=16)
    seesaw = dict(options, loss=dict(type="SeesawLoss", num_classes=5))
    plain = build(head=seesaw, mixup=None)
    mix, state = build_mix(dict(type=kind)), torch.get_rng_state()
    with pytest.raises(ValueError, match=f"SeesawLoss takes integer labels, and {kind} makes"):
        check_takes_soft_labels(plain.head, mix)
    assert torch.equal(plain.head.loss_module.cum_samples, torch.zeros(5))
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(ValueError, match="SeesawLoss takes integer labels"):
        build(head=seesaw, mixup=mix)
    for loss in (
        dict(type="CrossEntropyLoss"),
        dict(type="CrossEntropyLoss", use_soft=True),
        dict(type="CrossEntropyLoss", use_sigmoid=True),
        dict(type="LabelSmoothLoss", label_smooth_val=0.1, num_classes=5),
        dict(type="FocalLoss"),
        dict(type="AsymmetricLoss"),
    ):
        build(head=dict(options, loss=loss))
