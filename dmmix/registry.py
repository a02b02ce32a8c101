"""Registries of dmmix: children of mmpretrain's, under the scope ``dmmix``.

With ``default_scope = 'dmmix'`` a ``type`` is looked up here, then in mmpretrain, then in
mmengine. A stock mmpretrain config reaches a part of dmmix with
``custom_imports = dict(imports=['dmmix.mixups', 'dmmix.models'])`` and the prefix ``dmmix.``:
``dict(type='dmmix.CutMix')``. What mmpretrain looks up by itself (``get_model``) and has no name
for is looked up here.
"""

import copy
import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from dmmix import compat, mixups
from dmmix.arguments import check_arguments
from dmmix.signatures import keywords_of
from dmmix.suggestions import suggestion

compat.prepare()  # before mmpretrain is imported: it needs a torchvision that imports

from mmengine import registry as mmengine  # noqa: E402
from mmengine.dist import get_rank  # noqa: E402
from mmengine.logging import MessageHub  # noqa: E402
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
    "check_config",
    "registries",
]


#: Where the parts of dmmix register, by the name of the registry in mmpretrain.
_LOCATIONS = {
    "MODELS": "dmmix.models",
    "BATCH_AUGMENTS": "dmmix.registry",
    "DATASETS": "dmmix.datasets",
    "DATA_SAMPLERS": "dmmix.datasets",
    "TRANSFORMS": "dmmix.datasets",
    "METRICS": "dmmix.evaluation",
    "EVALUATORS": "dmmix.evaluation",
}


class _Child(Registry):
    """A lookup also goes to the parents, so what they register lazily has to be there.

    What cannot be built for a wrong name is told with the one that comes near.
    """

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().build(cfg, *args, **kwargs)
        except (KeyError, TypeError) as error:
            text = str(error.args[0]) if error.args else ""
            error.args = (_with_near_name(text, error), *error.args[1:])
            raise

    def import_from_location(self) -> None:
        super().import_from_location()
        self.parent.import_from_location()


def _checked(build: Callable) -> Callable:
    """The build function of a registry, after a look at the arguments."""

    @wraps(build)
    def checked(cfg: Any, *args: Any, registry: Registry, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        cfg = _in_our_scope(cfg, registry)
        for each in cfg if isinstance(cfg, list) else [cfg]:
            if isinstance(each, Mapping) and "type" in each:
                check_config(each, registry)
            elif isinstance(each, Mapping) and not any("type" in (other or ()) for other in given):
                _refuse_without_type(each, registry)
        return build(cfg, *args, registry=registry, **kwargs)

    checked.checks_arguments = True  # type: ignore[attr-defined]
    return checked


def _in_our_scope(cfg: Any, registry: Registry) -> Any:
    """What mmpretrain is to build and lacks, and its parts, are built by dmmix: ``get_model`` looks
    names up in mmpretrain, whatever the config says."""
    kind = cfg.get("type") if isinstance(cfg, Mapping) else None
    if not isinstance(kind, str) or "." in kind:
        return cfg
    with registry.switch_scope_and_registry(cfg.get("_scope_")) as switched:
        ours = switched.children.get("dmmix") if switched.scope == "mmpretrain" else None
        if ours is None or switched.get(kind) is not None or ours.get(kind) is None:
            return cfg
    cfg = copy.copy(cfg)
    cfg["_scope_"] = "dmmix"
    return cfg


def _refuse_without_type(cfg: Mapping, registry: Registry) -> None:
    if registry.name == "runner":  # whose config has a runner_type, or none
        return
    near = suggestion("type", cfg)
    raise KeyError(f"type is missing in the config of a {registry.name}, got {[*cfg]}{near}")


def check_config(cfg: Mapping, registry: Registry) -> None:
    """Checks the arguments of a part of a config that will be built.

    Raises:
        dmmix.arguments.ArgumentError: one is not what the annotation says.
    """
    kind = cfg.get("type")
    for init in _listed(cfg.get("init_cfg")):
        if isinstance(init, Mapping):  # mmengine builds them without asking the registry
            check_config(init, mmengine.WEIGHT_INITIALIZERS)
    if isinstance(kind, str):
        with registry.switch_scope_and_registry(cfg.get("_scope_")) as switched:
            kind = switched.get(kind)
    if inspect.isclass(kind) or inspect.isfunction(kind):
        check_arguments(kind, {key: cfg[key] for key in cfg if key not in ("type", "_scope_")})


def _listed(value: Any) -> Iterable:
    return value if isinstance(value, list | tuple) else [value]


# mmpretrain's classes build their parts with mmpretrain's registries, and mmengine's runner with
# mmengine's; these pass on what is to be built to dmmix's, but not the building.
for _registry in (*vars(mmengine).values(), *vars(mmpretrain).values()):
    if isinstance(_registry, Registry) and not hasattr(_registry.build_func, "checks_arguments"):
        _registry.build_func = _checked(_registry.build_func)


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
FUNCTIONS = _child("FUNCTIONS", mmengine.FUNCTIONS)


def _build_part(config: Mapping) -> Any:
    return MIXUPS.build({"_scope_": "dmmix", **config})


def _runner() -> mixups.TrainingState:
    """What mmengine's runner says of itself."""
    info = MessageHub.get_current_instance().runtime_info
    # After training the other entries stay as they were, only the stage is taken back. During
    # validation the iteration stands still, and all batches would get the same numbers.
    if info.get("loop_stage") != "train":
        return mixups.TrainingState(get_rank())
    known = (info.get(key) for key in ("seed", "iter", "max_iters", "epoch"))
    return mixups.TrainingState(get_rank(), *known)


_PARTS = (mixups.Mix, mixups.Pairing, mixups.Saliency, mixups.ShareRule)
# Mixes know nothing of registries, so that they need torch alone.
for _name in mixups.__all__:
    _part = getattr(mixups, _name)
    if inspect.isclass(_part) and issubclass(_part, _PARTS) and not inspect.isabstract(_part):
        MIXUPS.register_module(module=_part)
mixups.set_builder(_build_part)
mixups.set_source(_runner)


def _with_near_name(text: str, error: BaseException) -> str:
    """The message about an unknown type or argument, with what may have been meant."""
    if "did you mean" in text or "_delete_" in text:  # told where it was built
        return text
    unknown = re.search(r"'?(\S+) is not in the (.+?) registry", text)
    if unknown:
        near = near_types(*unknown.groups())
        return f"{unknown[0]}{near}" if near else text
    argument = re.search(r"got an unexpected keyword argument '(\w+)'", text)
    if argument is None:
        return text
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    built = [each["obj_cls"] for each in frames if inspect.isclass(each.get("obj_cls"))]
    near = suggestion(argument[1], keywords_of(built[-1])) if built else ""
    return text + (
        near or "; if it is inherited with another type, put _delete_=True beside the new"
    )


def near_types(name: str, registry: str) -> str:
    """What may have been meant by a type that a registry, and those above it, do not have."""
    kind = registry.rpartition("::")[2]
    known = {type_ for each in registries() if each.name == kind for type_ in each.module_dict}
    return suggestion(name.rpartition(".")[2], known)


def registries() -> Iterator[Registry]:
    """All of dmmix, mmpretrain and mmengine."""
    for module in (_children, vars(mmpretrain), vars(mmengine)):
        yield from (each for each in module.values() if isinstance(each, Registry))
    yield FUNCTIONS
