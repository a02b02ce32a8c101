"""BSS, Co-Tuning and Self-Tuning: losses against loops, and what they remember."""

import pytest
import torch
from torch.nn import functional as F

from dmmix.functional.transfer import batch_spectral_shrinkage
from dmmix.models.semi import Supervised
from dmmix.models.transfer import BSS, CoTuning, SelfTuning
from dmmix.models.transfer.self_tuning import ClassQueues
from dmmix.registry import MODELS
from tests.functional.transfer.test_transfer_functions import loop
from tests.laws.methods import MIX, SOURCE_HEAD, build, ready
from tests.models.semi import reference
from tests.models.semi.small import CLASSES, batch, logits_of, make, total

# -- the labels alone --------------------------------------------------------------------


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("mix", [None, MIX])
def test_supervised(joint, mix):
    model = make(Supervised, stream_mix=mix, joint_forward=joint)
    inputs, labels, index = batch(model)
    losses = model.loss(inputs, labels, index)
    expected = reference.supervised(logits_of(model, inputs["labelled"]), labels.tolist())
    assert float(losses["loss_labelled"].detach()) == pytest.approx(expected)
    assert ("weak" in model.views) == ("loss_stream_mix" in losses) == (mix is not None)
    if mix is None:  # nothing is seen of unlabelled images
        assert [len(images) for images in model.backbone.seen] == [3]


# -- BSS ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("mix", [None, MIX])
def test_bss(k, mix):
    model = make(BSS, k=k, shrinkage_weight=0.5, stream_mix=mix)
    inputs, labels, index = batch(model, labelled=4)
    losses = model.loss(inputs, labels, index)
    features = inputs["labelled"].flatten(1)  # of the labelled images alone
    expected = 0.5 * batch_spectral_shrinkage(features, k)
    torch.testing.assert_close(losses["loss_shrinkage"], expected)
    model = make(BSS, k=9)
    with pytest.raises(ValueError, match="k must be from 1 to 3, the singular values of"):
        model.loss(*batch(model))


# -- Co-Tuning ---------------------------------------------------------------------------


@pytest.mark.parametrize("head", [SOURCE_HEAD, MODELS.build(SOURCE_HEAD)])
def test_co_tuning(head):
    """By the config of the old head, or by the head."""
    model = build(CoTuning, source_weight=1.7, source_temperature=2.0, source_head=head)
    images = torch.randn(3 * CLASSES, 2, 4, 4, generator=torch.Generator().manual_seed(5)).double()
    classes = torch.arange(3 * CLASSES) % CLASSES
    model.relate(images, classes)
    assert model.training
    rows = model.source_head((images.flatten(1),)).tolist()
    relationship = []
    for c in range(CLASSES):
        probs = [
            reference.softmax([z / 2 for z in row])
            for row, y in zip(rows, classes.tolist(), strict=True)
            if y == c
        ]
        relationship.append(
            [reference.mean(p[s] for p in probs) for s in range(SOURCE_HEAD["num_classes"])]
        )
    assert model.relationship.tolist() == [pytest.approx(row) for row in relationship]

    inputs, labels, index = batch(model)
    losses = model.loss(inputs, labels, index)
    source = model.source_head((inputs["labelled"].flatten(1),)).tolist()
    expected = 1.7 * reference.mean(
        reference.cross_entropy(z, relationship[y])
        for z, y in zip(source, labels.tolist(), strict=True)
    )
    assert float(losses["loss_source"].detach()) == pytest.approx(expected)
    total(losses).backward()
    assert model.source_head.fc.weight.grad.abs().sum() > 0


class Data:
    """Two images of each class, as a SemiDataset gives them."""

    num_unlabelled, num_classes, num_labelled = 9, CLASSES, 2 * CLASSES

    def __init__(self):
        generator = torch.Generator().manual_seed(5)
        self.images = torch.randint(0, 256, (2 * CLASSES, 2, 4, 4), generator=generator).byte()
        self.labels = torch.arange(2 * CLASSES) % CLASSES

    def labelled_for_evaluation(self, rows):
        return {"inputs": self.images[list(rows)], "labels": self.labels[list(rows)]}


