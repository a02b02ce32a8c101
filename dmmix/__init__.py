"""dmmix: mixup for image classification, with the decoupled mixup loss at its heart.

``import dmmix`` is free of imports: :mod:`dmmix.functional` needs only torch, the other
subpackages need the OpenMMLab stack (``pip install -e ".[mm]"`` in a checkout of dmmix).
"""

from dmmix.version import __version__

__all__ = ["__version__"]
