"""ResizeMix: another image, made small and pasted whole into each image."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.boxes import paste_box
from dmmix.functional.mixing.compose import gather
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.resampling import resize_boxes
from dmmix.functional.tensors.spans import placed, side_ratio, whole


def resizemix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    places: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each image with its whole partner pasted in, resized to a box that lies inside.

    The box has the sides :math:`\tau (H, W)` with :math:`\tau = \sqrt{1 - \lambda}`, rounded to
    whole pixels. With :math:`R` for the partner resized into the box, the mask :math:`M` of what
    is left of the first image, and its mean over the pixels :math:`\bar M`:

    .. math::
        \tilde x_i = M_i \odot x_i + (1 - M_i) \odot R_i(x_{j(i)}), \qquad
        \tilde y_i = \bar M_i y_i + (1 - \bar M_i) y_{j(i)}

    The resizing is bilinear with antialiasing: every pixel of the partner is seen, however small
    the box (``torch.nn.functional.interpolate(..., mode='bilinear', antialias=True)`` gives the
    same, for one size at a time). It is computed in float32 at least, also under autocast.

    Args:
        images, labels, index, out, check, errors: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the share of the first image before rounding.
        places: (N, 2) floats in [0, 1), where the box is, (y, x): 0 is the first of the places
            that it can have in the image, 1 the end of the last. Uniform values
            (:func:`draw_centers`) make all of these places equally likely.

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts.

    Source: ResizeMix (arXiv 2012.11101).
    """
    labels = prepare_pair(images, labels, lam, index, out, check, places=places)
    lam = lam.expand(images.shape[0])
    height, width = images.shape[-2:]
    ratio = side_ratio(lam)
    places = places.to(ratio.dtype).expand(images.shape[0], 2)
    rows, columns = (
        placed(places[:, axis], (ratio * length).round().long(), length)
        for axis, length in enumerate((height, width))
    )
    full = whole(rows[0], height), whole(rows[0], width)
    second = resize_boxes(gather(images, index, out), full, (rows, columns))
    return paste_box(images, labels, index, rows, columns, second=second, out=out)
