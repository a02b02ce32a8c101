"""dmmix: mixup for image classification, with the decoupled mixup loss at its heart.

``import dmmix`` is free of imports: :mod:`dmmix.functional` needs only torch, the other
subpackages need the OpenMMLab stack (``pip install -e ".[mm]"`` in a checkout of dmmix).
"""

from typing import TYPE_CHECKING, Any

from dmmix.version import __version__

if TYPE_CHECKING:
    from dmmix.engine.predictor import Predictor

__all__ = ["__version__", "load"]


def load(checkpoint: str, **options: Any) -> "Predictor":
    """A trained classifier that predicts images: ``dmmix.load(CHECKPOINT).predict(images)``.

    Args:
        checkpoint: a file that dmmix or mmengine's runner has written.
        options: see :class:`dmmix.engine.Predictor`.
    """
    from dmmix.engine.predictor import Predictor

    return Predictor(checkpoint, **options)
