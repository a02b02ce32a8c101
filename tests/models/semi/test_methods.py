"""The loss of each method against loops over its images."""

import pytest
import torch

from dmmix.models.semi import (
    UDA,
    FixMatch,
    MeanTeacher,
    MixMatch,
    PiModel,
    PseudoLabel,
    ReMixMatch,
)

from . import reference
from .small import CLASSES, batch, logits_of, make, watch

SIX = dict(rel=1e-9, abs=1e-9)
TAUS = (0.0, 0.4, 0.6, 1.0)


def views_of(model, inputs, *names):
    return [logits_of(model, inputs[name]) for name in names]


@pytest.fixture(autouse=True)
def same_draws(monkeypatch):
    """Each call of a step draws the same numbers."""

    def generator(stream=0):
        return torch.Generator().manual_seed(7 + stream)

    for module in ("stream_mix", "own_mix"):
        monkeypatch.setattr(f"dmmix.models.semi.parts.{module}.step_generator", generator)


def fixmatch(tau):
    return lambda weak, strong: 1.7 * reference.fixmatch(weak, strong, tau)


def uda(temperature):
    return lambda weak, strong: 1.7 * reference.uda(weak, strong, 0.5, temperature)


def pseudo_label(tau):
    return lambda weak: 1.7 * reference.fixmatch(weak, weak, tau)


def pi_model(first, second):
    return 1.7 * reference.squared_consistency(first, second)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize(
    ("kind", "options", "views", "loop"),
    [
        *((FixMatch, dict(threshold=tau), ("weak", "strong"), fixmatch(tau)) for tau in TAUS),
        *(
            (UDA, dict(threshold=0.5, temperature=one), ("weak", "strong"), uda(one))
            for one in (0.4, 1.0)
        ),
        *((PseudoLabel, dict(threshold=tau), ("weak",), pseudo_label(tau)) for tau in (0.0, 0.5)),
        (PiModel, {}, ("weak", "weak2"), pi_model),
    ],
)
def test_one_view_teaches_another(kind, options, views, loop, joint):
    model = make(kind, unlabelled_weight=1.7, joint_forward=joint, **options)
    inputs, labels, index = batch(model, labelled=8, mu=3)
    losses = model.loss(inputs, labels, index)
    labelled, *seen = views_of(model, inputs, "labelled", *views)
    expected = reference.supervised(labelled, labels.tolist())
    assert float(losses["loss_labelled"]) == pytest.approx(expected, **SIX)
    assert float(losses["loss_unlabelled"]) == pytest.approx(loop(*seen), **SIX)
    if "threshold" in options:
        tau = options["threshold"]
        sure = [max(reference.softmax(z)) >= tau for z in seen[0]]
        assert float(losses["mask_rate"]) == pytest.approx(reference.mean(map(float, sure)))
        assert (0 < sum(sure) < len(sure)) == (0 < tau < 1)


@pytest.mark.parametrize(
    ("schedule", "alpha"), [("linear", 0.5), ("exp", 0.0820849986), ("log", 0.9179150014)]
)
def test_uda_anneals_the_signal(monkeypatch, schedule, alpha):
    monkeypatch.setattr("dmmix.models.semi.uda.training_progress", lambda: 0.5)
    model = make(UDA, annealing=schedule)
    inputs, labels, index = batch(model, labelled=60)
    (labelled,) = views_of(model, inputs, "labelled")
    limit = alpha * (1 - 1 / CLASSES) + 1 / CLASSES
    kept = [
        reference.cross_entropy(z, y)
        for z, y in zip(labelled, labels.tolist(), strict=True)
        if reference.softmax(z)[y] < limit
    ]
    loss = model.loss(inputs, labels, index)["loss_labelled"]
    assert float(loss) == pytest.approx(reference.mean(kept), rel=1e-6)
    assert 0 < len(kept) < 60 or schedule == "log"


def test_mean_teacher():
    model = make(MeanTeacher, unlabelled_weight=3.0)
    inputs, labels, index = batch(model)
    model.start_training()
    with torch.no_grad():
        for parameter in model.teacher.parameters():
            parameter.mul_(1.3)
    losses = model.loss(inputs, labels, index)
    (student,) = views_of(model, inputs, "weak")
    teacher = model.teacher(inputs["weak2"]).tolist()
    assert teacher != logits_of(model, inputs["weak2"])
    expected = 3 * reference.squared_consistency(student, teacher)
    assert float(losses["loss_unlabelled"]) == pytest.approx(expected, **SIX)


def test_mixmatch():
    model = make(MixMatch, temperature=0.6)
    inputs, labels, index = batch(model)
    made = watch(model.own_mix.mixup)
    losses = model.loss(inputs, labels, index)
    n = len(labels)
    guesses, _ = reference.guesses(views_of(model, inputs, "weak", "weak2"), 0.6)
    known = [[float(c == y) for c in range(CLASSES)] for y in labels.tolist()]
    sources = torch.cat([inputs["labelled"], inputs["weak"], inputs["weak2"]])
    images, targets, mixed = made[0]
    torch.testing.assert_close(images, sources, rtol=0, atol=0)
    torch.testing.assert_close(
        targets, torch.tensor(known + guesses + guesses, dtype=targets.dtype), rtol=1e-6, atol=1e-6
    )
    # Each mix is lam x + (1 - lam) of another, label and image alike, lam at least a half.
    for k in range(len(sources)):
        lam, partner = pair(mixed.images[k], sources[k], sources)
        assert lam >= 0.5
        label = lam * targets[k] + (1 - lam) * targets[partner]
        torch.testing.assert_close(mixed.labels[k], label.to(mixed.labels), rtol=1e-5, atol=1e-5)
    logits, soft = logits_of(model, mixed.images), mixed.labels.tolist()
    expected = reference.mean(
        reference.cross_entropy(z, y) for z, y in zip(logits[:n], soft[:n], strict=True)
    )
    assert float(losses["loss_labelled"]) == pytest.approx(expected, rel=1e-6)
    expected = 75 * reference.mean(
        reference.squared(y, reference.softmax(z))
        for z, y in zip(logits[n:], soft[n:], strict=True)
    )
    assert float(losses["loss_unlabelled"]) == pytest.approx(expected, rel=1e-6)


