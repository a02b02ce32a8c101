"""GridMix: each cell of a grid from one of two images."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.compose import by_mask
from dmmix.functional.mixing.inputs import prepare_pair
from dmmix.functional.mixing.mixed import Mixed
from dmmix.functional.tensors.checks import check_parts
from dmmix.functional.tensors.grids import cell_of_pixel


def gridmix(
    images: Tensor,
    labels: Labels,
    lam: Tensor,
    index: Tensor,
    cells: Tensor,
    *,
    out: Tensor | None = None,
    check: bool | None = None,
) -> Mixed:
    r"""Each cell of a grid from the image with probability :math:`\lambda`, else from its partner.

    With uniform draws :math:`u_c` for the cells :math:`c` of an :math:`r \times s` grid:

    .. math::
        M(y, x) = \mathbf{1}\bigl[u_{c(y, x)} < \lambda\bigr], \qquad
        c(y, x) = \bigl(\lfloor y\,r / H \rfloor, \lfloor x\,s / W \rfloor\bigr)

    With this mask images and labels are mixed as in :func:`cutmix`.

    Where the grid does not divide the image, cells differ by a pixel in height and width; an image
    with fewer pixels than cells on a side does not show some of the cells.

    Args:
        images, labels, index, out, check, errors: see :func:`mixup`; images are (N, ch, H, W).
        lam: (N,) floats in [0, 1], the probability that a cell is of the first image.
        cells: (N, r, s) floats in [0, 1), a uniform draw for each cell of a grid of any size
            (:func:`draw_cells`).

    Returns:
        :class:`Mixed`; the mask is bool, (N, 1, H, W), true where the first image is kept. The
        shares are exact pixel counts.

    Source: GridMix: Strong regularization through local context mapping (Pattern Recognition 109,
    2021; doi 10.1016/j.patcog.2020.107594).
    """
    labels = prepare_pair(images, labels, lam, index, out, check)
    n, _, height, width = images.shape
    check_parts("cells", cells, (n, None, None), images, check)
    kept = cells < lam[:, None, None]
    rows = cell_of_pixel(height, cells.shape[1], images.device)
    columns = cell_of_pixel(width, cells.shape[2], images.device)
    # Rows last: they are copied whole.
    mask = kept.index_select(2, columns).index_select(1, rows)[:, None]
    return by_mask(images, labels, mask, index, out=out)


def draw_cells(
    n: int, grid: tuple[int, int], generator: Generator | None = None, per_batch: bool = False
) -> Tensor:
    """Draws for the cells of :func:`gridmix`, uniform: (n, rows, columns) float32 in [0, 1);
    (1, rows, columns) with ``per_batch``.

    Args:
        n: how many samples.
        grid: rows and columns.
        generator: a CPU generator.
        per_batch: draw one grid for all samples.
    """
    # float32: a float64 draw could become 1 on a device without float64, and lam = 1 leave a cell.
    return torch.rand(1 if per_batch else n, *grid, generator=generator, dtype=torch.float32)
