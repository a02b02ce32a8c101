"""Evaluation by MixupClassifier: batches with labels stay in one piece."""

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.runner.loops import _update_losses
from mmpretrain.structures import DataSample

from dmmix.evaluation import Accuracy, BatchEvaluator, Predictions
from dmmix.models import MixupClassifier
from dmmix.registry import MODELS

from .test_mixup_classifier import build, sample_batch, tensor_batch

pytestmark = pytest.mark.openmmlab


def soft_batch():
    batch = tensor_batch()
    batch["labels"] = torch.rand(6, 5, generator=torch.Generator().manual_seed(2)).softmax(1)
    return batch


def stock_predictions(model, batch):
    """What mmpretrain's classifier makes of the batch: data samples in, data samples out."""
    labels = batch["labels"]
    if labels.is_floating_point():
        samples = [DataSample().set_gt_score(label) for label in labels]
    else:
        samples = [DataSample().set_gt_label(int(label)) for label in labels]
    images = model.data_preprocessor(batch, training=False)["inputs"]
    return MixupClassifier.__base__.predict(model, images, samples)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for sample, other in zip(found, expected, strict=True):
        sample, other = sample.to_dict(), other.to_dict()
        assert sample.keys() == other.keys()
        for name, value in other.items():
            assert torch.equal(torch.as_tensor(sample[name]), torch.as_tensor(value)), name


@pytest.mark.parametrize("make", [tensor_batch, soft_batch])
@pytest.mark.parametrize("step", ["val_step", "test_step"])
def test_a_batch_with_labels_stays_in_one_piece(make, step):
    model = build().eval()
    with torch.no_grad():
        found = getattr(model, step)(make())
        assert isinstance(found, Predictions)
        assert_same(found, stock_predictions(model, make()))
        # mmengine's loops take a data sample with a loss off the end of what was predicted.
        assert _update_losses(found, {}) == (found, {})


def test_batches_of_data_samples_or_without_labels_are_as_before():
    model, batch, samples = build().eval(), tensor_batch(), sample_batch()["data_samples"]
    with torch.no_grad():
        expected = stock_predictions(model, tensor_batch())
        found = model.test_step(sample_batch())
        plain = model.test_step({"inputs": batch["inputs"]})
        won = model.predict(torch.zeros(6, 3, 8, 8), samples, labels=batch["labels"])
    assert type(found) is type(plain) is list
    assert_same(found, expected)
    assert "gt_label" not in plain[0]
    assert [s.pred_label.item() for s in plain] == [s.pred_label.item() for s in expected]
    assert all(one is other for one, other in zip(won, samples, strict=True))


@pytest.mark.parametrize("name", ["MultiLabelLinearClsHead", "LinearRegressionHead"])
def test_heads_with_predictions_of_their_own_keep_them(name):
    if MODELS.get(f"mmpretrain.{name}") is None:
        pytest.skip(f"this mmpretrain has no {name}")
    model = build(head=dict(type=f"mmpretrain.{name}", num_classes=5, in_channels=16)).eval()
    batch = soft_batch() if name.startswith("Multi") else tensor_batch()
    with torch.no_grad():
        found = model.test_step(batch)
        assert isinstance(found, list)
        assert_same(found, stock_predictions(model, batch))


def test_mistakes():
    model, batch = build().eval(), tensor_batch()
    with pytest.raises(TypeError, match="colour"):
        model.predict(torch.zeros(2, 3, 8, 8), labels=torch.tensor([1, 2]), colour="red")
    batch["labels"] = batch["labels"][:, None]
    with pytest.raises(ValueError, match=r"labels must be .* got \(6, 1\) torch.int64"):
        model.test_step(batch)


# Test-time augmentation


@pytest.mark.parametrize("evaluator", [Evaluator, BatchEvaluator])
def test_tta(evaluator):
    model = build().eval()
    batch = tensor_batch()
    both = [batch, {**batch, "inputs": batch["inputs"].flip(-1)}]
    tta = MODELS.build(dict(type="mmpretrain.AverageClsScoreTTA", module=model))
    with torch.no_grad():
        logits = [model(model.data_preprocessor(b, training=False)["inputs"]) for b in both]
        expected = sum(one.softmax(1) for one in logits) / 2
        whole = {key: [b[key] for b in both] for key in batch}
        samples = [sample_batch()["data_samples"] for _ in both]
        packed = {"inputs": [list(b["inputs"]) for b in both], "data_samples": samples}
        for data in (whole, packed):
            found = tta.test_step(data)
            assert torch.equal(torch.stack([s.pred_score for s in found]), expected)
            assert [int(s.gt_label) for s in found] == batch["labels"].tolist()
            judge = evaluator(Accuracy())
            judge.process(found, data)
            hits = expected.argmax(1) == batch["labels"]
            assert judge.evaluate(6)["accuracy/top1"] == pytest.approx(hits.float().mean() * 100)


# Loops of mmengine


@pytest.fixture
def run(root, tmp_path, fresh_mmengine):
    from mmengine.config import Config

    from dmmix.engine import DmmixRunner

    def test(data, evaluator, **options):
        fresh_mmengine()
        cfg = Config.fromfile(root / "configs" / "quickstart" / "digits_cutmix_dm.py")
        cfg.work_dir = str(tmp_path / "work")
        cfg.model.backbone.update(stem_channels=4, base_channels=4)
        cfg.model.head.in_channels = 16
        cfg.test_dataloader = {**cfg.test_dataloader, **DATA[data], "batch_size": 200}
        cfg.test_evaluator = evaluator
        cfg.update(options)
        runner = DmmixRunner.from_cfg(cfg)
        torch.manual_seed(0)
        for parameter in runner.model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        return runner.test()

    return test


