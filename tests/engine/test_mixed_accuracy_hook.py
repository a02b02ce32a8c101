"""MixedAccuracyHook: how a network reads mixed test images."""

import json

import pytest
import torch
from mmengine.config import Config
from mmpretrain.structures import DataSample
from torch import nn

from dmmix.engine import DmmixRunner, MixedAccuracyHook
from dmmix.mixups import CutMix, Mixup
from dmmix.models import ClassifierGuide
from dmmix.registry import HOOKS, MODELS
from tests.engine import small

pytestmark = pytest.mark.openmmlab

CLASSES = 5
BLEND = dict(type="Mixup", alpha=1.0)


class Reader(nn.Module):
    """Its images are their labels, one-hot; ``read`` makes logits of what it is shown."""

    def __init__(self, read=lambda seen: seen):
        super().__init__()
        self.read = read

    def data_preprocessor(self, batch, training):
        assert not training
        return batch

    def forward(self, inputs):
        return self.read(inputs.flatten(1))


def batches(*labels):
    """Batches of these labels, as a data loader gives them."""
    made = []
    for batch in labels:
        classes = torch.tensor(batch)
        images = nn.functional.one_hot(classes, CLASSES).float()[:, None, None, :]
        samples = [DataSample().set_gt_label(int(label)) for label in batch]
        made.append({"inputs": images, "data_samples": samples})
    return made


def many(count=4, size=30):
    labels = torch.randint(CLASSES, (count, size), generator=torch.Generator().manual_seed(7))
    return batches(*labels.tolist())


