"""Sharpness of whole batches, every sample with a factor of its own."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.tensors.layout import as_column, to_bytes
from dmmix.functional.transforms.checks import check_bytes, check_per_sample

__all__ = ["adjust_sharpness"]


def adjust_sharpness(images: Tensor, factor: Tensor, *, check: bool | None = None) -> Tensor:
    r"""Images :math:`f x + (1 - f) b` with the blur :math:`b` of each.

    The blur is the mean over 3 x 3 pixels in which the middle one counts five times, rounded. The
    pixels at the edge stay as they are, and so do images of less than 3 x 3. Equals
    ``adjust_sharpness(image, factor)`` of torchvision, for each image, if ``factor`` is float64;
    otherwise a value may be off by 1.

    Args:
        images: (N, ch, H, W) uint8, any device and memory format; not written to.
        factor: (N,) floats, at least 0, on the device of the images.
        check: whether to look at the values of ``factor``, which waits for the device; ``None``
            does so on the CPU outside ``torch.compile``.

    Returns:
        (N, ch, H, W) uint8, cut off to integers; channels-last if the images are.

    Raises:
        TypeError: images that are not uint8, or another wrong dtype.
        ValueError: a wrong shape or device; with ``check``, a factor out of range.
    """
    check_bytes(images)
    check_per_sample("factor", factor, images, 0, float("inf"), check)
    if min(images.shape[-2:]) < 3:
        return images.clone()
    values = images.float()
    rows = values[..., :-2, :] + values[..., 1:-1, :]
    rows += values[..., 2:, :]
    blur = rows[..., :-2] + rows[..., 1:-1]
    blur += rows[..., 2:]
    inside = values[..., 1:-1, 1:-1]
    # Sums of integers, exact in float32; a thirteenth never lies half-way between two integers.
    blur.add_(inside, alpha=4).mul_(1 / 13).round_()
    # 1 - f in the precision that the factor came in.
    inside.addcmul_(blur.sub_(inside), as_column(1 - factor).float())
    return to_bytes(values.clamp_(0, 255))
