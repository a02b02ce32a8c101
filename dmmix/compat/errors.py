"""What can go wrong with files and with torchvision, as types to catch."""

import errno


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used."""


class CorruptCheckpointError(CheckpointError):
    """The file is damaged: cut off, overwritten in part, or no checkpoint at all."""


# Not a pickle.UnpicklingError on purpose: code that answers that one by unpickling freely exists.
class UnsafeCheckpointError(CheckpointError):
    """The file is whole, but holds something that loading does not allow."""


class TorchvisionWarning(UserWarning):
    """torchvision works without its compiled parts."""


class DiskFullError(OSError):
    """A file was not written, as there is no room for it; what was there before is whole."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.errno = errno.ENOSPC
