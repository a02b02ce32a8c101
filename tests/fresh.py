"""A test has mmengine's global objects to itself."""

import sys

__all__ = ["forget_mmengine"]


def forget_mmengine():
    """Loggers, message hubs, default scope: what a runner leaves behind."""
    for instances in _globals_of_mmengine():
        for instance in instances.values():
            for handler in getattr(instance, "handlers", ()):  # of a logger: its open file
                handler.close()
        instances.clear()


def _globals_of_mmengine():
    """By kind, the dicts of instances; none where a test does without mmengine."""
    if "mmengine" not in sys.modules:
        return []
    from mmengine.utils import ManagerMixin

    return [kind._instance_dict for kind in _subclasses(ManagerMixin)]


def _subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)
