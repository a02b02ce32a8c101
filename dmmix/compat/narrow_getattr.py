"""``getattr`` for checkpoints: six methods of mmengine that their pickles name, and nothing else.

A log history pickles the statistics it offers, a one-cycle schedule its annealing curve, and a
method pickles as ``getattr(owner, name)``. Every checkpoint of mmengine thus asks for ``getattr``;
but allowing that function, as allow-lists for mmengine do, hands a hostile file every attribute of
whatever else it may name.
"""

from pickle import UnpicklingError

from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

__all__ = ["getattr_globals"]


def _one_cycle(*args):
    """Stands for the class, whose construction no checkpoint needs."""
    raise UnpicklingError("a checkpoint may name OneCycleParamScheduler, but not build one")


_METHODS = {
    (HistoryBuffer, "min"): HistoryBuffer.min,
    (HistoryBuffer, "max"): HistoryBuffer.max,
    (HistoryBuffer, "mean"): HistoryBuffer.mean,
    (HistoryBuffer, "current"): HistoryBuffer.current,
    (_one_cycle, "_annealing_cos"): OneCycleParamScheduler._annealing_cos,
    (_one_cycle, "_annealing_linear"): OneCycleParamScheduler._annealing_linear,
}


def _getattr(owner, name):
    for (allowed_owner, allowed_name), method in _METHODS.items():
        if owner is allowed_owner and name == allowed_name:
            return method
    raise UnpicklingError(f"getattr({owner!r}, {name!r}) is not allowed")


def getattr_globals() -> list:
    """Callables to allow, each carrying the name that checkpoints know it by."""
    return [_getattr, _getattr_python2, _one_cycle]


def _getattr_python2(owner, name):
    """The same under the name in the file, should torch not translate it."""
    return _getattr(owner, name)


for _function, _module, _name in (
    (_getattr, "builtins", "getattr"),
    (_getattr_python2, "__builtin__", "getattr"),
    (_one_cycle, OneCycleParamScheduler.__module__, OneCycleParamScheduler.__qualname__),
):
    _function.__module__ = _module
    _function.__name__ = _function.__qualname__ = _name
