"""The objectives: which loss each is, and which of its numbers go by the mix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Objective(NamedTuple):
    """A row.

    Attributes:
        about: what it is.
        type: the registered loss.
        by_mix: arguments that the paper's rules give: ``eta``, ``t`` and ``xi``, or ``rescale``,
            which is ``(t, xi)``.
        options: other arguments.
        baseline: it leaves the mix the alpha of the baselines.
    """

    about: str
    type: str
    by_mix: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    baseline: bool = False


_MCE, _CE, _BCE = "MixupCrossEntropyLoss", "DecoupledMixupLoss", "DecoupledMixupBCELoss"
_MORE, _LESS, _SHARES = dict(decouple="more"), dict(decouple="less"), dict(rescale=(1.0, 1.0))

#: ``dm_ce_official*`` are what the official configs run; "two-hot" is a baseline of RSB A3.
OBJECTIVES = {
    "mce": Objective("mixup cross entropy", _MCE, baseline=True),
    "dm_ce": Objective("DM(CE)", _CE, ("eta",)),
    "dm_ce_official": Objective(
        "DM(CE), each class weighted by its rescaled share", _CE, ("eta", "rescale")
    ),
    "dm_ce_official_more": Objective("DM(CE), of the larger share alone", _CE, ("eta",), _MORE),
    "dm_ce_official_less": Objective("DM(CE), of the smaller share alone", _CE, ("eta",), _LESS),
    "dm_ce_rescaled": Objective("DM(CE), weighted by the share", _CE, ("eta",), _SHARES),
    "mbce": Objective("mixed BCE", _BCE, (), dict(t=1.0, xi=1.0), baseline=True),
    "two_hot": Objective(
        *("BCE, whatever is mixed in is wholly there", _BCE, ()), dict(t=0.0, xi=1.0), baseline=True
    ),
    "dm_bce": Objective("DM(BCE)", _BCE, ("t", "xi")),
}