def single(inputs, labels, index):
    """In float32, as a preprocessor makes it."""
    return {name: images.float() for name, images in inputs.items()}, labels, index


def test_a_runner_works_out_the_relationship():
    model, data = build(CoTuning).float(), Data()
    with pytest.raises(RuntimeError, match="the relationship of the classes is not worked out"):
        model.loss(*single(*batch(model)))
    model.see_dataset(data)
    model.start_training()
    other = build(CoTuning).float()
    other.relate(data.images.float(), data.labels)  # as for evaluation, nothing augmented
    torch.testing.assert_close(model.relationship, other.relationship)
    resumed = build(CoTuning).float()
    resumed.load_state_dict(model.state_dict())
    assert resumed.loss(*single(*batch(resumed)))["loss_source"].isfinite()
    assert not hasattr(model._dataset, "images")  # let go


# -- Self-Tuning -------------------------------------------------------------------------


def push_loop(queues, keys, classes, size):
    for key, c in zip(keys, classes.tolist(), strict=True):
        queues[c].append(key)
        del queues[c][:-size]


@pytest.mark.parametrize("per_step", [2, 7, 20])
def test_queues(per_step):
    """Against lists that lose their first; also with more keys of a class than fit."""
    size, classes = 3, 4
    part, lists = ClassQueues(classes, size, 2), [[] for _ in range(classes)]
    for step in range(6):
        generator = torch.Generator().manual_seed(step)
        keys = torch.randn(per_step, 2, generator=generator)
        labels = torch.randint(classes, (per_step,), generator=generator)
        part.push(keys, labels)
        push_loop(lists, keys, labels, size)
        for c in range(classes):
            found = part.keys[c][part.valid[c]].tolist()
            assert sorted(found) == sorted(key.tolist() for key in lists[c])
    for name in ("num_classes", "size", "dimension"):
        with pytest.raises(ValueError, match=f"{name} must be an int of at least 1, got 0"):
            ClassQueues(**{**dict(num_classes=3, size=3, dimension=2), name: 0})


def projected(network, images):
    with torch.no_grad():
        return F.normalize(network.projector(images.flatten(1)), dim=1)


@pytest.mark.parametrize("joint", [True, False])
def test_self_tuning(joint):
    model = ready(SelfTuning, temperature=0.5, unlabelled_weight=1.3, joint_forward=joint)[0]
    with torch.no_grad():
        for parameter in model.teacher.parameters():
            parameter.mul_(0.9)
    lists = [[] for _ in range(CLASSES)]
    for step in range(3):
        inputs, labels, index = batch(model, seed=step)
        losses = model.loss(inputs, labels, index)
        strong = logits_of(model, inputs["strong"])
        pseudo = torch.tensor([reference.argmax(z) for z in strong])
        queries = [projected(model, inputs[name]) for name in ("labelled", "strong")]
        network = model.teacher.network
        keys = [projected(network, inputs[name]) for name in ("labelled2", "strong2")]
        depth = max(1, *map(len, lists))
        queue = torch.zeros(CLASSES, depth, 6, dtype=torch.float64)
        valid = torch.zeros(CLASSES, depth).bool()
        for c, members in enumerate(lists):
            for d, key in enumerate(members):
                queue[c, d], valid[c, d] = key, True
        for name, part, classes, weight in (
            ("loss_contrast", 0, labels, 1.0),
            ("loss_unlabelled", 1, pseudo, 1.3),
        ):
            terms = loop(queries[part], keys[part], queue, valid, classes, 0.5)
            expected = weight * reference.mean(terms)
            assert float(losses[name].detach()) == pytest.approx(expected, rel=1e-6)
        expected = reference.supervised(logits_of(model, inputs["labelled"]), labels.tolist())
        assert float(losses["loss_labelled"].detach()) == pytest.approx(expected)
        push_loop(lists, [*keys[0], *keys[1]], torch.cat([labels, pseudo]), 4)


def test_the_average_has_the_projector():
    model = ready(SelfTuning, key_momentum=0.5)[0]
    with torch.no_grad():
        model.projector[0].weight.add_(2.0)
    before = model.teacher.network.projector[0].weight.clone()
    model.after_update()
    torch.testing.assert_close(model.teacher.network.projector[0].weight, before + 1.0)
