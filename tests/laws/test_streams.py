"""Mixing between streams, with every mix that is accepted there: pixels, labels, weights, loss."""

from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy
from dmmix.mixups import build_mix
from dmmix.models.semi import StreamMix
from dmmix.models.semi.parts.pairing import check_draws_pairs
from tests.laws.data import generator
from tests.laws.mixes import CASES, setting_of, watch
from tests.laws.small_model import SmallModel

N, SIZE = 7, (9, 10)


def accepted(case):
    try:
        check_draws_pairs(build_mix(CASES[case]), "mixup")
    except ValueError:
        return False
    return True


ACCEPTED = [case for case in CASES if accepted(case)]


def test_who_is_accepted():
    refused = {case for case in CASES if not accepted(case)}
    shares_from_elsewhere = {"AttentiveMix", "GuidedMixup", "GuidedMixup 2", "SmoothMix"}
    assert {case for case in refused if " in " not in case} == {
        *shares_from_elsewhere,
        *("CoMixup", "CoMixup 1", "RegMixup", "RegMixup 1"),
    }
    for name in ("SnapMix", "TransMix", "ManifoldMix", "PuzzleMix"):
        assert {name, f"{name} once", f"{name} in RandomMix"} <= {*ACCEPTED}


@pytest.mark.parametrize("lam_bias", ["unlabelled", "labelled", "none"])
@pytest.mark.parametrize("case", ACCEPTED)
def test_each_labelled_image_is_mixed_with_an_unlabelled_one(case, lam_bias, monkeypatch):
    """Each image has a channel that is 1 in it alone, so that pixels tell where they come from."""
    stream_mix, model = StreamMix(CASES[case], lam_bias=lam_bias), SmallModel(2 + 2 * N, 2 * N)
    guide = "dmmix.models.semi.parts.stream_mix.ClassifierGuide"
    monkeypatch.setattr(guide, lambda classifier: model.guide())
    made, logits = watch(stream_mix.mixup), []

    def forward(images):
        logits.append(model(images))
        return logits[-1]

    classifier = SimpleNamespace(extract_feat=forward, head=lambda feats: feats)
    picture = torch.rand(2 * N, 2, *SIZE, generator=generator())
    whose = torch.eye(2 * N)[:, :, None, None].expand(-1, -1, *SIZE)
    unlabelled, labelled = torch.cat([picture, whose], 1).chunk(2)
    pseudo, labels = torch.arange(2 * N).chunk(2)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        losses = stream_mix.losses(classifier, labelled, labels, unlabelled, pseudo, torch.ones(N))

    told, weights = made[0].labels[:N], made[0].weights
    chosen, rows = told.classes[:, 0], torch.arange(N)
    assert torch.equal(chosen.sort().values, pseudo)  # an unlabelled image of its own for each
    pixels = model.pixels[:N, 2:]
    area = pixels.mean((2, 3))
    assert_close(area[rows, chosen] + area[rows, labels], torch.ones(N))
    share = area[rows, labels]
    if setting_of(case).shares == "attention":
        seen = model.attention[:N] / model.attention[:N].sum(1, keepdim=True)
        looked = (pixels[rows, labels].flatten(1) * seen).sum(1)
        share = torch.lerp(looked, share, CASES[case].get("area", 0.0))
    if setting_of(case).shares == "activation":
        share = told.dense(2 * N)[rows, labels]

    # A row counts if the image that is to dominate has half of it, by the share that was got.
    fits = {"unlabelled": share <= 0.5, "labelled": share >= 0.5, "none": share >= 0}[lam_bias]
    assert_close(losses["stream_mix_rate"], fits.float().mean())
    found = MixedLabels(torch.stack([chosen, labels], 1), torch.stack([1 - share, share], 1))
    known = torch.tensor([[False, True]]).expand(N, 2)
    counts = fits.float() if weights is None else fits * weights[:N]
    loss = decoupled_mixup_cross_entropy(logits[0][:N], found, decouple=known, sample_weight=counts)
    assert_close(losses["loss_stream_mix"] + losses["loss_stream_decoupled"], loss)
