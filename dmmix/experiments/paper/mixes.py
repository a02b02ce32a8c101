"""The mixes: which class each is, and its alpha."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dmmix.experiments.paper.rules import CUTTING, DYNAMIC, INTERPOLATING, STATIC, Kind, Pixels


class Mix(NamedTuple):
    """A row: a mix as the paper's rules see it, and what is its own.

    Attributes:
        type: the registered class; ``None``: nothing is mixed.
        kind: static or dynamic.
        pixels: cutting or interpolating.
        baseline_alpha: under MCE, mixed BCE and two-hot; ``None``: as under DM.
        alpha: under DM; ``None``: that of the kind.
        has_alpha: it draws a share from an alpha.
        options: other arguments.
        parts: of a choice of mixes, the rows and how probable each is.
        part_alphas: their alphas, by the start of the recipe's path; ``None``: each has its own.
        source: where numbers are from that are not the paper's.
    """

    type: str | None
    kind: Kind
    pixels: Pixels
    baseline_alpha: float | None = None
    alpha: float | None = None
    has_alpha: bool = True
    options: Mapping[str, Any] = {}
    parts: Mapping[str, float] = {}
    part_alphas: Mapping[str, tuple[float, ...]] | None = None
    source: str = ""


#: alphas of two mixes that are switched: those of RSB A3, else of DeiT.
_SWITCHED = {"": (0.8, 1.0), "imagenet/resnet50_rsb": (0.1, 1.0)}

MIXES = {
    # Its rules are those of a mix of one's own, too.
    "none": Mix(None, STATIC, CUTTING, has_alpha=False, source="No mixing."),
    # Baselines: the best alpha of {.1, .2, .5, .8, 1, 2} on CIFAR-100. Those of other data sets are
    # not listed, so these stand in for them there.
    "mixup": Mix("Mixup", STATIC, INTERPOLATING, baseline_alpha=1.0),
    "cutmix": Mix("CutMix", STATIC, CUTTING, baseline_alpha=0.2),
    # It does not look at what the network sees, so the paper counts it as static, alpha too.
    "manifoldmix": Mix("ManifoldMix", STATIC, INTERPOLATING, baseline_alpha=2.0),
    "fmix": Mix("FMix", STATIC, CUTTING, baseline_alpha=0.2),
    "saliencymix": Mix("SaliencyMix", STATIC, CUTTING, baseline_alpha=0.2),
    "resizemix": Mix(
        *("ResizeMix", STATIC, CUTTING),
        alpha=1.0,
        source="alpha spreads the scale, not the share: 1 is uniform, as its paper has it. (The "
        "decoupled mixup paper's code comes to that as well at 0.2, since it draws again what "
        "falls outside of the range.)",
    ),
    "puzzlemix": Mix("PuzzleMix", DYNAMIC, CUTTING, baseline_alpha=1.0),
    # Not in the paper's tables: by its rule for the kind of mix, or as the mix's authors have it.
    "gridmix": Mix("GridMix", STATIC, CUTTING),
    "hmix": Mix("HMix", STATIC, CUTTING),
    "gmix": Mix("GMix", STATIC, CUTTING),
    "smoothmix": Mix(
        *("SmoothMix", STATIC, CUTTING),
        has_alpha=False,
        source="The width of the spot is uniform in (0.25, 0.5), as in its paper; no share is "
        "drawn from an alpha.",
    ),
    "attentivemix": Mix(
        *("AttentiveMix", DYNAMIC, CUTTING),
        has_alpha=False,
        options=dict(top_k=6, grid=7),
        source="top_k: 6 of 7 x 7 cells, as in its paper; it draws no share, so there is no alpha.",
    ),
    "guidedmixup": Mix(
        *("GuidedMixup", DYNAMIC, CUTTING),
        has_alpha=False,
        source="Its paper draws no share, so there is no alpha; "
        "saliency=dict(type='SpectralResidualSaliency') asks no model.",
    ),
    "snapmix": Mix("SnapMix", DYNAMIC, CUTTING),
    "transmix": Mix("TransMix", DYNAMIC, CUTTING),
    "comixup": Mix("CoMixup", DYNAMIC, CUTTING),
    "alignmix": Mix("AlignMix", DYNAMIC, INTERPOLATING),
    "regmixup": Mix(
        *("RegMixup", STATIC, INTERPOLATING),
        has_alpha=False,
        options=dict(mixup=dict(type="Mixup", alpha=10.0), eta=1.0),
        source="alpha: what RegMixup's authors use for CIFAR-100; eta weighs the mixed loss beside "
        "the clean one.",
    ),
    # The paper names no t and xi for a choice of a cutting and an interpolating mix: here those of
    # cutting mixes.
    "mixup_cutmix": Mix(
        *("RandomMix", STATIC, CUTTING),
        parts={"mixup": 0.5, "cutmix": 0.5},
        part_alphas=_SWITCHED,
        source="Mixup or CutMix, each batch.",
    ),
    "mixup_transmix": Mix(
        *("RandomMix", STATIC, CUTTING),
        parts={"mixup": 0.5, "transmix": 0.5},
        part_alphas=_SWITCHED,
        source="Mixup or TransMix, each batch.",
    ),
    # The paper names no eta for a choice of both kinds: here that of the dynamic mix.
    "puzzlemix_switched": Mix(
        *("RandomMix", DYNAMIC, CUTTING),
        parts={"puzzlemix": 0.5, "mixup": 0.25, "cutmix": 0.25},
        source="A dynamic mix, or with p = .5 a static one ('+RSB'), each with its own alpha.",
    ),
}

#: In the paper's tables, but not among dmmix's mixes: numbers without a cell.
NOT_BUILT = {
    "automix": "AutoMix",
    "automix_switched": "AutoMix",
    "samix": "SAMix",
    "mixup_tokenmix": "TokenMix",
}
