"""GMix: a soft round spot of one image in the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.grids import pixel_centers


def gmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    centers: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""The image with the smaller share as a spot in the other, ever less with the distance.

    With the distance :math:`d` in pixels from the centre to the middle of each pixel, and
    :math:`\mu = \min(\lambda, 1 - \lambda)`:

    .. math::
        \kappa = \exp\Bigl(-\frac{\pi d^2}{\mu H W}\Bigr), \qquad
        M = \kappa \text{ where } \lambda < 1/2, \text{ else } 1 - \kappa

    A spot that lies wholly inside the image has the share :math:`\mu`; labels carry the mean of the
    mask. The paper has square images and :math:`H^2`.

    Args:
        images, labels, lam, index, out, check, errors: see :func:`mixup`; images are
            (N, ch, H, W).
        centers: the centre of the spot, see :func:`cutmix`.

    Returns:
        :class:`Mixed`; the mask is (N, 1, H, W) floats, and the shares are its mean.

    Source: A Unified Analysis of Mixed Sample Data Augmentation (arXiv 2208.09913).
    """
    labels = prepare_pair(images, labels, lam, index, out, check, centers=centers)
    height, width = images.shape[-2:]
    dtype = share_dtype(images)
    lam, (y, x) = lam.to(dtype)[:, None, None], centers.to(dtype)[:, :, None].unbind(1)
    rows = pixel_centers(height, images.device, dtype) - y * height
    columns = pixel_centers(width, images.device, dtype) - x * width
    square = rows.square()[:, :, None] + columns.square()[:, None, :]
    share = torch.minimum(lam, 1 - lam)
    spot = torch.exp(square * (-math.pi / (height * width)) / share)
    spot = torch.where(share > 0, spot, 0)  # also in the very middle of a pixel
    mask = torch.where(lam < 0.5, spot, 1 - spot)[:, None]
    return by_mask(images, labels, mask, index, out=out)
