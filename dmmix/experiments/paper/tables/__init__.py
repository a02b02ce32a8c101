"""The published numbers, top-1 in %; a table here is a table of the paper.

The supervised tables state no deviation. A doubt about a number stands beside it.
"""

from dmmix.experiments.paper.tables import cifar, imagenet, pretrained, semi

__all__ = ["TABLES"]

#: By the names that sweeps and pages call them.
TABLES = {**cifar.TABLES, **imagenet.TABLES, **pretrained.TABLES, **semi.TABLES}
