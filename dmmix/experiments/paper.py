"""Which alpha, eta, t and xi go with a mix and an objective, as the paper has it.

All numbers are in the tables here. They are the hyper-parameters that the paper states (arXiv
2203.10761v3, implementation details); an entry that is from elsewhere says so. Two functions read
them: :func:`mix_config` and :func:`loss_config`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["MIXES", "NOT_BUILT", "OBJECTIVES", "MixRule", "loss_config", "mix_config"]


class MixRule(NamedTuple):
    """A mix: its class, how the paper's rules see it, and its alphas.

    Attributes:
        type: the registered class.
        dynamic: it asks the model; chooses ``alpha`` and ``eta`` under DM.
        cuts: pixels come from one of the images, not from both; chooses ``t`` and ``xi``.
        baseline_alpha: under MCE and mixed BCE; ``None``: as under DM.
        dm_alpha: under DM; ``None``: by kind (:data:`DM_ALPHA`); ``()``: the mix has no alpha.
        options: other arguments.
    """

    type: str
    dynamic: bool
    cuts: bool
    baseline_alpha: float | None = None
    dm_alpha: float | tuple | None = None
    options: dict | None = None


#: "alpha = 0.2 for static and 2 for dynamic mixups under DM" (hyper-parameters of the paper).
DM_ALPHA = {"static": 0.2, "dynamic": 2.0}
NO_ALPHA = ()

#: Baselines: the best of {.1, .2, .5, .8, 1, 2} on CIFAR-100 (hyper-parameters of the paper). Those
#: of other data sets are not listed, so these stand in for them there.
MIXES = {
    "mixup": MixRule("Mixup", dynamic=False, cuts=False, baseline_alpha=1.0),
    "cutmix": MixRule("CutMix", dynamic=False, cuts=True, baseline_alpha=0.2),
    # It does not look at what the network sees, so the paper counts it as static, alpha too.
    "manifoldmix": MixRule("ManifoldMix", dynamic=False, cuts=False, baseline_alpha=2.0),
    "fmix": MixRule("FMix", dynamic=False, cuts=True, baseline_alpha=0.2),
    "saliencymix": MixRule("SaliencyMix", dynamic=False, cuts=True, baseline_alpha=0.2),
    # alpha spreads the scale, not the share: 1 is uniform, which the official code comes to as
    # well at 0.2, since it draws again what falls outside of the range (docs/mixups/resizemix.md).
    "resizemix": MixRule("ResizeMix", dynamic=False, cuts=True, dm_alpha=1.0),
    "puzzlemix": MixRule("PuzzleMix", dynamic=True, cuts=True, baseline_alpha=1.0),
    # Not in the paper's tables: by its rule for the kind of mix, or as the mix's authors have it.
    "gridmix": MixRule("GridMix", dynamic=False, cuts=True),
    "smoothmix": MixRule("SmoothMix", dynamic=False, cuts=True, dm_alpha=NO_ALPHA),
    "attentivemix": MixRule(
        "AttentiveMix", dynamic=True, cuts=True, dm_alpha=NO_ALPHA, options=dict(top_k=6, grid=7)
    ),
    "guidedmixup": MixRule(
        *("GuidedMixup", True, True), dm_alpha=NO_ALPHA, options=dict(saliency="gradient")
    ),
    "snapmix": MixRule("SnapMix", dynamic=True, cuts=True),
    "transmix": MixRule("TransMix", dynamic=True, cuts=True),
    "comixup": MixRule("CoMixup", dynamic=True, cuts=True),
    "alignmix": MixRule("AlignMix", dynamic=True, cuts=False),
    "regmixup": MixRule(
        *("RegMixup", False, False),
        dm_alpha=NO_ALPHA,
        options=dict(mixup=dict(type="Mixup", alpha=10.0), eta=1.0),
    ),
    # Switched, p = .5 each; the recipe gives the alphas (SWITCHED). The paper names no t and xi for
    # a choice of a cutting and an interpolating mix: here those of cutting mixes.
    "mixup_cutmix": MixRule("RandomMix", dynamic=False, cuts=True, dm_alpha=NO_ALPHA),
    # The recipe of DeiT with TransMix in the place of CutMix; under DM its eta is the recipe's.
    "mixup_transmix": MixRule("RandomMix", dynamic=False, cuts=True, dm_alpha=NO_ALPHA),
    # A dynamic mix, or with p = .5 a static Mixup or CutMix ("+RSB"), each with its own alpha. The
    # paper names no eta for a choice of both kinds: here that of the dynamic mix.
    "puzzlemix_switched": MixRule("RandomMix", dynamic=True, cuts=True, dm_alpha=NO_ALPHA),
}

#: In the paper's tables, but not among dmmix's mixes: numbers without a cell.
NOT_BUILT = {
    "automix": "AutoMix",
    "automix_switched": "AutoMix",
    "samix": "SAMix",
    "mixup_tokenmix": "TokenMix",
}

#: alphas of Mixup and CutMix where they are switched, by the start of the recipe's path (settings
#: of the paper): RSB A3 .1 and 1, DeiT .8 and 1.
SWITCHED = {"imagenet/resnet50_rsb": (0.1, 1.0), "": (0.8, 1.0)}

#: eta of static and dynamic mixes, by the start of the recipe's path (hyper-parameters of the
#: paper): CIFAR and ImageNet .1 and 1; Tiny-ImageNet and fine-grained 1 (R-18) or .1 (RX-50) for
#: static ones, 1 for dynamic ones.
#: (The paper's own figure A3 peaks at 0.1 for Tiny-ImageNet R-18.)
ETA = {
    "tiny_imagenet/resnet18": (1.0, 1.0),
    "cub200/resnet18": (1.0, 1.0),
    "fgvc_aircraft/resnet18": (1.0, 1.0),
    "stanford_cars/resnet18": (1.0, 1.0),
    "": (0.1, 1.0),
}

#: (t, xi) of DM(BCE): cutting mixes t=1, xi=.8; interpolating mixes t=.5, xi=1 (hyper-parameters of
#: the paper).
RESCALING = {"cuts": (1.0, 0.8), "interpolates": (0.5, 1.0)}

#: The objectives by name; ``dm_ce_official*`` are what the official configs run: each side weighs
#: eta * r(share) instead of eta, with t and xi as in RESCALING, or only one side counts.
OBJECTIVES = {
    "mce": "mixup cross entropy",
    "dm_ce": "DM(CE): MCE + eta * decoupled term",
    "dm_ce_official": "DM(CE), each side weighted by its rescaled share",
    "dm_ce_official_more": "DM(CE), only the class with the larger share",
    "dm_ce_official_less": "DM(CE), only the class with the smaller share",
    "mbce": "mixed binary cross entropy: the shares are the targets",
    "two_hot": "binary cross entropy, target 1 for both classes",
    "dm_bce": "DM(BCE): the rescaled shares are the targets",
}
#: Objectives that leave the alpha of the baseline. "two-hot" is one in the table of RSB A3.
_BASELINES = ("mce", "mbce", "two_hot")


def mix_config(mixup: str, objective: str, recipe: str) -> dict[str, Any] | None:
    """The mix of a cell.

    Args:
        mixup: a key of :data:`MIXES`, or ``'none'``.
        objective: a key of :data:`OBJECTIVES`; any other counts as DM.
        recipe: path of the recipe under ``configs/``.
    """
    if mixup == "none":
        return None
    rule = MIXES[mixup]
    if mixup.endswith("_switched"):
        parts = (mixup.removesuffix("_switched"), "mixup", "cutmix")
        mixups = [mix_config(part, objective, recipe) for part in parts]
        return dict(type="RandomMix", mixups=mixups, probs=[0.5, 0.25, 0.25])
    if rule.type == "RandomMix":
        first, second = by_recipe(SWITCHED, recipe)
        other = "CutMix" if mixup == "mixup_cutmix" else "TransMix"
        mixups = [dict(type="Mixup", alpha=first), dict(type=other, alpha=second)]
        return dict(type="RandomMix", mixups=mixups, probs=[0.5, 0.5])
    config = dict(type=rule.type, **(rule.options or {}))
    if rule.dm_alpha == NO_ALPHA:
        return config
    alpha: float | tuple | None = rule.baseline_alpha if objective in _BASELINES else None
    if alpha is None:
        alpha = rule.dm_alpha
    if alpha is None:
        alpha = DM_ALPHA["dynamic" if rule.dynamic else "static"]
    return dict(config, alpha=alpha)


def loss_config(objective: str, mixup: str, recipe: str) -> dict[str, Any]:
    """The loss of a cell; ``mixup`` that is in no table counts as static and cutting."""
    rule = MIXES.get(mixup, MIXES["cutmix"])
    t, xi = RESCALING["cuts" if rule.cuts else "interpolates"]
    if objective == "mce":
        return dict(type="MixupCrossEntropyLoss")
    if objective.startswith("dm_ce"):
        static, dynamic = by_recipe(ETA, recipe)
        config = dict(type="DecoupledMixupLoss", eta=dynamic if rule.dynamic else static)
        if objective == "dm_ce_official":
            config.update(rescale=(t, xi))
        elif objective != "dm_ce":
            config.update(decouple=objective.rpartition("_")[2])
        return config
    t, xi = {"mbce": (1.0, 1.0), "two_hot": (0.0, 1.0), "dm_bce": (t, xi)}[objective]
    return dict(type="DecoupledMixupBCELoss", t=t, xi=xi)


def by_recipe(table: dict[str, Any], recipe: str) -> Any:
    """The entry whose key is the longest start of the recipe's path."""
    return table[max((start for start in table if recipe.startswith(start)), key=len)]
