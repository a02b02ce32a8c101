"""From the archives that publishers ship to folders that the dataset classes read.

Only the standard library is imported here (and, where they are needed, rich, Pillow and SciPy), by
relative imports: ``dmmix data prepare`` loads this package without ``dmmix.datasets``, which
imports torch.
"""

from .errors import DownloadError, PreparationError
from .run import instructions, prepare
from .table import DATA_SETS, Archive, DataSet
from .verify import check

__all__ = [
    "DATA_SETS",
    "Archive",
    "DataSet",
    "DownloadError",
    "PreparationError",
    "check",
    "instructions",
    "prepare",
]
