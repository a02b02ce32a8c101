"""Pictures: mixed samples and training curves."""

from dmmix.visualization.curves import Curve, draw_curves
from dmmix.visualization.gallery import draw_gallery

__all__ = ["Curve", "draw_curves", "draw_gallery"]
