"""What all tests share."""

import os
import sys
from pathlib import Path

# Before torch is imported, and for the processes that tests start: the nets here are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root():
    """The folder of the repository."""
    return ROOT


@pytest.fixture
def fresh_mmengine():
    """A test with mmengine's global objects to itself: loggers, message hubs, default scope.

    They are named by the second, so runners started one after the other would share them.
    """
    from mmengine.logging import MMLogger
    from mmengine.utils import ManagerMixin

    kinds = list(_subclasses(ManagerMixin))
    kept = {kind: dict(kind._instance_dict) for kind in kinds}
    for kind in kinds:
        kind._instance_dict.clear()
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for kind in _subclasses(ManagerMixin):
        kind._instance_dict.clear()
        kind._instance_dict.update(kept.get(kind, {}))


def _subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


@pytest.fixture(scope="session")
def tool_environment():
    """The environment of a tool's process: this Python first, this repository importable."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PYTHONPATH": path, "PATH": programs, "OMP_NUM_THREADS": "1"}
