"""What mixes ask a model, and what they do in its forward pass."""

from dmmix.functional.guide.layers import Attention, Layers, NamedLayers
from dmmix.functional.guide.scope import Step

__all__ = ["Attention", "Layers", "NamedLayers", "Step"]
