"""Registries of dmmix: children of mmpretrain's, under the scope ``dmmix``.

With ``default_scope = 'dmmix'`` a ``type`` is looked up here, then in mmpretrain, then in
mmengine. A stock mmpretrain config reaches a part of dmmix with
``custom_imports = dict(imports=['dmmix.mixups', 'dmmix.models'])`` and the prefix ``dmmix.``:
``dict(type='dmmix.CutMix')``.
"""

from dmmix import compat

compat.prepare()  # before mmpretrain is imported: it needs a torchvision that imports

from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS  # noqa: E402
from mmengine.registry import Registry  # noqa: E402
from mmpretrain import registry as mmpretrain  # noqa: E402

__all__ = [
    "DATASETS",
    "DATA_SAMPLERS",
    "EVALUATORS",
    "FUNCTIONS",
    "HOOKS",
    "LOOPS",
    "METRICS",
    "MIXUPS",
    "MODELS",
    "OPTIM_WRAPPERS",
    "PARAM_SCHEDULERS",
    "RUNNERS",
    "TRANSFORMS",
]


#: Where the parts of dmmix register, by the name of the registry in mmpretrain.
_LOCATIONS = {
    "MODELS": "dmmix.models",
    "BATCH_AUGMENTS": "dmmix.mixups",
    "DATASETS": "dmmix.datasets",
    "DATA_SAMPLERS": "dmmix.datasets",
    "TRANSFORMS": "dmmix.datasets",
    "METRICS": "dmmix.evaluation",
    "EVALUATORS": "dmmix.evaluation",
}


class _Child(Registry):
    """A lookup also goes to the parents, so what they register lazily has to be there."""

    def import_from_location(self) -> None:
        super().import_from_location()
        self.parent.import_from_location()


def _child(name: str, parent: Registry) -> Registry:
    location = _LOCATIONS.get(name, "dmmix.engine")
    return _Child(parent.name, parent=parent, scope="dmmix", locations=[location])


# All of them, also those that dmmix adds nothing to: a lookup under the scope ``dmmix`` starts at
# a child, and where there is none it would go to mmengine and pass mmpretrain by.
_children = {
    name: _child(name, parent)
    for name, parent in vars(mmpretrain).items()
    if isinstance(parent, Registry) and name.isupper() and not name.startswith("MMENGINE_")
}

MODELS = _children["MODELS"]
#: Mixes; a child of mmpretrain's batch augments, so ``train_cfg.augments`` finds them too.
MIXUPS = _children["BATCH_AUGMENTS"]
DATASETS = _children["DATASETS"]
DATA_SAMPLERS = _children["DATA_SAMPLERS"]
TRANSFORMS = _children["TRANSFORMS"]
HOOKS = _children["HOOKS"]
LOOPS = _children["LOOPS"]
RUNNERS = _children["RUNNERS"]
PARAM_SCHEDULERS = _children["PARAM_SCHEDULERS"]
METRICS = _children["METRICS"]
EVALUATORS = _children["EVALUATORS"]
OPTIM_WRAPPERS = _children["OPTIM_WRAPPERS"]
FUNCTIONS = _child("FUNCTIONS", MMENGINE_FUNCTIONS)
