"""What can go wrong with a checkpoint or with torchvision, as types to catch."""

__all__ = [
    "CheckpointError",
    "CorruptCheckpointError",
    "TorchvisionWarning",
    "UnsafeCheckpointError",
]


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used."""


class CorruptCheckpointError(CheckpointError):
    """The file is damaged: cut off, overwritten in part, or no checkpoint at all."""


# Not a pickle.UnpicklingError on purpose: code that answers that one by unpickling freely exists.
class UnsafeCheckpointError(CheckpointError):
    """The file is whole, but holds something that loading does not allow."""


class TorchvisionWarning(UserWarning):
    """torchvision works without its compiled parts."""
