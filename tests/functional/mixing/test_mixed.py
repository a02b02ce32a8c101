"""What a mix returns: sources and planes of pairs and of more, and choosing between two mixes."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.functional.mixing import Inside, Mixed, Watched, unmixed
from tests.laws.data import batch
from tests.laws.mix_functions import mix

ROWS = torch.tensor([True, False, True, False])
FORMS = [torch.arange(4), torch.eye(4)]


def rows_of(labels, i):
    return labels.dense(4)[i] if isinstance(labels, MixedLabels) else labels[i]


def test_unmixed_has_the_form_of_a_pair():
    images, labels = batch(4)
    plain = unmixed(images, labels)
    assert plain.images is images
    assert torch.equal(plain.labels.shares, torch.tensor([[1.0, 0.0]]).expand(4, 2))
    assert torch.equal(plain.labels.dense(4), torch.eye(4))
    assert torch.equal(unmixed(images, torch.eye(4)).labels, torch.eye(4))
    assert torch.equal(plain.sources, torch.arange(4)[:, None].expand(4, 2))
    assert plain.planes[:, 0].all()
    assert not plain.planes[:, 1].any()


@pytest.mark.parametrize("index", [torch.tensor([1, 0]), torch.tensor([1, 0], dtype=torch.int32)])
def test_sources_and_planes_of_pairs(index):
    images, labels = batch(2)
    for mask in (torch.rand(2, 1, 8, 8) > 0.5, torch.rand(2, 1, 1, 1), torch.rand(2, 1, 8, 8)):
        mixed = Mixed(images, labels, index, mask)
        assert mixed.sources.tolist() == [[0, 1], [1, 0]]
        assert mixed.sources.dtype == index.dtype
        assert mixed.planes.shape == (2, 2, *mask.shape[2:])
        assert mixed.planes.dtype == mask.dtype
        assert torch.equal(mixed.planes[:, :1], mask)
        assert_close(mixed.planes.double().sum(1), torch.ones(2, *mask.shape[2:]).double())


@pytest.mark.parametrize("labels", FORMS)
@pytest.mark.parametrize("other", ["cutmix", "comixup", "unmixed"])
def test_where_picks_samples(other, labels):
    images, _ = batch(4, layout="channels_last")
    a = mix("mixup", images, labels)
    b = unmixed(images, labels) if other == "unmixed" else mix(other, images, labels)
    for first, second in ((a, b), (b, a)):
        both = Mixed.where(ROWS, first, second)
        assert both.images.is_contiguous(memory_format=torch.channels_last)
        planes = both.planes.double().expand(4, -1, 8, 8)
        assert_close(planes.sum(1), torch.ones(4, 8, 8).double())
        for i in range(4):
            chosen = first if ROWS[i] else second
            assert torch.equal(both.images[i], chosen.images[i])
            assert_close(rows_of(both.labels, i), rows_of(chosen.labels, i))
            k = chosen.sources.shape[1]
            assert torch.equal(both.sources[i, :k], chosen.sources[i])
            expected = chosen.planes[i].double().expand(k, 8, 8)
            assert torch.equal(planes[i, :k], expected)
            assert not planes[i, k:].any()


def test_where_keeps_the_weights():
    images, labels = batch(4)
    mixed = mix("snapmix", images, labels)
    plain = mixed._replace(weights=None)
    assert Mixed.where(ROWS, plain, plain).weights is None
    expected = torch.where(ROWS, mixed.weights, 1)
    assert torch.equal(Mixed.where(ROWS, mixed, plain).weights, expected)
    assert torch.equal(Mixed.where(~ROWS, plain, mixed).weights, expected)


class Half:
    """A rule by which each image of a pair has half of it, whatever was seen."""

    watches = "attention"

    def settle(self, mixed, seen):
        assert len(seen) == len(mixed.images)
        return torch.full((len(seen), 2), 0.5)


def told(mixed, **where):
    """A mix whose shares a rule tells after the forward pass, and whose features are changed."""
    watched = Watched(Half(), MixedLabels.from_labels(torch.arange(4)), mixed, **where)
    return mixed._replace(inside=(Inside("stage", torch.neg, **where),), watched=(watched,))


def test_where_keeps_what_is_asked_for_in_the_network_and_its_rows():
    images, labels = batch(4)
    plain, asking = mix("cutmix", images, labels), told(mix("mixup", images, labels))
    some = torch.tensor([False, True, True, True])
    assert Mixed.where(ROWS, plain, plain).inside == ()
    for both, rows in (
        (Mixed.where(ROWS, asking, plain), ROWS),
        (Mixed.where(ROWS, plain, asking), ~ROWS),
        (Mixed.where(ROWS, told(plain, rows=some), plain), ROWS & some),
    ):
        assert torch.equal(both.inside[0].rows, rows)
        assert torch.equal(both.watched[0].rows, rows)


@pytest.mark.parametrize("labels", FORMS)
def test_a_rule_tells_the_rows_of_its_mix_anew_and_no_others(labels):
    images, _ = batch(4)
    mixed, clean = mix("mixup", images, labels), unmixed(images, labels)
    sparse = labels.ndim == 1
    watched = Watched(Half(), MixedLabels.from_labels(labels) if sparse else labels, mixed)
    pairs, seen = (torch.eye(4) + torch.eye(4)[mixed.index]) / 2, torch.rand(4, 9)
    before = mixed.labels.dense(4) if sparse else mixed.labels
    join = MixedLabels.cat if sparse else torch.cat
    for rows in (None, ROWS):
        expected = pairs if rows is None else torch.where(rows[:, None], pairs, before)
        settled = watched._replace(rows=rows).settle(mixed.labels, seen)
        assert_close(settled.dense(4) if sparse else settled, expected)
        # With samples before them that are none of its own.
        settled = watched._replace(rows=rows, start=4).settle(
            join([clean.labels, mixed.labels]), torch.cat([seen, seen])
        )
        expected = torch.cat([torch.eye(4), expected])
        assert_close(settled.dense(4) if sparse else settled, expected)
