"""MixedLabels: construction, its way to and from soft labels, what others' labels become."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from dmmix.functional import MixedLabels, as_mixed_labels
from tests.functional.losses import reference


def pair(a, b, lam, smoothing=None):
    """Labels of pairs from lists, in float64."""
    lam = torch.tensor(lam, dtype=torch.float64)
    smoothing = None if smoothing is None else torch.tensor(smoothing, dtype=torch.float64)
    return MixedLabels(torch.tensor([a, b]).T, torch.stack([lam, 1 - lam], 1), smoothing)


# -- construction ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "shares", "smoothing", "error", "message"),
    [
        ([[0.0, 1.0]], [[0.5, 0.5]], None, TypeError, "classes must be integers, .*float32"),
        ([[True, False]], [[0.5, 0.5]], None, TypeError, "classes must be integers, .*bool"),
        ([[0, 1]], [[1, 0]], None, TypeError, "shares must be floating point, got torch.int64"),
        ([0, 1], [0.5, 0.5], None, ValueError, r"\(N, K\).*got \(2,\) and \(2,\)"),
        ([[0, 1]], [[1.0]], None, ValueError, r"\(N, K\).*got \(1, 2\) and \(1, 1\)"),
        (torch.zeros(3, 0).long(), torch.zeros(3, 0), None, ValueError, r"K >= 1, got \(3, 0\)"),
        ([[0, 1]], [[0.5, 0.5]], [0.1, 0.1], ValueError, r"smoothing must be \(1,\).*got \(2,\)"),
        ([[0, -2]], [[0.5, 0.5]], None, ValueError, "classes must be 0 or more, got -2"),
        ([[0, 1]], [[1.5, -0.5]], None, ValueError, r"shares must be in \[0, 1\], got 1\.5"),
        ([[0, 1]], [[math.nan, 0.5]], None, ValueError, r"shares must be in \[0, 1\], got nan"),
        ([[0, 1]], [[math.inf, 0.5]], None, ValueError, r"shares must be in \[0, 1\], got inf"),
        ([[0, 1], [0, 1]], [[1.0, 0.0], [0.5, 0.4]], None, ValueError, r"row 1 sums to 0\.9"),
        ([[0, 1]], [[0.5, 0.5]], [1.5], ValueError, r"smoothing must be in \[0, 1\], got 1\.5"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_is_allowed(
    classes, shares, smoothing, error, message
):
    smoothing = None if smoothing is None else torch.tensor(smoothing)
    with pytest.raises(error, match=message):
        MixedLabels(torch.as_tensor(classes), torch.as_tensor(shares), smoothing)


def test_check_false_looks_at_no_value_and_validate_does():
    labels = MixedLabels(torch.tensor([[0, 9]]), torch.tensor([[0.5, 0.5]]), check=False)
    labels.validate()
    with pytest.raises(ValueError, match=r"classes must be in \[0, 5\), got 9"):
        labels.validate(num_classes=5)
    with pytest.raises(ValueError, match=r"classes must be in \[0, 9\), got 9"):
        labels.dense(9)
    wrong = MixedLabels(torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.9]]), check=False)
    with pytest.raises(ValueError, match="sum to 1"):
        wrong.validate()


@pytest.mark.parametrize("integer", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_classes_of_any_integer_type_and_shares_of_any_float_type(integer, dtype):
    lam = torch.linspace(0, 1, 101).to(dtype)
    classes = torch.tensor([[0, 1]], dtype=integer).expand(101, 2)
    labels = MixedLabels(classes, torch.stack([lam, 1 - lam], 1))
    assert labels.classes.dtype == torch.long
    assert labels.shares.dtype == dtype
    assert torch.equal(labels.dense(2), labels.shares)
    assert labels.dense(2, dtype=torch.float32).dtype == torch.float32
    assert labels[:0].dense(4).shape == (0, 4)
    assert len(MixedLabels.from_dense(torch.zeros(0, 4, dtype=dtype))) == 0


def test_plain_labels_are_mixtures_of_one_class():
    labels = MixedLabels.from_labels(torch.tensor([2, 0]), dtype=torch.float64)
    assert labels.classes.tolist() == [[2], [0]]
    assert labels.shares.tolist() == [[1.0], [1.0]]
    assert labels.shares.dtype == torch.float64
    with pytest.raises(ValueError, match=r"labels must be \(N,\), got \(1, 2\)"):
        MixedLabels.from_labels(torch.tensor([[1, 2]]))


# -- to and from soft labels -----------------------------------------------------------------


def test_dense_adds_up_the_slots_of_a_class_and_spreads_the_smoothing():
    labels = pair([0, 1, 2], [3, 1, 2], [0.3, 0.6, 1.0], smoothing=[0.0, 0.0, 0.2])
    expected = [
        reference.soft_label(c, s, 4, smoothing)
        for c, s, smoothing in zip(
            labels.classes.tolist(), labels.shares.tolist(), [0.0, 0.0, 0.2], strict=True
        )
    ]
    assert_close(labels.dense(4), torch.tensor(expected, dtype=torch.float64))


@st.composite
def mixtures(draw):
    """(labels, number of classes): distinct classes, fewer than the number of classes."""
    num_classes = draw(st.integers(2, 12))
    k = draw(st.integers(1, num_classes - 1))
    n = draw(st.integers(1, 5))
    order = st.permutations(range(num_classes))
    weights = st.lists(st.integers(0, 20), min_size=k, max_size=k).filter(any)
    classes = torch.tensor([draw(order)[:k] for _ in range(n)])
    shares = torch.tensor([draw(weights) for _ in range(n)], dtype=torch.float64)
    smoothing = draw(
        st.none() | st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]), min_size=n, max_size=n)
    )
    if smoothing is not None:
        smoothing = torch.tensor(smoothing, dtype=torch.float64)
    return MixedLabels(classes, shares / shares.sum(1, keepdim=True), smoothing), num_classes


@settings(max_examples=150, deadline=None)
@given(mixtures(), st.sampled_from([torch.float64, torch.float32]))
def test_from_dense_undoes_dense(drawn, dtype):
    labels, num_classes = drawn
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    dense = labels.dense(num_classes, dtype=dtype)
    k = labels.classes.shape[1]
    back = MixedLabels.from_dense(dense, k=k)
    back.validate(num_classes)
    wide = MixedLabels.from_dense(dense, k=min(k + 2, num_classes))  # room for more classes
    for got in (back, wide):
        assert_close(got.dense(num_classes), dense, atol=tolerance, rtol=0)
    smoothing = torch.zeros(len(labels)) if labels.smoothing is None else labels.smoothing
    assert_close(back.smoothing, smoothing.to(dtype), atol=10 * tolerance, rtol=0)
    # What is not smoothing comes back too, class by class.
    sharp = smoothing < 1
    shares = MixedLabels(labels.classes, labels.shares)[sharp].dense(num_classes, dtype=dtype)
    got = MixedLabels(back.classes, back.shares)[sharp].dense(num_classes)
    assert_close(got, shares, atol=100 * tolerance, rtol=0)


@pytest.mark.parametrize(
    ("dense", "classes", "shares", "smoothing"),
    [
        ([0.1, 0.0, 0.6, 0.3, 0.0], [2, 3, 0], [0.6, 0.3, 0.1], 0.0),  # the largest share first
        ([0.0, 0.5, 0.0, 0.5], [1, 3], [0.5, 0.5], 0.0),
        ([0.5, 0.5, 0.0, 0.0], [0, 1], [0.5, 0.5], 0.0),
        ([0.0, 0.0, 1.0, 0.0], [2], [1.0], 0.0),
        ([0.1] * 10, [], [1.0], 1.0),  # no class at all
        ([1.0], [0], [1.0], None),  # no more classes than k
        ([0.2, 0.8], [1, 0], [0.8, 0.2], None),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_soft_labels_by_hand(dense, classes, shares, smoothing, dtype):
    """In half precision they are read in float32."""
    dense = torch.tensor([dense], dtype=dtype)
    step = {torch.float32: 1e-6, torch.bfloat16: 2**-7}[dtype]
    back = MixedLabels.from_dense(dense, k=max(2, len(classes)))
    assert back.shares.dtype == torch.float32
    if dtype == torch.float32:
        assert_close(back.dense(dense.shape[1]), dense, rtol=0, atol=step)
    found = sorted(zip(back.shares[0].tolist(), back.classes[0].tolist(), strict=True))[::-1]
    assert back.shares[0].tolist() == [share for share, _ in found]
    assert [share for share, _ in found[: len(shares)]] == pytest.approx(shares, abs=step)
    assert {each for _, each in found[: len(classes)]} == set(classes)
    smoothed = None if back.smoothing is None else back.smoothing.item()
    assert smoothed == (smoothing if smoothing is None else pytest.approx(smoothing, abs=step))


@pytest.mark.parametrize(
    ("dense", "k", "error", "message"),
    [
        (torch.tensor([[1, 0]]), 2, TypeError, "must be floating point, got torch.int64"),
        (torch.rand(4), 2, ValueError, r"soft labels must be \(N, C\), got \(4,\)"),
        (torch.eye(3), 0, ValueError, "k must be at least 1, got 0"),
        (torch.tensor([[1.0, 1.0, 0.0]]), 2, ValueError, "row 0 sums to 2"),
        (torch.tensor([[1.2, -0.2, 0.0]]), 2, ValueError, r"must be in \[0, 1\], got 1\.2"),
        (torch.tensor([[math.nan, 1.0, 0.0]]), 2, ValueError, "nan"),
        (torch.tensor([[0.4, 0.3, 0.3, 0]]), 2, ValueError, "row 0 mixes more than k=2 classes"),
    ],
)
def test_what_is_no_soft_label_is_an_error(dense, k, error, message):
    with pytest.raises(error, match=message):
        MixedLabels.from_dense(dense, k)


# -- what other libraries produce ------------------------------------------------------------


@pytest.fixture
def torchvision():
    from dmmix import compat

    compat.prepare()
    return pytest.importorskip("torchvision")


def one_pair_a_row(labels, a, b, smoothing):
    """The mixed classes are exactly {a, b}, or a alone where both are the same."""
    assert_close(labels.smoothing, torch.full((len(labels),), smoothing), atol=1e-6, rtol=0)
    labels.validate()
    for classes, shares, i, j in zip(
        labels.classes.tolist(), labels.shares.tolist(), a.tolist(), b.tolist(), strict=True
    ):
        named = {c for c, s in zip(classes, shares, strict=True) if s > 1e-5}
        assert named == {i, j}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
def test_labels_of_timm(torchvision, mode, smoothing):
    timm = pytest.importorskip("timm.data.mixup")
    mix = timm.Mixup(
        mixup_alpha=5.0, cutmix_alpha=0.0, mode=mode, label_smoothing=smoothing, num_classes=10
    )
    target = torch.tensor([3, 1, 4, 4, 5, 9])
    _, dense = mix(torch.rand(6, 3, 8, 8), target)
    labels = MixedLabels.from_dense(dense)
    one_pair_a_row(labels, target, target.flip(0), smoothing)
    assert_close(labels.dense(10), dense, atol=1e-6, rtol=0)
    dense = timm.mixup_target(torch.tensor([7, 2]), 10, lam=0.3, smoothing=0.1)
    labels = MixedLabels.from_dense(dense)
    assert labels.classes.tolist() == [[2, 7], [7, 2]]
    assert_close(labels.shares, torch.tensor([[0.7, 0.3], [0.7, 0.3]]))


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_labels_of_torchvision(torchvision, name):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    target = torch.tensor([3, 1, 4, 4, 5, 9])
    _, dense = getattr(v2, name)(num_classes=10, alpha=5.0)(torch.rand(6, 3, 16, 16), target)
    labels = MixedLabels.from_dense(dense)
    assert_close(labels.dense(10), dense, atol=1e-6, rtol=0)
    assert (labels.smoothing == 0).all()
    for row, i, j in zip(labels.classes.tolist(), target, target.roll(1), strict=True):
        assert row[0] in (i, j)


@pytest.mark.openmmlab
@pytest.mark.parametrize(("mode", "smoothing"), [("original", 0.1), ("classy_vision", 0.1 / 1.1)])
def test_smoothing_of_mmpretrain(torchvision, mode, smoothing):
    losses = pytest.importorskip("mmpretrain.models.losses")
    smooth = losses.LabelSmoothLoss(0.1, num_classes=10, mode=mode).smooth_label
    dense = smooth(pair([3, 1, 4], [9, 5, 4], [0.3, 0.5, 0.9]).dense(10, dtype=torch.float32))
    labels = MixedLabels.from_dense(dense)
    one_pair_a_row(labels, torch.tensor([3, 1, 4]), torch.tensor([9, 5, 4]), smoothing)
    assert_close(labels.shares[:, 0], torch.tensor([0.7, 0.5, 1.0]), atol=1e-6, rtol=0)


# -- what a loss accepts ---------------------------------------------------------------------


def test_what_a_loss_accepts():
    labels = pair([0], [1], [0.5])
    assert as_mixed_labels(labels) is labels
    assert as_mixed_labels(torch.tensor([2, 3])).classes.tolist() == [[2], [3]]
    assert as_mixed_labels(torch.eye(4)[1:3], k=3).classes[:, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "got list"),
        (torch.tensor([[0, 1]]), r"got torch.int64 of shape \(1, 2\)"),
        (torch.tensor([True]), "got torch.bool"),
    ],
)
def test_what_a_loss_does_not_accept(labels, message):
    with pytest.raises(TypeError, match=message):
        as_mixed_labels(labels)


def test_multi_label_targets_share_the_row():
    targets = torch.tensor([[1, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0]], dtype=torch.float64)
    labels = MixedLabels.from_multi_label(targets, k=3)
    assert_close(labels.dense(6), targets / targets.sum(1, keepdim=True))
    with pytest.raises(ValueError, match="k=2"):
        MixedLabels.from_multi_label(targets, k=2)
    with pytest.raises(ValueError, match="row 1 has no positive class"):
        MixedLabels.from_multi_label(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), k=1)


# -- parts and combinations ------------------------------------------------------------------


@pytest.mark.parametrize("smooth_first", [False, True])
@pytest.mark.parametrize("smooth_second", [False, True])
def test_where_takes_whole_rows_and_cat_puts_them_one_after_the_other(smooth_first, smooth_second):
    first = pair([0, 1], [2, 3], [0.3, 0.6], smoothing=[0.1, 0.2] if smooth_first else None)
    second = MixedLabels.from_labels(torch.tensor([4, 0]))
    if smooth_second:
        second = MixedLabels(second.classes, second.shares, torch.tensor([0.3, 0.4]))
    rows = torch.tensor([True, False])
    got = MixedLabels.where(rows, first, second)
    dense = first.dense(5), second.dense(5, torch.float64)
    expected = torch.where(rows[:, None], *dense)
    assert_close(got.dense(5), expected)
    other_way = MixedLabels.where(~rows, second, first)
    assert_close(other_way.dense(5, torch.float64), expected, atol=1e-7, rtol=0)
    both = MixedLabels.cat([first, second])
    assert both.classes.shape == (4, 2)
    assert (both.smoothing is not None) == (smooth_first or smooth_second)
    assert_close(both.dense(5), torch.cat(dense))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
    st.none() | st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=2, max_size=2),
    st.none() | st.lists(st.sampled_from([0.0, 0.1, 1.0]), min_size=2, max_size=2),
)
def test_blend_is_the_mean_of_the_soft_labels(share, smoothing, other_smoothing):
    first = pair([0, 1], [2, 2], [0.3, 0.6], smoothing)
    second = pair([5, 1], [4, 3], [0.8, 0.5], other_smoothing)
    share = torch.tensor(share, dtype=torch.float64)
    blended = first.blend(second, share)
    assert blended.classes.shape == (2, 4)
    blended.validate(6)
    expected = share[:, None] * first.dense(6) + (1 - share[:, None]) * second.dense(6)
    assert_close(blended.dense(6), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "rows", [slice(1, None), torch.tensor([2, 0]), torch.tensor([True, False, True])]
)
def test_some_of_the_samples(rows):
    labels = pair([0, 1, 2], [1, 2, 3], [0.2, 0.5, 0.9], smoothing=[0.0, 0.1, 0.2])
    assert_close(labels[rows].dense(4), labels.dense(4)[rows])


def test_to_another_type_or_device():
    labels = pair([0, 1], [2, 3], [0.3, 0.6], smoothing=[0.1, 0.2])
    single = labels.to(torch.float32)
    assert single.classes.dtype == torch.long
    assert single.shares.dtype == single.smoothing.dtype == torch.float32
    away = labels.to("meta")
    assert {t.device.type for t in (away.classes, away.shares, away.smoothing)} == {"meta"}
    for value in ("[0, 2]", "0.3", "smoothing="):
        assert value in repr(labels)


def test_values_are_not_looked_at_while_compiling():
    """A look at a value would break the graph; off the CPU it would wait for the device."""

    def smooth(dense):
        labels = MixedLabels.from_dense(dense)
        labels = MixedLabels(labels.classes, labels.shares, labels.smoothing)
        return labels.dense(dense.shape[1])

    dense = pair([0, 1], [2, 3], [0.3, 0.6]).dense(5)
    compiled = torch.compile(smooth, fullgraph=True, backend="eager")
    assert_close(compiled(dense), dense)
    assert smooth(dense.to("meta")).shape == (2, 5)


def test_pin_memory(monkeypatch):
    """A DataLoader with pin_memory=True asks each part of a batch that has such a method."""
    from torch.utils.data._utils.pin_memory import pin_memory

    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self)
    labels = MixedLabels.from_dense(torch.eye(3) * 0.9 + 0.1 / 3)
    batch = pin_memory({"labels": labels})
    assert isinstance(batch["labels"], MixedLabels)
    assert len(pinned) == 3
    assert_close(batch["labels"].dense(3), labels.dense(3))
