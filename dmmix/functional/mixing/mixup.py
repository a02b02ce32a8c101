"""Mixup: a weighted mean of two images."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_share
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed


def mixup(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Weighted mean of each image and its partner.

    .. math::
        \tilde x_i = \lambda_i x_i + (1 - \lambda_i) x_{j(i)}, \qquad
        \tilde y_i = \lambda_i y_i + (1 - \lambda_i) y_{j(i)}

    Args:
        images: (N, ch, H, W), or (N, ...) with any other axes (series, features, video), any float
            dtype, device and memory format; not written to.
        labels: (N,) integer classes; :class:`MixedLabels` of any K (several mixes in a row); or
            (N, C) soft labels, which stay dense.
        lam: (N,) floats in [0, 1], the share of the first image. It is rounded to the dtype of
            the images (which matters for bfloat16 and float16), and the labels carry it so.
        index: (N,) integers, the pairing :math:`j`: the second image is ``images[index]``.
        out: as the images, written to instead of a new tensor, and returned; of the dtype and
            device of the images, in memory of its own. Not for images that need a gradient.
        check: whether to look at the values of ``lam``, ``index`` and integer labels. ``None``
            looks on the CPU only, and not under ``torch.compile``: elsewhere it would wait for
            the device. Types, shapes and devices are always checked.

    Returns:
        :class:`Mixed`; the mask is the share itself, (N, 1, 1, 1), with as many axes as the images
        have. Shares are float32, float64 for float64 images.

    Raises:
        TypeError: images that are not floating point (uint8), or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a value out of range.

    Source: mixup: Beyond Empirical Risk Minimization (arXiv 1710.09412).
    """
    labels = prepare_pair(images, labels, lam, index, out, check, any_axes=True)
    return by_share(images, labels, lam, index, out)
