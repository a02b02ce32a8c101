"""Small singular values of the features, made smaller."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_rows
from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["batch_spectral_shrinkage"]


def batch_spectral_shrinkage(features: Tensor, k: int = 1) -> Tensor:
    r"""Sum of the ``k`` smallest squared singular values of a batch of features,
    :math:`\sum_{i=1}^{k} \sigma_{-i}^2`.

    What a pretrained network knows that does not help with the new task shows in small singular
    values; to shrink them keeps it from being transferred.

    Args:
        features: (N, D); in float32 at least from here on. Singular values take an iteration that
            waits for a GPU.
        k: at least 1, at most ``min(N, D)``.

    Returns:
        A number.

    Raises:
        ValueError: an argument out of range.

    Source: Catastrophic forgetting meets negative transfer (NeurIPS 2019), equation 4.
    """
    check_rows("features", features, "D")
    most = min(features.shape)
    if not 1 <= k <= most:
        raise ValueError(
            f"k must be from 1 to {most}, the singular values of {tuple(features.shape)} features, "
            f"got {k}"
        )
    features = at_least_float32(features)
    with torch.autocast(features.device.type, enabled=False):
        return torch.linalg.svdvals(features)[-k:].square().sum()
