"""Transfer methods, one a file. Importing it registers them."""

from dmmix.models.transfer.bss import BSS
from dmmix.models.transfer.co_tuning import CoTuning
from dmmix.models.transfer.self_tuning import SelfTuning

__all__ = ["BSS", "CoTuning", "SelfTuning"]
