"""Manifold mixup: features of two images mixed inside the network."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.blend import blend_labels
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_index, check_lam
from dmmix.functional.tensors.dtypes import share_dtype


def mix_features(
    features: Tensor, lam: Tensor, index: Tensor, *, check: bool | None = None
) -> Tensor:
    r"""Weighted mean of the features of each sample and its partner.

    .. math::
        \tilde f_i = \lambda_i f_i + (1 - \lambda_i) f_{j(i)}

    Args:
        features: (N, ...), what any layer returns, first axis the samples; not written to.
            Gradients flow to both samples.
        lam: (N,) floats in [0, 1], the share of the first sample, rounded to the dtype of the
            features.
        index: (N,) integers, the pairing :math:`j`.
        check: see :func:`mixup`.

    Returns:
        (N, ...) in the dtype of the features.

    Raises:
        TypeError: features that are not floating point, or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a value out of range.

    Source: Manifold Mixup (arXiv 1806.05236).
    """
    check_features(features, lam)
    check_lam(lam, features, check)
    check_index(index, features, check)
    weight = lam.to(features.dtype).reshape(-1, *[1] * (features.ndim - 1))
    return torch.lerp(features[index], features, weight)


def mix_later(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    *,
    check: bool | None = None,
) -> Mixed:
    r"""The images as they are, with the labels of the pairs that a mix inside the network makes.

    .. math::
        \tilde y_i = \lambda_i y_i + (1 - \lambda_i) y_{j(i)}

    Args:
        images: (N, ch, H, W); returned as they are, not copied.
        labels, lam, index, check, errors: see :func:`mixup`.

    Returns:
        :class:`Mixed`; the mask is the share, (N, 1, 1, 1).
    """
    labels = prepare_pair(images, labels, lam, index, None, check)
    share = lam.to(images.dtype).to(share_dtype(images)).expand(images.shape[0])
    told = blend_labels(labels, labels[index], share)
    return Mixed(images, told, index, share[:, None, None, None])


def check_features(features: Tensor, lam: Tensor) -> None:
    if not isinstance(features, Tensor):
        raise TypeError(f"features must be a Tensor, got {type(features).__name__}")
    if not features.is_floating_point():
        raise TypeError(f"features must be floating point, got {features.dtype}")
    if features.ndim == 0 or features.shape[:1] != lam.shape:
        raise ValueError(
            f"features must be (N, ...) with N = {lam.numel()} samples on the first axis, got "
            f"{tuple(features.shape)}"
        )