ARRAYS = dict(type="Digits", split="test")
DATA = {
    "whole batches": {},
    "packed labels": dict(
        dataset=dict(**ARRAYS, pipeline=[dict(type="PackLabels")]),
        collate_fn=dict(type="default_collate"),
    ),
    "packed inputs": dict(
        dataset=dict(**ARRAYS, pipeline=[dict(type="mmpretrain.PackInputs")]),
        collate_fn=dict(type="pseudo_collate"),
    ),
}
METRICS = [dict(type="Accuracy", topk=(1, 5)), dict(type="SingleLabelMetric")]
MIXED = dict(type="MixedAccuracyHook", mixup=dict(type="CutMix", alpha=1.0))


@pytest.mark.slow
def test_every_packing_and_evaluator_gives_the_same_numbers(run):
    stock = [{**METRICS[0], "type": "mmpretrain.Accuracy"}, METRICS[1]]
    options = dict(custom_hooks=[MIXED])
    expected = run("packed inputs", dict(type="Evaluator", metrics=stock), **options)
    assert {"accuracy/top1", "accuracy/top5", "single-label/recall", "mixed/top2"} <= set(expected)
    # 899 images: the last batch is smaller.
    assert 0 < expected["accuracy/top1"] < expected["accuracy/top5"] < 100
    for data in DATA:
        found = run(data, dict(type="BatchEvaluator", metrics=METRICS), **options)
        assert found == expected, data
    assert run("whole batches", dict(type="Evaluator", metrics=stock), **options) == expected


def test_pictures_of_the_predictions(run, tmp_path):
    from PIL import Image

    hook = dict(type="VisualizationHook", enable=True, interval=300, out_dir=str(tmp_path / "out"))
    run("whole batches", METRICS[0], custom_hooks=[hook])
    pictures = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert pictures == ["0_0.png", "300_0.png", "600_0.png"]
    assert Image.open(tmp_path / "out" / "0_0.png").size[0] > 0


def crops_batch(crops=10):
    generator = torch.Generator().manual_seed(3)
    images = tensor_batch()["inputs"]
    shape = (len(images), crops, *images.shape[1:])
    inputs = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return {**tensor_batch(), "inputs": inputs}


@pytest.mark.parametrize("channels_last", [False, True])
def test_crops_of_an_image_are_predicted_on_average(channels_last):
    """The mean of the scores of ten passes, one a crop."""
    model = build().eval()
    model.head.fc.weight.data.mul_(10)  # images that differ in their scores
    model.data_preprocessor.channels_last = channels_last
    batch = crops_batch()
    with torch.no_grad():
        found = model.test_step(batch)
        passes = [model.test_step({**batch, "inputs": crop}) for crop in batch["inputs"].unbind(1)]
    expected = torch.stack([one.scores for one in passes]).mean(0)
    assert isinstance(found, Predictions)
    assert torch.allclose(found.scores, expected, atol=1e-6)
    assert torch.allclose(found.scores.sum(1), torch.ones(len(expected)))
    assert torch.equal(found.labels, batch["labels"])
    # Probabilities are averaged, and not logits.
    logits = torch.stack([one.scores.log() for one in passes]).mean(0).softmax(1)
    assert not torch.allclose(found.scores, logits, atol=1e-6)
    samples = sample_batch()["data_samples"]
    with torch.no_grad():
        others = model.test_step({"inputs": batch["inputs"], "data_samples": samples})
        plain = model.predict(model.data_preprocessor({"inputs": batch["inputs"]})["inputs"])
    assert_same(others, found)
    assert [len(sample.pred_score) for sample in plain] == [5] * 6
    assert torch.equal(torch.cat([sample.pred_label for sample in plain]), found.predicted)


@pytest.mark.parametrize(
    "name", ["mmpretrain.MultiLabelLinearClsHead", "DMMultiLabelLinearClsHead"]
)
def test_crops_of_images_with_several_labels(name):
    model = build(head=dict(type=name, num_classes=5, in_channels=16, thr=0.5)).eval()
    batch = {**crops_batch(), "labels": torch.eye(6, 5)}
    with torch.no_grad():
        found = model.test_step(batch)
        passes = [model.test_step({**batch, "inputs": crop}) for crop in batch["inputs"].unbind(1)]
    for row, sample in enumerate(found):
        expected = torch.stack([one[row].pred_score for one in passes]).mean(0)
        assert torch.allclose(sample.pred_score, expected, atol=1e-6)
        assert torch.equal(sample.pred_label, (sample.pred_score >= 0.5).nonzero()[:, 0])
        assert torch.equal(sample.gt_score, batch["labels"][row])


def test_crops_need_a_head_that_predicts_the_softmax():
    class Other(MODELS.get("DMLinearClsHead")):
        def _get_predictions(self, cls_score, data_samples):
            return super()._get_predictions(2 * cls_score, data_samples)

    model = build().eval()
    model.head.__class__ = Other
    with pytest.raises(ValueError, match=r"inputs are 10 crops .*\(ten_crop=True\), but Other pre"):
        model.test_step(crops_batch())


def test_crops_are_not_trained_on():
    with pytest.raises(ValueError, match=r"\(N, ch, H, W\) in training, got \(6, 10, .*ten_crop="):
        build().data_preprocessor(crops_batch(), training=True)
