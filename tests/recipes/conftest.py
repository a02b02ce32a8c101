"""Which recipes are run when: all by ``pytest -m recipes``, else a few that cover the rest."""

import numpy as np
import pytest

from dmmix.testing.layouts import make_layout

LAYOUTS = ("cifar10", "cifar100", "tiny_imagenet", "imagenet")
#: Of which labels are taken class by class: all classes, small photos.
WHOLE = dict(cub200=200, fgvc_aircraft=100, stanford_cars=196)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "recipes(always): dry-runs a recipe; all of them only with -m recipes"
    )


def pytest_collection_modifyitems(config, items):
    """Without ``-m recipes``, only those that are marked ``always``."""
    if "recipes" in config.getoption("markexpr", ""):
        return
    left_out = [item for item in items if _only_on_demand(item)]
    items[:] = [item for item in items if not _only_on_demand(item)]
    config.hook.pytest_deselected(items=left_out)


def _only_on_demand(item):
    marker = item.get_closest_marker("recipes")
    return marker is not None and not marker.kwargs.get("always", False)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A folder with every data set in its publisher's layout, in ``data``."""
    root = tmp_path_factory.mktemp("tiny")
    for name in LAYOUTS:
        # Enough of each class that 15 % of its labels are one.
        # Tiny-ImageNet's classes are those of its folders, and the recipes' heads have all of them.
        classes = {"classes": 200} if name == "tiny_imagenet" else {}
        make_layout(name, root / "data", per_class=7 if name == "cifar100" else 4, **classes)
    for name, classes in WHOLE.items():
        # FGVC-Aircraft's training images are in two parts, of which one is trained on.
        each = 4 if name == "fgvc_aircraft" else 2
        make_layout(name, root / "data", classes=classes, per_class=each, size=(20, 24))
    _arrays(root / "data" / "cifar100.npz", 100, (32, 32, 3))
    _arrays(root / "data" / "fashion_mnist.npz", 10, (28, 28))
    return root


def _arrays(path, classes, shape):
    """Images in one file, for the experiments that fit two cores."""
    labels = np.arange(7 * classes) % classes
    images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
