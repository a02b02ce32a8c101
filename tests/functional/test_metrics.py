import torch
import torch.nn.functional as F

from dmmix.functional import MixedLabels, mixed_accuracy


def accuracy(order, classes, shares, num_classes=6, **options):
    """Mixed accuracy of one sample whose classes rank in this order, best first."""
    logits = torch.zeros(1, num_classes)
    logits[0, order] = torch.arange(len(order), 0, -1.0)
    labels = MixedLabels(torch.tensor([classes]), torch.tensor([shares]))
    got = mixed_accuracy(logits, labels, **options)
    return tuple(part.item() for part in got)


def test_top1_in_the_pair_and_top2_the_pair():
    assert accuracy([0, 1, 2], [0, 1], [0.3, 0.7]) == (True, True, True)
    assert accuracy([1, 0, 2], [0, 1], [0.3, 0.7]) == (True, True, True)
    assert accuracy([0, 2, 1], [0, 1], [0.3, 0.7]) == (True, False, True)
    assert accuracy([2, 0, 1], [0, 1], [0.3, 0.7]) == (False, False, True)
    assert accuracy([3, 4, 1], [0, 1], [0.3, 0.7]) == (False, False, True)


def test_more_classes_than_two():
    assert accuracy([2, 0, 1], [0, 1, 2], [0.2, 0.3, 0.5]) == (True, True, True)
    assert accuracy([2, 3, 1], [0, 1, 2], [0.2, 0.3, 0.5]) == (True, False, True)
    assert accuracy([2, 1, 3], [2, 1, 0], [0.5, 0.5, 0.0]) == (True, True, True)
    assert accuracy([2, 3, 1], [2, 1, 0], [0.5, 0.5, 0.0]) == (True, False, True)


def test_a_sample_of_one_class_is_plain_top1():
    assert accuracy([0, 1], [0, 0], [0.3, 0.7]) == (True, True, False)
    assert accuracy([1, 0], [0, 0], [0.3, 0.7]) == (False, False, False)
    assert accuracy([0, 1], [0, 1], [1.0, 0.0]) == (True, True, False)
    assert accuracy([1, 0], [0, 1], [1.0, 0.0]) == (False, False, False)
    assert accuracy([1, 0], [1], [1.0]) == (True, True, False)


def test_a_repeated_class_is_one_class():
    assert accuracy([0, 1], [0, 0, 1], [0.2, 0.2, 0.6]) == (True, True, True)
    assert accuracy([0, 2, 1], [0, 0, 1], [0.2, 0.2, 0.6]) == (True, False, True)


def test_min_share():
    assert accuracy([1, 0], [0, 1], [0.9, 0.1]) == (True, True, True)
    assert accuracy([1, 0], [0, 1], [0.9, 0.1], min_share=0.1) == (False, False, False)
    assert accuracy([0, 2], [0, 1], [0.9, 0.1], min_share=0.1) == (True, True, False)


def test_the_class_that_is_left_is_the_one_with_the_largest_share_over_its_slots():
    labels = [0, 1, 1], [0.4, 0.3, 0.3]
    assert accuracy([1, 0], *labels, min_share=0.45) == (True, True, False)
    assert accuracy([0, 1], *labels, min_share=0.45) == (False, False, False)


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
