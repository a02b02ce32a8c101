"""BSS, Co-Tuning and pseudo group contrast against loops."""

import math

import numpy as np
import pytest
import torch

from dmmix.functional.transfer import (
    batch_spectral_shrinkage,
    category_relationship,
    co_tuning_cross_entropy,
    pseudo_group_contrast,
)
from tests.laws.data import noise

# -- BSS ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_the_smallest_singular_values(k, shape):
    """By the eigenvalues of F^T F, as NumPy has them."""
    features = noise(*shape)
    matrix = features.numpy()
    gram = matrix @ matrix.T if shape[0] < shape[1] else matrix.T @ matrix
    values = sorted(np.linalg.eigvalsh(gram))
    expected = sum(values[:k])
    assert float(batch_spectral_shrinkage(features, k)) == pytest.approx(expected, rel=1e-9)


def test_its_gradient_by_differences():
    features = noise(4, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: batch_spectral_shrinkage(f, 2), features)


def test_low_precision_features():
    features = noise(6, 8).bfloat16()
    found = batch_spectral_shrinkage(features, 2)
    assert found.dtype == torch.float32
    expected = batch_spectral_shrinkage(features.double(), 2)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


# -- Co-Tuning ---------------------------------------------------------------------------


def test_relationship():
    probs, labels = noise(8, 4).softmax(dim=1), torch.tensor([0, 2, 1, 0, 2, 2, 1, 0])
    found = category_relationship(probs, labels, 3)
    for c in range(3):
        rows = [
            row for row, label in zip(probs.tolist(), labels.tolist(), strict=True) if label == c
        ]
        mean = [sum(row[s] for row in rows) / len(rows) for s in range(4)]
        assert found[c].tolist() == pytest.approx(mean)
    assert found.sum(dim=1).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_mean_of_many_low_precision_predictions(dtype):
    probs = noise(3000, 4).softmax(dim=1).to(dtype)
    found = category_relationship(probs, torch.arange(3000) % 2, 2)
    assert found.dtype == torch.float32
    expected = torch.stack([probs[k::2].double().mean(dim=0) for k in range(2)])
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_co_tuning():
    logits, labels = noise(5, 4), torch.tensor([0, 2, 1, 1, 0])
    relationship = noise(3, 4, seed=1).softmax(dim=1).requires_grad_()
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        lse = math.log(sum(math.exp(z) for z in row))
        total += sum(p * (lse - z) for p, z in zip(relationship[label].tolist(), row, strict=True))
    found = co_tuning_cross_entropy(logits.requires_grad_(), labels, relationship)
    assert float(found.detach()) == pytest.approx(total / 5)
    found.backward()
    assert relationship.grad is None
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: batch_spectral_shrinkage(noise(5, 9), 0), "k must be from 1 to 5, .* got 0"),
        (lambda: batch_spectral_shrinkage(noise(5, 9), 6), "k must be from 1 to 5, .* got 6"),
        (lambda: batch_spectral_shrinkage(noise(5, 9, 2)), "features must be floating point .N, D"),
        (lambda: relationship([0, 2], 4), "class 1 has no image, 2 of 4 have none"),
        (lambda: relationship([0, -1, 1]), "labels must be from 0 to 2, got -1"),
        (lambda: relationship([0, 3, 1]), "labels must be from 0 to 2, got 3"),
        (lambda: relationship([0], 0), "num_classes must be at least 1, got 0"),
        (
            lambda: category_relationship(noise(5, 3), torch.zeros(4).long(), 3),
            r"source_probs must be \(N, S\) and labels \(N,\)",
        ),
        (
            lambda: co_tuning_cross_entropy(noise(5, 3), torch.zeros(5).long(), noise(2, 4)),
            r"source_logits must be \(N, 4\) like the relationship",
        ),
        (
            lambda: co_tuning_cross_entropy(noise(5, 4), torch.zeros(1).long(), noise(2, 4)),
            r"labels must be \(5,\), got \(1,\)",
        ),
    ],
)
def test_bad_arguments(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def relationship(labels, num_classes=3):
    probs = noise(len(labels), 4).softmax(dim=1)
    return category_relationship(probs, torch.tensor(labels), num_classes)


# -- PGC ---------------------------------------------------------------------------------


def loop(query, key, queue, valid, labels, temperature):
    losses = []
    for q, k0, y in zip(query.tolist(), key.tolist(), labels.tolist(), strict=True):

        def score(k, q=q):
            return math.exp(sum(a * b for a, b in zip(q, k, strict=True)) / temperature)

        positives = [score(k0)]
        negatives = []
        for c in range(len(queue)):
            for d in range(len(queue[c])):
                if valid[c][d]:
                    (positives if c == y else negatives).append(score(queue[c][d].tolist()))
        total = sum(positives) + sum(negatives)
        losses.append(-sum(math.log(p / total) for p in positives) / len(positives))
    return losses


@pytest.mark.parametrize("temperature", [0.07, 1.0])
@pytest.mark.parametrize("filled", [0.0, 0.6, 1.0])
def test_pseudo_group_contrast(temperature, filled):
    unit = torch.nn.functional.normalize
    query, key = unit(noise(6, 5), dim=1), unit(noise(6, 5, seed=1), dim=1)
    queue = unit(noise(3, 4, 5, seed=2), dim=2)
    valid = torch.rand(3, 4, generator=torch.Generator().manual_seed(3)) < filled
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    found = pseudo_group_contrast(query, key, queue, valid, labels, temperature)
    expected = loop(query, key, queue, valid, labels, temperature)
    assert found.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_contrast_under_autocast():
    """A product of float16 or bfloat16 is too coarse for a temperature of 0.07."""
    unit = torch.nn.functional.normalize
    query, key = (unit(noise(6, 16, seed=k), dim=1).float() for k in (0, 1))
    queue = unit(noise(3, 4, 16, seed=2), dim=2).float()
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    arguments = (query, key, queue, torch.ones(3, 4).bool(), labels)
    expected = pseudo_group_contrast(*arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pseudo_group_contrast(*arguments)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_keys_get_no_gradient():
    query, key = noise(3, 5).requires_grad_(), noise(3, 5, seed=1).requires_grad_()
    queue = noise(2, 4, 5, seed=2).requires_grad_()
    valid = torch.tensor([[True, True, False, True], [False, True, True, True]])
    pseudo_group_contrast(query, key, queue, valid, torch.tensor([0, 1, 0])).sum().backward()
    assert key.grad is None
    assert queue.grad is None
    assert query.grad.isfinite().all()
    assert query.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(temperature=0), "temperature must be above 0 and finite, got 0"),
        (dict(key=noise(3, 4)), r"query and key must be \(N, E\)"),
        (dict(queue=noise(2, 4, 6)), r"queue must be \(C, D, 5\) and valid \(C, D\)"),
        (dict(valid=torch.ones(2, 3).bool()), r"queue must be \(C, D, 5\) and valid \(C, D\)"),
    ],
)
def test_bad_contrast(changes, says):
    arguments = dict(
        query=noise(3, 5),
        key=noise(3, 5),
        queue=noise(2, 4, 5),
        valid=torch.ones(2, 4).bool(),
        labels=torch.tensor([0, 1, 0]),
    )
    with pytest.raises(ValueError, match=says):
        pseudo_group_contrast(**{**arguments, **changes})
