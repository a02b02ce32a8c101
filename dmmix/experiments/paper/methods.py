"""The semi-supervised and transfer methods, as the paper's tables name them."""

from __future__ import annotations

from typing import Any, NamedTuple

from dmmix.experiments.paper.settings import loss_config, mix_config


class Method(NamedTuple):
    """A row.

    Attributes:
        title: its name on a page.
        model: what of the recipe's model it is.
    """

    title: str
    model: dict[str, Any]


#: Mixes of labelled with unlabelled images. The paper states no weight, alpha and eta for them:
#: these are by its rule for static mixes under DM, and the same alpha under MCE.
_MIXUP = mix_config("mixup", "dm_ce")
_MCE = dict(mixup=_MIXUP, loss=loss_config("mce", "mixup"))
_DM = dict(mixup=_MIXUP, loss=loss_config("dm_ce", "mixup"))

METHODS = {
    "supervised": Method("Supervised", dict(type="Supervised")),
    "pseudo_label": Method("Pseudo-Label", dict(type="PseudoLabel")),
    "mixmatch": Method("MixMatch", dict(type="MixMatch")),
    "mixmatch_dm": Method("MixMatch + DM", dict(type="MixMatch", stream_mix=_DM)),
    "remixmatch": Method("ReMixMatch", dict(type="ReMixMatch")),
    "uda": Method("UDA", dict(type="UDA")),
    "fixmatch": Method("FixMatch", dict(type="FixMatch")),
    "flexmatch": Method("FlexMatch", dict(type="FlexMatch")),
    "fixmatch_mixup": Method("FixMatch + Mixup", dict(type="FixMatch", stream_mix=_MCE)),
    "fixmatch_dm": Method("FixMatch + DM", dict(type="FixMatch", stream_mix=_DM)),
    "fine_tuning": Method("Fine-Tuning", dict(type="Supervised")),
    "fine_tuning_dm": Method("Fine-Tuning + DM", dict(type="Supervised", stream_mix=_DM)),
    "bss": Method("BSS", dict(type="BSS")),
    "co_tuning": Method("Co-Tuning", dict(type="CoTuning")),
    "co_tuning_dm": Method("Co-Tuning + DM", dict(type="CoTuning", stream_mix=_DM)),
    "self_tuning": Method("Self-Tuning", dict(type="SelfTuning")),
    "self_tuning_mixup": Method("Self-Tuning + Mixup", dict(type="SelfTuning", stream_mix=_MCE)),
    "self_tuning_dm": Method("Self-Tuning + DM", dict(type="SelfTuning", stream_mix=_DM)),
}

#: Which image of a mix should dominate, beside Self-Tuning.
STRATEGIES = {
    "self_tuning": METHODS["self_tuning"],
    "mce": Method("+ MCE", dict(stream_mix=dict(_MCE, lam_bias="none"))),
    "mce_labelled": Method("+ MCE, labelled", dict(stream_mix=dict(_MCE, lam_bias="labelled"))),
    "mce_unlabelled": Method(
        "+ MCE, unlabelled", dict(stream_mix=dict(_MCE, lam_bias="unlabelled"))
    ),
    "dm_as": Method("+ DM(CE), unlabelled", dict(stream_mix=dict(_DM, lam_bias="unlabelled"))),
}
