"""What all the maths stands on: checks, dtypes, layout, spans, grids, maps, resampling,
draws."""

from dmmix.functional.tensors.draws import to_device

__all__ = ["to_device"]
