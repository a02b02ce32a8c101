"""The classifier that mixes."""

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.functional import decoupled_mixup_cross_entropy
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab


def build(**options):
    torch.manual_seed(0)
    config = dict(
        type="dmmix.MixupClassifier",
        backbone=dict(
            type="ResNet_CIFAR",
            depth=18,
            in_channels=3,
            stem_channels=8,
            base_channels=8,
            num_stages=2,
            strides=(1, 2),
            dilations=(1, 1),
            out_indices=(1,),
        ),
        neck=dict(type="GlobalAveragePooling"),
        head=dict(
            type="dmmix.DMLinearClsHead",
            num_classes=5,
            in_channels=16,
            loss=dict(type="dmmix.DecoupledMixupLoss", eta=0.1),
        ),
        mixup=dict(type="CutMix", alpha=1.0),
        data_preprocessor=dict(mean=[127.0] * 3, std=[127.0] * 3, num_classes=5),
    )
    return MODELS.build({**config, **options})


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
    seen = {}
    blend = model.mixup.blend

    def spy(*given):
        seen["mixed"] = blend(*given)
        return seen["mixed"]

    model.mixup.blend = spy
    model.eval()
    losses = model(**data, mode="loss")
    mixed = seen["mixed"]
    expected = decoupled_mixup_cross_entropy(model(mixed.images), mixed.labels, 0.1)
    assert torch.allclose(losses["loss_mixup"] + losses["loss_decoupled"], expected)
    assert not torch.equal(mixed.images, data["inputs"])


def test_nothing_is_mixed_in_evaluation():
    model = build().eval()
    data = model.data_preprocessor(tensor_batch(), training=False)
    predicted = model(**data, mode="predict")
    logits = model(data["inputs"])
    assert [p.pred_label.item() for p in predicted] == logits.argmax(1).tolist()
    assert [p.gt_label.item() for p in predicted] == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("n", [1, 2])
def test_small_batches(n):
    model = build().eval()
    losses = model(**model.data_preprocessor(tensor_batch(n), training=True), mode="loss")
    assert torch.isfinite(losses["loss_mixup"])


def test_soft_labels_in_the_batch():
    model = build()
    batch = tensor_batch()
    batch["labels"] = torch.nn.functional.one_hot(batch["labels"], 5).float()
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert torch.isfinite(losses["loss_decoupled"])


def test_a_stock_head_gets_data_samples():
    model = build(
        head=dict(
            type="LinearClsHead",
            num_classes=5,
            in_channels=16,
            loss=dict(type="dmmix.DecoupledMixupLoss", eta=0.1),
        )
    )
    losses = model(**model.data_preprocessor(tensor_batch(), training=True), mode="loss")
    assert torch.isfinite(losses["loss"])


def test_the_batch_is_not_written_to():
    model = build()
    batch = tensor_batch()
    before = batch["inputs"].clone()
    model(**model.data_preprocessor(batch, training=True), mode="loss")
    assert torch.equal(batch["inputs"], before)


def test_two_ways_to_mix_are_one_too_many():
    with pytest.raises(ValueError, match=r"train_cfg.augments .*model.mixup=dict"):
        build(train_cfg=dict(augments=dict(type="CutMix", alpha=1.0)))


def test_a_batch_without_labels_is_reported():
    model = build()
    with pytest.raises(ValueError, match="needs 'labels'"):
        model.data_preprocessor({"inputs": tensor_batch()["inputs"]}, training=True)


def test_an_unknown_mix_is_reported():
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


def test_a_loss_that_knows_no_soft_labels_is_told_when_built():
    """SeesawLoss failed in the first step, with words from inside."""
    for head in ("dmmix.DMLinearClsHead", "LinearClsHead"):
        options = dict(type=head, num_classes=5, in_channels=16)
        seesaw = dict(options, loss=dict(type="SeesawLoss", num_classes=5))
        with pytest.raises(ValueError, match="SeesawLoss takes integer labels, and CutMix makes"):
            build(head=seesaw)
        build(head=seesaw, mixup=None)
        for loss in (
            dict(type="CrossEntropyLoss"),
            dict(type="CrossEntropyLoss", use_soft=True),
            dict(type="CrossEntropyLoss", use_sigmoid=True),
            dict(type="LabelSmoothLoss", label_smooth_val=0.1, num_classes=5),
            dict(type="FocalLoss"),
            dict(type="AsymmetricLoss"),
        ):
            build(head=dict(options, loss=loss))


def test_looking_at_a_loss_leaves_no_trace():
    from dmmix.models.losses.soft_labels import check_takes_soft_labels

    head = build(head=dict(type="LinearClsHead", num_classes=5, in_channels=16), mixup=None).head
    head.loss_module = MODELS.build(dict(type="SeesawLoss", num_classes=5))
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="SeesawLoss"):
        check_takes_soft_labels(head, object())
    assert torch.equal(head.loss_module.cum_samples, torch.zeros(5))
    assert torch.equal(state, torch.get_rng_state())
