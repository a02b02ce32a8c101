"""SaliencyMix: the box around what catches the eye in another image, pasted into each image."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.boxes import paste_box
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.saliency import fine_grained_saliency
from dmmix.functional.tensors.checks import check_floats
from dmmix.functional.tensors.spans import around, side_ratio


def saliencymix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    *,
    saliency: Tensor | None = None,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with the box around the most salient pixel of its partner pasted in, at the
    place where it was.

    The box has the sides :math:`\sqrt{1 - \lambda}\,(H, W)`, rounded to whole pixels; its middle is
    the pixel of largest saliency of the partner (the first of them), and it is clipped at the
    border of the image. With the mask of what is left of the first image, images and labels are
    mixed as in :func:`cutmix`.

    Args:
        images, labels, index, out, check, errors: see :func:`mixup`; images are (N, ch, H, W)
            and may be normalised: see the function below.
        lam: (N,) floats in [0, 1], the share of the first image before clipping and rounding.
        saliency: (N, H, W) floats, what is salient in the ``images`` (not in the partners);
            ``None`` is :func:`~dmmix.functional.fine_grained_saliency`, as in the paper.

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts.

    Source: SaliencyMix (arXiv 2006.01791).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    n, _, height, width = images.shape
    if saliency is None:
        saliency = fine_grained_saliency(images)
    check_floats("saliency", saliency, (n, height, width), images, one_for_all=False)
    peak = saliency.flatten(1).argmax(1)[index]
    ratio = side_ratio(lam.expand(n))
    rows = around(peak // width, (ratio * height).round().long(), height)
    columns = around(peak % width, (ratio * width).round().long(), width)
    return paste_box(images, labels, index, rows, columns, out=out)
