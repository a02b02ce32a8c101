"""What is random in a mix: shares, pairings and places.

Everything is drawn on a CPU generator and moved afterwards, so a seed gives the same mixes on
every device. ``generator=None`` is torch's default CPU generator.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dmmix.functional.tensors.checks import check_positive


def draw_lam(
    n: int, alpha: float, generator: Generator | None = None, per_batch: bool = False
) -> Tensor:
    r"""Shares of the first image, :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        n: how many samples.
        alpha: above 0. Small values give shares near 0 or 1, 1 is uniform, large values give
            shares near a half.
        generator: a CPU generator.
        per_batch: draw one share for all samples.

    Returns:
        (n,), or (1,) with ``per_batch``; float64 in [0, 1], never nan.

    Raises:
        ValueError: ``alpha`` not above 0 or not finite.
    """
    check_positive("alpha", alpha)
    shape = (2, 1 if per_batch else n)
    # lam = g1 / (g1 + g2) with g ~ Gamma(alpha). A Gamma of small alpha underflows to 0 and
    # 0 / (0 + 0) is nan; so take its logarithm, from Gamma(alpha) = Gamma(alpha + 1) U^(1/alpha).
    # torch.distributions takes no generator; this is the function underneath it.
    shift = torch.full(shape, alpha + 1.0, dtype=torch.float64)
    gamma, other_gamma = torch._standard_gamma(shift, generator=generator).log_()
    uniform = torch.rand(shape, dtype=torch.float64, generator=generator)
    power, other_power = uniform.neg_().log1p_()  # log U with U in (0, 1]
    return (power - other_power).div_(alpha).add_(gamma).sub_(other_gamma).sigmoid_()


def draw_pairing(n: int, generator: Generator | None = None, fixed_points: bool = True) -> Tensor:
    """A random pairing: the second image of sample ``i`` is image ``index[i]``.

    Args:
        n: how many samples.
        generator: a CPU generator.
        fixed_points: ``True`` draws from all permutations, in which one sample a batch is on
            average paired with itself and so not mixed. ``False`` draws from those that are one
            circle, in which none is; it takes no second draw. A batch of 1 can only be paired
            with itself.

    Returns:
        (n,) int64, each of ``0 ... n - 1`` once.
    """
    order = torch.randperm(n, generator=generator)
    if fixed_points:
        return order
    # Everybody's partner is the neighbour in a random circular order.
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def draw_centers(n: int, generator: Generator | None = None, per_batch: bool = False) -> Tensor:
    """Places in an image, uniform: (n, 2) float64 fractions (y, x) in [0, 1); (1, 2) with
    ``per_batch``.

    Args:
        n: how many samples.
        generator: a CPU generator.
        per_batch: draw one place for all samples.
    """
    return torch.rand(1 if per_batch else n, 2, dtype=torch.float64, generator=generator)
