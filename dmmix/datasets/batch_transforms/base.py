"""What every batch transform is: random draws around a function of dmmix.functional.transforms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from torch import Generator, Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Filled, Finite
from dmmix.registry import TRANSFORMS

#: One number, or one for each channel.
PerChannel = Finite | Annotated[Sequence[Finite], Filled()]


class BatchTransform(Checked, ABC):
    """A transform of a whole batch, with random numbers of its own for each image.

    Attributes:
        after_normalize: it sees normalised images (floats), not those of the dataset (uint8).

    Raises:
        TypeError, ValueError: an argument of a wrong type or value, of any of them.
    """

    after_normalize: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """The transformed images; those given are not written to.

        Args:
            images: (N, ch, H, W) of any dtype the transform supports, device and memory format.
            generator: a CPU generator, the only source of random numbers.
        """

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k[0] != "_")
        return f"{type(self).__name__}({options})"


def build_batch_transform(config: Mapping | BatchTransform) -> BatchTransform:
    """A batch transform from its config; one that is built already is returned as it is.

    A type without a prefix is looked up in dmmix, whatever the default scope.

    Raises:
        KeyError: an unknown type.
        TypeError: what is built is not a batch transform (a transform of single images, say).
        TypeError, ValueError: a bad argument; the message begins with the type, since several
            transforms of a list may have an argument of that name.
    """
    transform = config
    if isinstance(config, Mapping):
        try:
            transform = TRANSFORMS.build({"_scope_": "dmmix", **config})
        except (TypeError, ValueError) as error:
            if str(config["type"]) in str(error):
                raise
            raise type(error)(f"{config['type']}: {error}") from error
    if not isinstance(transform, BatchTransform):
        kind = type(transform)
        raise TypeError(
            f"batch_transforms: {kind.__module__}.{kind.__qualname__} is no batch transform; "
            "their names start with Batch, such as BatchRandomCrop"
        )
    return transform


def as_tuple(value: PerChannel) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, Sequence) else value