def pairs(data, seed=0):
    """The (a, b) that the hook mixes, of two classes."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for batch in data:
        labels = torch.tensor([int(sample.gt_label) for sample in batch["data_samples"]])
        mixed = Mixup(alpha=1.0).mix(batch["inputs"], labels, generator)
        found += [set(pair) for pair in mixed.labels.classes.tolist() if pair[0] != pair[1]]
    return found


def constant(*order):
    """Logits that name these classes first, whatever is shown."""
    logits = torch.zeros(CLASSES)
    for place, label in enumerate(order):
        logits[label] = 10.0 - place
    return Reader(lambda seen: logits.expand(len(seen), -1))


def stronger(seen):
    # Second comes a class that is in no mixture of this one with another: itself plus noise.
    best = nn.functional.one_hot(seen.argmax(1), CLASSES).float()
    return best + (seen == 0).float() * torch.arange(1, CLASSES + 1) * 0.01


@pytest.mark.parametrize(
    ("read", "top1", "top2"),
    [(lambda seen: seen, 100, 100), (lambda seen: -seen, 0, 0), (stronger, 100, 0)],
)
def test_who_sees_both_classes_or_none_or_the_stronger_one(read, top1, top2):
    """In evaluation mode, and nothing of pairs of one class."""
    model = Reader()
    drop = model.drop = nn.Dropout(0.999)
    model.read = lambda seen: read(drop(seen))
    hook = MixedAccuracyHook(BLEND)
    assert hook.measure(model, many()) == {"mixed/top1": top1, "mixed/top2": top2}
    assert hook.measure(model, batches([2, 2, 2])) == {}


def test_pairs_of_one_class_are_not_counted():
    data = many()
    measured = MixedAccuracyHook(BLEND).measure(constant(0, 3), data)
    counted = pairs(data)
    assert 0 < len(counted) < 120
    top1, top2 = (sum(test) for test in ((0 in p for p in counted), ({0, 3} == p for p in counted)))
    assert 0 < top2 < top1 < len(counted)
    assert measured["mixed/top1"] == pytest.approx(100 * top1 / len(counted))
    assert measured["mixed/top2"] == pytest.approx(100 * top2 / len(counted))
    whole = []  # with labels in the place of data samples
    for batch in data:
        labels = torch.cat([sample.gt_label for sample in batch["data_samples"]])
        whole.append({"inputs": batch["inputs"], "labels": labels})
    assert MixedAccuracyHook(BLEND).measure(constant(0, 3), whole) == measured


def test_the_seed_alone_decides():
    data = many()
    hook = MixedAccuracyHook(BLEND)
    before = torch.get_rng_state()
    first = hook.measure(constant(0, 3), data)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert hook.measure(constant(0, 3), data) == first
    assert MixedAccuracyHook(BLEND, seed=1).measure(constant(0, 3), data) != first


def test_the_model_is_left_as_it_was():
    model = Reader()
    model.norm = nn.BatchNorm1d(CLASSES)
    model.frozen = nn.BatchNorm1d(CLASSES).eval()
    model.read = lambda seen: model.frozen(model.norm(seen))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    MixedAccuracyHook(BLEND).measure(model, many())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert model.training
    assert model.norm.training
    assert not model.frozen.training
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()
    MixedAccuracyHook(BLEND).measure(model, many())
    assert not model.training


def test_arguments():
    assert isinstance(HOOKS.build(dict(type="MixedAccuracyHook", mixup=BLEND)).mixup, Mixup)
    mix = CutMix(alpha=0.5)
    assert MixedAccuracyHook(mix).mixup is mix
    for name, kind in (("interval", "an int of at least 1 or None"), ("k", "an int of at least 1")):
        with pytest.raises(ValueError, match=f"{name} must be {kind}, got 0"):
            MixedAccuracyHook(BLEND, **{name: 0})


# In a run


@pytest.fixture
def run(root, tmp_path):
    def train(**hook):
        cfg = Config.fromfile(root / "configs" / "quickstart" / "digits_vanilla.py")
        cfg.work_dir = str(tmp_path)
        cfg.train_cfg.update(max_epochs=3, val_interval=1)
        cfg.custom_hooks[0].update(hook)
        if hook:
            cfg.default_hooks.checkpoint.update(save_best="mixed/top2", rule="greater")
        runner = DmmixRunner.from_cfg(cfg)
        runner.train()
        (log,) = tmp_path.glob("*/vis_data/scalars.json")
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        return runner, [line for line in lines if "accuracy/top1" in line]

    return train


def test_it_is_measured_after_the_last_epoch(run):
    runner, validated = run()
    assert ["mixed/top2" in line for line in validated] == [False, False, True]
    again = runner.val_loop.run()
    for name in ("accuracy/top1", "mixed/top1", "mixed/top2"):
        assert again[name] == pytest.approx(validated[-1][name])
    assert 0 <= again["mixed/top2"] <= again["mixed/top1"] <= 100


def test_it_is_measured_in_between_and_can_choose_the_best_checkpoint(run, tmp_path):
    _, validated = run(interval=1)
    assert ["mixed/top2" in line for line in validated] == [True, True, True]
    (best,) = tmp_path.glob("best_*.pth")
    epoch = max(range(3), key=lambda epoch: validated[epoch]["mixed/top2"]) + 1
    assert best.name == f"best_mixed_top2_epoch_{epoch}.pth"


def test_mixes_that_ask_the_model_get_their_guide():
    asked = []

    class Asks(Mixup):
        needs = frozenset({"saliency"})

        def ask(self, guide, images, labels, draws):
            asked.append(type(guide))
            assert guide.saliency(images, labels).shape == images[:, 0].shape

    config = small.model(classes=CLASSES)
    network = MODELS.build({**config, "_scope_": "dmmix"})
    images = torch.randint(0, 255, (4, 1, 32, 32), dtype=torch.uint8)
    samples = [DataSample().set_gt_label(k) for k in range(4)]
    MixedAccuracyHook(Asks()).measure(network, [{"inputs": list(images), "data_samples": samples}])
    assert asked == [ClassifierGuide]


def test_multi_label_targets_and_images_without_labels_have_no_mixed_accuracy():
    data = batches([0, 1], [2, 3])
    for batch in data:
        for sample in batch["data_samples"]:
            sample.set_gt_label([0, 2])
    model = constant(0, 1)
    with pytest.raises(ValueError, match=r"sample 0 of a batch has 2 classes .multi-label."):
        MixedAccuracyHook(BLEND).measure(model, data)
    read = model.data_preprocessor
    model.data_preprocessor = lambda *args, **kwargs: read(*args, **kwargs)
    model.data_preprocessor.num_classes = CLASSES
    with pytest.raises(ValueError, match=r"multi-label targets .* have no mixed accuracy"):
        MixedAccuracyHook(BLEND).measure(model, data)
    data[0]["data_samples"] = [DataSample(), DataSample()]
    with pytest.raises(ValueError, match="images with labels, these have none"):
        MixedAccuracyHook(BLEND).measure(model, data)


def test_soft_labels_of_more_classes_than_two():
    """Two rows of two classes each: a blend of both has four."""
    rows = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 0.5, 0.5, 0]] * 10)
    data = batches([0, 1] * 10)
    for sample, row in zip(data[0]["data_samples"], rows, strict=True):
        sample.set_gt_score(row)
    model = constant(0, 2, 1, 3)
    with pytest.raises(ValueError, match="mixes more than k=2 classes"):
        MixedAccuracyHook(BLEND).measure(model, data)
    generator = torch.Generator().manual_seed(0)
    mixed = Mixup(alpha=1.0).mix(data[0]["inputs"], rows, generator).labels > 0
    measured = MixedAccuracyHook(BLEND, k=4).measure(model, data)
    assert measured["mixed/top1"] == pytest.approx(100 * float(mixed[:, 0].float().mean()))
    all_four = mixed[:, :4].all(dim=1).float().mean()  # the four highest are 0 to 3
    assert 0 < measured["mixed/top2"] == pytest.approx(100 * float(all_four))
