"""So many labels in all, as the semi-supervised literature counts them."""

from __future__ import annotations

from collections.abc import Mapping

from dmmix.datasets.label_subset import LabelSubset, check_subset

__all__ = ["resolve_subset"]


def resolve_subset(config: Mapping | LabelSubset, num_classes: int) -> LabelSubset:
    """A subset in which ``num_labels`` may stand for ``labels_per_class`` times the classes.

    Raises:
        TypeError, ValueError, FileNotFoundError: as :func:`~dmmix.datasets.check_subset`;
            ``num_labels`` beside another count, or not the same number for each class.
    """
    if isinstance(config, Mapping) and "num_labels" in config:
        config = dict(config)
        total = config.pop("num_labels")
        others = [name for name in ("labels_per_class", "label_fraction") if name in config]
        if others:
            raise ValueError(f"subset: num_labels and {others[0]}: only one of them, please")
        if isinstance(total, bool) or not isinstance(total, int) or total < num_classes:
            raise ValueError(
                f"subset.num_labels must be a whole number, at least one for each of the "
                f"{num_classes} classes, got {total!r}"
            )
        if total % num_classes:
            raise ValueError(
                f"subset.num_labels={total} is not the same number for each of the {num_classes} "
                "classes; take a multiple, or labels_per_class"
            )
        config["labels_per_class"] = total // num_classes
    return check_subset(config)
