"""Mixing between the streams: who is mixed with whom, and whose share is below a half."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.mixups import RandomMix, build_mix
from dmmix.models.semi import FixMatch, StreamMix
from dmmix.models.semi.parts.pairing import paired
from dmmix.models.semi.parts.stream_mix import bias_share

from .small import batch, make, watch

STATIC = ["Mixup", "CutMix", "FMix", "ResizeMix", "SaliencyMix"]


def mixes_of(stream_mix, model, inputs, labels, pseudo):
    """What goes into the network, with labels: slot 0 the unlabelled image's, 1 the labelled's."""
    made = watch(stream_mix.mixup)
    confidence = torch.ones(len(pseudo), dtype=torch.float64)
    losses = stream_mix.losses(
        model, inputs["labelled"], labels, inputs["weak"], pseudo, confidence
    )
    return made[0][-1], losses


@pytest.mark.parametrize("name", STATIC)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.1, 1.0, 8.0]))
def test_the_unlabelled_image_dominates(name, seed, alpha):
    torch.manual_seed(seed)
    stream_mix = StreamMix(dict(type=name, alpha=alpha))
    model = make(FixMatch)
    n, side = 6, 4
    # Pixels tell where they come from: below 0 labelled, above unlabelled.
    weak = torch.arange(1.0, 2 * n + 1).double()[:, None, None, None].expand(-1, 2, side, side)
    inputs = {"labelled": -weak[:n], "weak": weak}
    labels, pseudo = torch.zeros(n).long(), torch.arange(2 * n) % 4 + 1
    mixed, _ = mixes_of(stream_mix, model, inputs, labels, pseudo)
    images, found = mixed.images[:n], mixed.labels[:n]
    share = found.shares[:, 1]
    # To pixels of 4 x 4 images a box is rounded by up to a row and a column.
    assert (share < 0.5 + (0 if name == "Mixup" else 0.19)).all()
    for k in range(n):
        known = images[k] < 0
        if name == "Mixup":
            lam = float(share[k])
            u = (images[k] + lam * (k + 1)) / (1 - lam)
            assert torch.allclose(u, u.round(), atol=1e-6)
            u = int(u.flatten()[0].round())
        else:
            if name not in ("FMix", "ResizeMix"):
                assert set(images[k][known].tolist()) <= {-(k + 1.0)}
            assert float(known.float().mean()) == pytest.approx(float(share[k]), abs=1e-6)
            u = int(images[k][~known].flatten()[0])
        assert found.classes[k].tolist() == [int(pseudo[u - 1]), 0]


@settings(max_examples=100, deadline=None)
@given(lam=st.floats(0, 1))
def test_biased_shares(lam):
    lam = torch.tensor([lam], dtype=torch.float64)
    dominant = bias_share(lam, "unlabelled")  # the unlabelled image's
    assert dominant > 0.5
    assert (1 - dominant).float() < 0.5
    assert dominant.float() > 0.5
    assert bias_share(lam, "labelled") < 0.5
    assert torch.equal(bias_share(lam, "none"), lam)
    torch.testing.assert_close(
        torch.minimum(dominant, 1 - dominant), torch.minimum(lam, 1 - lam), atol=1e-6, rtol=0
    )


def test_partners_differ():
    """Each labelled image has an unlabelled one of its own, and not the same ones in each step."""
    stream_mix, model = StreamMix(dict(type="Mixup", alpha=0.5)), make(FixMatch)
    inputs, labels, _ = batch(model, labelled=5, mu=3)
    seen = set()
    for _ in range(20):
        pseudo = torch.arange(15)
        mixed, _ = mixes_of(stream_mix, small_head(model), inputs, labels, pseudo)
        chosen = mixed.labels[:5].classes[:, 0].tolist()
        assert len(set(chosen)) == 5
        seen.add(tuple(chosen))
    assert len(seen) > 10
    assert len({place for chosen in seen for place in chosen}) == 15


def small_head(model):
    """15 classes, so that a pseudo-label can name the image."""
    model.head.fc = torch.nn.Linear(32, 15).double()
    return model


@pytest.mark.parametrize(
    ("loss", "name"),
    [("DecoupledMixupLoss", "loss_stream_mix"), ("DecoupledMixupBCELoss", "loss_stream_bce")],
)
def test_a_mix_that_asks_the_network(loss, name):
    stream_mix = StreamMix(dict(type="PuzzleMix", alpha=1.0), loss=dict(type=loss))
    model = make(FixMatch)
    inputs, labels, _ = batch(model)
    before = {name: p.grad for name, p in model.named_parameters()}
    _, losses = mixes_of(stream_mix, model, inputs, labels, torch.arange(6) % 5)
    assert all(p.grad is before[name] for name, p in model.named_parameters())
    assert losses[name] > 0


def test_a_random_mix():
    members = [dict(type="Mixup", alpha=0.5), dict(type="CutMix", alpha=0.5)]
    stream_mix = StreamMix(dict(type="RandomMix", mixups=members, per_sample=True))
    model = make(FixMatch)
    inputs, labels, _ = batch(model, labelled=8)
    mixed, losses = mixes_of(stream_mix, model, inputs, labels, torch.zeros(16).long())
    shares = mixed.labels[:8].shares[:, 1:].sum(1)
    assert (shares < 0.5 + 0.19).all()
    assert float(losses["stream_mix_rate"]) == pytest.approx(float((shares <= 0.5).float().mean()))


@pytest.mark.parametrize("lam_bias", ["unlabelled", "labelled", "none"])
@pytest.mark.parametrize(
    "mixup",
    [
        dict(type="PuzzleMix"),
        dict(type="GridMix"),
        dict(
            type="GuidedMixup",
            kernel_size=1,
            pairing=dict(type="RandomPairing"),
            saliency=dict(type="SpectralResidualSaliency"),
        ),
    ],
    ids=lambda mixup: mixup["type"],
)
def test_a_mix_gave_the_wrong_image_more_than_half_and_was_accepted(mixup, lam_bias):
    """Rows in which it did have no gradient, the others that of a loss without them."""
    wrong = 0
    for seed in range(4):
        torch.manual_seed(seed)
        stream_mix = StreamMix(dict(mixup, alpha=8.0), lam_bias=lam_bias)
        model = make(FixMatch)
        inputs, labels, _ = batch(model, labelled=12)
        logits, head = [], model.head.forward

        def watched(feats, logits=logits, head=head):
            logits.append(head(feats))
            logits[-1].retain_grad()
            return logits[-1]

        model.head.forward = watched
        mixed, losses = mixes_of(stream_mix, model, inputs, labels, torch.arange(24) % 5)
        share = mixed.labels[:12].shares[:, 1]
        bad = {"unlabelled": share > 0.5, "labelled": share < 0.5, "none": share > 2}[lam_bias]
        (losses["loss_stream_mix"] + losses["loss_stream_decoupled"]).backward()
        assert torch.equal(logits[-1].grad.abs().sum(1) == 0, bad)
        rate = bad.double().mean()
        assert float(losses["stream_mix_rate"]) == pytest.approx(1 - float(rate))
        rejected = losses.get("stream_mix_rejected")
        assert (rejected is None) == (lam_bias == "none")
        assert rejected is None or float(rejected) == pytest.approx(float(rate))
        wrong += int(bad.sum())
    assert (wrong > 0) == (lam_bias != "none")


def test_a_mix_inside_the_network():
    """Both halves go through, and the first of the features are used."""
    stream_mix = StreamMix(dict(type="ManifoldMix", stages=["norm"]))
    model = make(FixMatch)
    inputs, labels, _ = batch(model)
    mixed, losses = mixes_of(stream_mix, model, inputs, labels, torch.arange(6) % 5)
    assert len(model.backbone.seen[-1]) == 6
    first = mixed.labels[:3]
    shares = first.shares[:, :1].double()
    chosen = model.backbone.seen[-1][:3]
    feats = shares * chosen.flatten(1) + (1 - shares) * inputs["labelled"].flatten(1)
    expected = stream_mix.loss.parts(
        model.head((feats,)), first, decouple=torch.tensor([[False, True]] * 3)
    )
    torch.testing.assert_close(
        losses["loss_stream_mix"].detach(), expected["loss_mixup"].detach(), rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(
        losses["loss_stream_decoupled"].detach(), expected["loss_decoupled"].detach()
    )


PAIRS = [dict(type="Mixup"), dict(type="CutMix")]


@pytest.mark.parametrize(
    "mixup",
    [
        *PAIRS,
        dict(type="GuidedMixup", alpha=1.0, pairing=dict(type="RandomPairing")),
        dict(type="RandomMix", mixups=PAIRS, per_sample=True),
        dict(type="RandomMix", mixups=PAIRS, probs=[0, 1], fraction=0.5),
    ],
)
def test_only_share_and_partners_are_changed(mixup):
    """Of a choice, in each of the mixes that some sample gets."""
    mix = build_mix(mixup)
    drawn = mix.draw(8, (4, 4), torch.Generator().manual_seed(0))
    found = paired(drawn, lambda lam, index: (lam / 2, index.flip(0)))
    if isinstance(mix, RandomMix):
        assert found.rows is drawn.rows
        assert [own is None for own in found.members] == [own is None for own in drawn.members]
    parts = zip(getattr(drawn, "members", [drawn]), getattr(found, "members", [found]), strict=True)
    for old, new in ((old, new) for old, new in parts if old is not None):
        assert torch.equal(new.lam, old.lam / 2)
        assert torch.equal(new.index, old.index.flip(0))
        assert all(
            getattr(new, name) is getattr(old, name) for name in set(old._fields) - {"lam", "index"}
        )


@pytest.mark.parametrize(
    ("progress", "part"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1 / 3, 0.25), (None, 1.0)]
)
def test_the_weight_rises_as_half_a_cosine(monkeypatch, progress, part):
    stream_mix = StreamMix(dict(type="Mixup"), weight=2.0)
    monkeypatch.setattr("dmmix.models.semi.parts.stream_mix.training_progress", lambda: progress)
    assert stream_mix._weight() == pytest.approx(2 * part)
    assert StreamMix(dict(type="Mixup"), weight=2.0, ramp=False)._weight() == 2.0


@pytest.mark.parametrize(("threshold", "mix_threshold"), [(0.95, 0.95), (0.9, 0.5), (0.5, 0.9)])
def test_which_mixes_count(threshold, mix_threshold):
    """min(threshold, max(mix_threshold, 1 - lam)), by a loop."""
    stream_mix = StreamMix(
        dict(type="Mixup", alpha=1.0), threshold=threshold, mix_threshold=mix_threshold
    )
    model = small_head(make(FixMatch))
    inputs, labels, _ = batch(model, labelled=40, mu=1)
    made = watch(stream_mix.mixup)
    confidence = torch.rand(40, generator=torch.Generator().manual_seed(0)).double()
    images = inputs["labelled"], labels, inputs["weak"], torch.arange(40) % 15
    losses = stream_mix.losses(model, *images, confidence)
    (first,) = made
    sources = first[0][:40]  # the unlabelled images, in the order in which they were chosen
    chosen = [int((inputs["weak"] == one).flatten(1).all(1).nonzero()) for one in sources]
    sure = confidence[chosen].tolist()
    shares = made[0][-1].labels[:40].shares[:, 1].tolist()
    counted = [
        s >= min(threshold, max(mix_threshold, 1 - lam))
        for s, lam in zip(sure, shares, strict=True)
    ]
    assert float(losses["stream_mix_rate"]) == pytest.approx(sum(counted) / 40)
    assert 0 < sum(counted) < 40
