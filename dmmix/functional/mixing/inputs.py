"""What every mix of pairs is given, checked and in the form that it needs."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.blend import prepare_labels
from dmmix.functional.tensors.checks import (
    check_centers,
    check_images,
    check_index,
    check_lam,
    check_out,
)


def prepare_pair(
    images: Tensor,
    labels: Labels,
    lam: Tensor | None,
    index: Tensor,
    out: Tensor | None,
    check: bool | None,
    *,
    any_axes: bool = False,
    **centers: Tensor,
) -> Labels:
    """Raises TypeError or ValueError for what a mix of pairs does not take; see :func:`mixup`.

    Args:
        any_axes: whether the images may have any axes after the first.
        centers: places by name, (N, 2) or (1, 2) floats in [0, 1).

    Returns:
        The labels, prepared (:func:`prepare_labels`).
    """
    check_images(images, any_axes)
    if lam is not None:
        check_lam(lam, images, check)
    check_index(index, images, check)
    for name, places in centers.items():
        check_centers(places, images, check, name)
    check_out(out, images)
    return prepare_labels(labels, images, check)
