"""So many labels in all, as the semi-supervised literature counts them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from dmmix.datasets.subsets.label_subset import LabelSubset, check_keys, check_subset

__all__ = ["check_num_labels", "resolve_subset"]

_OTHERS = ("labels_per_class", "label_fraction")


def check_num_labels(config: Mapping | LabelSubset) -> None:
    """Looks for what is wrong with a subset whatever the data; call it before they are loaded.

    Raises:
        TypeError, ValueError, FileNotFoundError: as :func:`~dmmix.datasets.check_subset`;
            ``num_labels`` below 1, or beside another count.
    """
    if not isinstance(config, Mapping):
        check_subset(config)
        return
    check_keys(config, also=["num_labels"])
    total = config.get("num_labels")
    if total is None:
        check_subset({key: value for key, value in config.items() if key != "num_labels"})
        return
    for name in _OTHERS:
        if config.get(name) is not None:
            raise ValueError(
                f"subset: num_labels={total} and {name}={config[name]}: only one of them, please"
            )
    if isinstance(total, bool) or not isinstance(total, Integral) or total < 1:
        raise ValueError(
            f"subset.num_labels must be a whole number, a multiple of the classes, got {total!r}"
        )


def resolve_subset(config: Mapping | LabelSubset, per_class: np.ndarray) -> LabelSubset:
    """A subset in which ``num_labels`` may stand for ``labels_per_class`` times the classes.

    Args:
        config: of the subset, for which :func:`check_num_labels` found nothing wrong.
        per_class: (number of classes,) samples of each class there are.

    Raises:
        ValueError: ``num_labels`` is not the same number for each class, or more than there are;
            as :func:`~dmmix.datasets.check_subset`.
    """
    if not isinstance(config, Mapping):
        return check_subset(config)
    config = dict(config)
    total, classes = config.pop("num_labels", None), len(per_class)
    if total is not None:
        if total % classes:
            raise ValueError(
                f"subset.num_labels={total} is not the same number for each of the {classes} "
                f"classes: take a multiple of {classes}"
            )
        count, least = int(total // classes), int(per_class.argmin())
        if count > per_class[least]:
            raise ValueError(
                f"subset.num_labels={total} is {count} of each of the {classes} classes, but class "
                f"{least} has only {per_class[least]} samples"
            )
        config["labels_per_class"] = count
    return check_subset(config)
