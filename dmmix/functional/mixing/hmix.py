"""HMix: a box of another image pasted, and the two images blended around it."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.boxes import box_edges, outside_box
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_unit


def hmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    centers: Tensor,
    *,
    ratio: float = 0.5,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with a box of its partner, and blended with it everywhere else.

    The box has the part :math:`r` of the partner's share, :math:`r (1 - \lambda)` of the area, and
    is clipped at the border as that of :func:`cutmix`. With the area :math:`a` that is left of it,
    the own image has :math:`M = \min(1, \lambda / (1 - a))` of each pixel outside and nothing
    inside: its share in all is :math:`\lambda`.

    Args:
        images, labels, lam, index, out, check: see :func:`mixup`; images are (N, ch, H, W).
        centers: the centre of the box, see :func:`cutmix`.
        ratio: :math:`r`, in [0, 1]. 0 is Mixup, 1 is CutMix (up to the clipping).

    Returns:
        :class:`Mixed`; the mask is (N, 1, H, W) floats, and the shares are its mean.

    Raises:
        TypeError, ValueError: see :func:`mixup`; a ``ratio`` out of range.

    Source: A Unified Analysis of Mixed Sample Data Augmentation (arXiv 2208.09913).
    """
    labels = prepare_pair(images, labels, lam, index, out, check, centers=centers)
    check_unit("ratio", ratio)
    height, width = images.shape[-2:]
    start, stop = box_edges(1 - ratio * (1 - lam), centers, (height, width))
    area = (stop - start).prod(1) / (height * width)
    around = (lam / (1 - area).clamp_min(1e-12)).clamp_max(1)
    mask = outside_box(start, stop, (height, width)) * around[:, None, None, None]
    return by_mask(images, labels, mask, index, out=out)
