"""From the archives that publishers ship to folders that the dataset classes read.

Only the standard library and :mod:`dmmix.compat` are imported here (where they are needed, rich,
pooch, Pillow and SciPy as well), the rest by relative imports: ``dmmix data prepare`` loads this
package without ``dmmix.datasets``, which imports torch.
"""

from .errors import DownloadError, PreparationError
from .run import fetch, instructions, prepare
from .table import DATA_SETS, Archive, DataSet
from .verify import check

__all__ = [
    "DATA_SETS",
    "Archive",
    "DataSet",
    "DownloadError",
    "PreparationError",
    "check",
    "fetch",
    "instructions",
    "prepare",
]
