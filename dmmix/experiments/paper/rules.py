"""What the paper's rules go by: what a mix looks at, and where its pixels come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """Chooses alpha and eta under DM.

    Attributes:
        name: what the paper calls it.
        alpha: of the mix.
        eta: of DM(CE), by the start of the recipe's path.
    """

    name: str
    alpha: float
    eta: Mapping[str, float]


class Pixels(NamedTuple):
    """Chooses t and xi of DM(BCE).

    Attributes:
        name: what the mix does.
        settings: what else of a recipe changes, by the start of its path.
    """

    name: str
    t: float
    xi: float
    settings: Mapping[str, dict[str, Any]]


#: Does not look at the model. (The paper's own figure A3 peaks at eta = 0.1 for Tiny-ImageNet with
#: ResNet-18.)
STATIC = Kind(
    "static",
    alpha=0.2,
    eta={
        "": 0.1,
        "tiny_imagenet/resnet18": 1.0,
        "cub200/resnet18": 1.0,
        "fgvc_aircraft/resnet18": 1.0,
        "stanford_cars/resnet18": 1.0,
    },
)
#: Looks at the model, or is learned.
DYNAMIC = Kind("dynamic", alpha=2.0, eta={"": 1.0})

#: Pixels come from one of the images.
CUTTING = Pixels(
    "cutting",
    t=1.0,
    xi=0.8,
    settings={
        "": {},
        "cifar100/resnext50": dict(optim_wrapper=dict(optimizer=dict(weight_decay=5e-4))),
    },
)
#: Pixels, or features, come from both.
INTERPOLATING = Pixels("interpolating", t=0.5, xi=1.0, settings={"": {}})


def by_recipe(table: Mapping[str, Any], recipe: str) -> Any:
    """The entry whose key is the longest start of the recipe's path."""
    return table[max((start for start in table if recipe.startswith(start)), key=len)]
