import pytest
import torch
import torch.nn.functional as F

from dmmix.functional import MixedLabels, mixed_accuracy


@pytest.mark.parametrize(
    ("order", "classes", "shares", "min_share", "expected"),
    [
        # Top-1 is one of the pair, top-2 the pair.
        ([0, 1, 2], [0, 1], [0.3, 0.7], 0, (True, True, True)),
        ([1, 0, 2], [0, 1], [0.3, 0.7], 0, (True, True, True)),
        ([0, 2, 1], [0, 1], [0.3, 0.7], 0, (True, False, True)),
        ([2, 0, 1], [0, 1], [0.3, 0.7], 0, (False, False, True)),
        ([3, 4, 1], [0, 1], [0.3, 0.7], 0, (False, False, True)),
        # More classes than two.
        ([2, 0, 1], [0, 1, 2], [0.2, 0.3, 0.5], 0, (True, True, True)),
        ([2, 3, 1], [0, 1, 2], [0.2, 0.3, 0.5], 0, (True, False, True)),
        ([2, 1, 3], [2, 1, 0], [0.5, 0.5, 0.0], 0, (True, True, True)),
        ([2, 3, 1], [2, 1, 0], [0.5, 0.5, 0.0], 0, (True, False, True)),
        # Of one class it is plain top-1.
        ([0, 1], [0, 0], [0.3, 0.7], 0, (True, True, False)),
        ([1, 0], [0, 0], [0.3, 0.7], 0, (False, False, False)),
        ([0, 1], [0, 1], [1.0, 0.0], 0, (True, True, False)),
        ([1, 0], [0, 1], [1.0, 0.0], 0, (False, False, False)),
        ([1, 0], [1], [1.0], 0, (True, True, False)),
        # A repeated class is one class.
        ([0, 1], [0, 0, 1], [0.2, 0.2, 0.6], 0, (True, True, True)),
        ([0, 2, 1], [0, 0, 1], [0.2, 0.2, 0.6], 0, (True, False, True)),
        ([1, 0], [0, 1], [0.9, 0.1], 0, (True, True, True)),
        ([1, 0], [0, 1], [0.9, 0.1], 0.1, (False, False, False)),
        ([0, 2], [0, 1], [0.9, 0.1], 0.1, (True, True, False)),
        # What is left is the class with the largest share over its slots.
        ([1, 0], [0, 1, 1], [0.4, 0.3, 0.3], 0.45, (True, True, False)),
        ([0, 1], [0, 1, 1], [0.4, 0.3, 0.3], 0.45, (False, False, False)),
    ],
)
def test_of_one_sample(order, classes, shares, min_share, expected):
    """Whose classes rank in this order, best first: top-1, top-k, and whether it is a mixture."""
    logits = torch.zeros(1, 6)
    logits[0, order] = torch.arange(len(order), 0, -1.0)
    labels = MixedLabels(torch.tensor([classes]), torch.tensor([shares]))
    assert tuple(part.item() for part in mixed_accuracy(logits, labels, min_share)) == expected


def test_fewer_classes_than_slots():
    labels = MixedLabels(torch.tensor([[0, 1, 0]]), torch.tensor([[0.3, 0.5, 0.2]]))
    got = mixed_accuracy(torch.tensor([[1.0, 2.0]]), labels)
    assert [part.item() for part in got] == [True, True, True]


def test_plain_and_soft_labels():
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    plain = mixed_accuracy(logits, torch.tensor([0, 1, 2]))
    assert plain.top1.tolist() == plain.topk.tolist() == [True, False, True]
    assert not plain.mixed.any()
    dense = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    soft = mixed_accuracy(logits, dense)
    assert soft.top1.tolist() == [True, True, True]
    assert soft.topk.tolist() == [True, False, True]
    assert soft.mixed.tolist() == [True, True, False]


def test_per_sample_over_a_batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 5, generator=generator)
    a, b = torch.randint(5, (2, 64), generator=generator)
    labels = MixedLabels(torch.stack([a, b], 1), torch.tensor([[0.4, 0.6]] * 64))
    got = mixed_accuracy(logits, labels)
    for row in range(64):
        classes = {a[row].item(), b[row].item()}
        best = logits[row].argsort(descending=True).tolist()
        assert got.top1[row].item() == (best[0] in classes)
        assert got.topk[row].item() == (set(best[: len(classes)]) == classes)
        assert got.mixed[row].item() == (len(classes) == 2)


def test_no_value_is_read():
    logits = torch.randn(4, 5, device="meta")
    got = mixed_accuracy(logits, F.one_hot(torch.arange(4), 5).float().to("meta"))
    assert got.top1.shape == got.topk.shape == got.mixed.shape == (4,)