def test_remixmatch():
    model = make(ReMixMatch, num_strong=2, temperature=0.7)
    inputs, labels, index = batch(model)
    made = watch(model.own_mix.mixup)
    losses = model.loss(inputs, labels, index)
    n, m = len(labels), len(index)
    images, targets, mixed = made[0]
    sources = [inputs[name] for name in ("labelled", "weak", "strong", "strong2")]
    torch.testing.assert_close(images, torch.cat(sources), rtol=0, atol=0)
    guess = targets[n : n + m].tolist()
    # One step: the running mean of the predictions is that of this batch (or of what came before,
    # which is the part's own test); here only that each view has the same guess, sharpened.
    assert guess == targets[n + m : n + 2 * m].tolist() == targets[n + 2 * m :].tolist()
    logits, soft = logits_of(model, mixed.images), mixed.labels.tolist()
    terms = [reference.cross_entropy(z, y) for z, y in zip(logits, soft, strict=True)]
    assert float(losses["loss_labelled"]) == pytest.approx(reference.mean(terms[:n]), rel=1e-6)
    expected = 1.5 * reference.mean(terms[n:])
    assert float(losses["loss_unlabelled"]) == pytest.approx(expected, rel=1e-6)
    (strong,) = views_of(model, inputs, "strong")
    expected = 0.5 * reference.mean(
        reference.cross_entropy(z, q) for z, q in zip(strong, guess, strict=True)
    )
    assert float(losses["loss_strong"]) == pytest.approx(expected, rel=1e-6)
    turned = model.backbone.seen[-1][-m:]
    terms = []
    for image, result in zip(inputs["strong"], turned, strict=True):
        (turns,) = [k for k in range(4) if torch.equal(image.rot90(k, (1, 2)), result)]
        z = model.rotation_head(result.flatten()).tolist()
        terms.append(reference.cross_entropy(z, turns))
    expected = 0.5 * reference.mean(terms)
    assert float(losses["loss_rotation"]) == pytest.approx(expected, rel=1e-6)
    assert len(terms) == m


@pytest.mark.parametrize("kind", [FixMatch, PseudoLabel, MixMatch, UDA, PiModel])
@pytest.mark.parametrize("eta", [0.0, 0.7])
@pytest.mark.parametrize("keep", ["labelled", "unlabelled", "both", "none"])
def test_mixing_between_the_streams(kind, eta, keep):
    loss = dict(type="DecoupledMixupLoss", eta=eta)
    options = dict(mixup=dict(type="Mixup", alpha=0.8), loss=loss, decouple=keep, weight=1.5)
    model = make(kind, stream_mix=dict(threshold=0.7, mix_threshold=0.45, **options))
    inputs, labels, index = batch(model, labelled=12, mu=2)
    made = watch(model.stream_mix.mixup)
    losses = model.loss(inputs, labels, index)
    logits = logits_of(model, made[0][-1].images[:12])

    weak = views_of(model, inputs, "weak")[0]
    probs = [reference.softmax(z) for z in weak]
    if kind is MixMatch:
        _, probs = reference.guesses(views_of(model, inputs, "weak", "weak2"), 0.5)
    lam, pseudo, sure = [], [], []
    for k, image in enumerate(made[0][-1].images[:12]):
        share, j = pair(image, inputs["labelled"][k], inputs["weak"])
        assert share < 0.5
        lam.append(share)
        pseudo.append(reference.argmax(probs[j]))
        sure.append(max(probs[j]))
    expected = 1.5 * reference.stream_mix(
        logits, labels.tolist(), pseudo, lam, sure, eta, 0.7, 0.45, keep
    )
    found = losses["loss_stream_mix"] + losses.get("loss_stream_decoupled", 0)
    assert float(found) == pytest.approx(expected, rel=1e-6)
    assert expected > 0
    plain = make(kind).loss(inputs, labels, index)
    for name in ("loss_labelled", "loss_unlabelled"):
        torch.testing.assert_close(losses[name], plain[name])


def pair(image, own, others):
    """Share of its own image, and which other one it was mixed with."""
    gaps = []
    for j, other in enumerate(others):
        direction = own - other
        size = float((direction * direction).sum())
        lam = 1.0 if size == 0 else float(((image - other) * direction).sum()) / size
        gaps.append((float((lam * own + (1 - lam) * other - image).abs().max()), lam, j))
    gap, lam, j = min(gaps)
    assert gap < 1e-9
    return lam, j


def test_the_threshold_itself_is_enough():
    model = make(FixMatch, threshold=1.0)
    inputs, labels, index = batch(model)
    inputs["weak"] = inputs["weak"] * 1e4  # probabilities of exactly 1
    assert float(model.loss(inputs, labels, index)["mask_rate"]) == 1
