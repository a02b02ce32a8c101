"""Do the weights of a file belong to a network? Answered by names and shapes, before any is loaded.

mmengine loads what fits and logs the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

#: What DistributedDataParallel and torch.compile put before the name of a weight.
WRAPPED = r"^(?:module\.|_orig_mod\.)+"

#: Statistics that are no weights: files of old do not have them.
_NOT_NEEDED = ("num_batches_tracked", "_extra_state")


@dataclass
class Fit:
    """How the weights of a file and those of a network go together, each by its full name.

    ``wrong`` are those of another shape, with both shapes; ``strange`` those of the file that
    belong to a part of the network which has none of that name; ``elsewhere`` those of other parts.
    """

    network: list[str]
    file: list[str]
    missing: list[str] = field(default_factory=list)
    wrong: dict[str, tuple[tuple, tuple]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def without(self, part: str) -> "Fit":
        """The same, but for the weights in modules of this name."""

        def kept(names: Any) -> list[str]:
            return [name for name in names if part not in name.split(".")[:-1]]

        wrong = {name: self.wrong[name] for name in kept(self.wrong)}
        lists = (self.network, self.file, self.missing, self.strange, self.elsewhere)
        network, file, missing, strange, elsewhere = map(kept, lists)
        return Fit(network, file, missing, wrong, strange, elsewhere)

    @property
    def loaded(self) -> int:
        """How many weights of the network the file has."""
        return len(self.network) - len(self.missing) - len(self.wrong)

    def differences(self) -> str:
        """What does not go together, in one clause; empty where all does."""
        told = []
        if self.wrong:
            name, (here, there) = next(iter(self.wrong.items()))
            told.append(
                f"{len(self.wrong)} of another shape ({name} is {there} in the file, {here} in the "
                "network)"
            )
        for names, what in ((self.missing, "the file"), (self.strange, "the network")):
            if names:
                told.append(f"{len(names)} not in {what} ({names[0]}{', ...' * (len(names) > 1)})")
        if not told:
            return ""
        return f"{self.loaded} of {len(self.network)} weights fit; {' and '.join(told)}"

    def prefix(self) -> str | None:
        """What stands before the network's names in the file, if that is all that is wrong."""
        if not self.network or self.loaded:
            return None
        ends = [name for name in self.file if name.endswith(f".{self.network[0]}")]
        prefixes = [end[: -len(self.network[0])] for end in ends]
        whole = [p for p in prefixes if {p + name for name in self.network} <= set(self.file)]
        return whole[0] if whole else None


def find_fit(network: nn.Module, weights: Mapping[str, Any]) -> Fit:
    """Compare by name and shape.

    Args:
        network: the module to load into; it stays as it is.
        weights: what is to be loaded. What modules do to a file's names and shapes before they load
            it (position embeddings of another size, say) is done to a copy first.
    """
    given = dict(weights)
    own = []
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        for hook in module._load_state_dict_pre_hooks.values():
            hook(given, prefix, {}, True, [], [], [])
        if not type(module)._load_from_state_dict.__module__.startswith("torch."):
            own.append(prefix)  # it judges by itself
    needed = {k: v for k, v in network.state_dict().items() if _is_compared(k, own)}
    given = {k: v for k, v in given.items() if _is_compared(k, own)}
    fit = Fit(list(needed), list(given))
    fit.missing = [name for name in needed if name not in given]
    for name in needed.keys() & given.keys():
        if tuple(needed[name].shape) != tuple(getattr(given[name], "shape", ())):
            shapes = tuple(needed[name].shape), tuple(getattr(given[name], "shape", ()))
            fit.wrong[name] = shapes
    fit.wrong = dict(sorted(fit.wrong.items()))
    parts = {name.split(".")[0] for name in needed}
    for name in given:
        if name not in needed:
            (fit.strange if name.split(".")[0] in parts else fit.elsewhere).append(name)
    return fit


def _is_compared(name: str, own: list[str]) -> bool:
    inside = any(name.startswith(p) and "." not in name[len(p) :] for p in own)
    return not inside and not name.endswith(_NOT_NEEDED)


def first_not_finite(weights: Mapping[str, Any]) -> str | None:
    """The name of the first weight with a NaN or an infinity; None: there is none."""
    for name, value in weights.items():
        floating = isinstance(value, torch.Tensor) and value.is_floating_point()
        if floating and not torch.isfinite(value).all():
            return name
    return None
