"""Metrics and robustness, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
