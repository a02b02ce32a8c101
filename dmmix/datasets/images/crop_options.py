"""How images are decoded and cropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from dmmix.functional.ranges import as_pair


@dataclass(frozen=True)
class CropOptions:
    """What :class:`~dmmix.datasets.DecodedImages` takes one by one, and tells of each.

    Attributes:
        size: (height, width).
        test_mode: ``None`` as long as it is not known.

    Raises:
        ValueError: an edge that does not go with the rest, ten crops for training.
    """

    size: tuple[int, int]
    test_mode: bool | None = None
    resize_edge: int | None = None
    crop_ratio: float | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    square: bool = False
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    reduced: bool = True
    backend: Literal["cv2", "pillow"] = "cv2"
    antialias: bool = True
    ten_crop: bool = False

    def __post_init__(self) -> None:
        edge, side = self.resize_edge, max(self.size)
        if self.crop_ratio is not None and edge is not None:
            raise ValueError(
                f"resize_edge={edge} and crop_ratio={self.crop_ratio}: give one of them"
            )
        if edge is not None and edge < side:
            raise ValueError(f"resize_edge={edge} is smaller than size={side}")
        if self.ten_crop and self.test_mode is False:
            raise ValueError(
                "ten_crop=True is for testing, and this is training data: say test_mode=True, or "
                "leave it out"
            )

    @classmethod
    def for_testing(cls, dataset: Mapping[str, Any]) -> CropOptions:
        """Of the config of a data set of files, as it crops for testing."""
        known = {field.name for field in fields(cls)}
        given = {key: value for key, value in dataset.items() if key in known}
        given |= dict(size=as_pair(dataset.get("size", 224)), test_mode=True)
        return cls(**given)

    @property
    def edge(self) -> int:
        """Length of the short edge, or of the square, that an image is resized to."""
        side = max(self.size)
        if self.crop_ratio is not None:
            return round(side / self.crop_ratio)
        return side * 8 // 7 if self.resize_edge is None else self.resize_edge

    def resized(self, have: tuple[int, int]) -> tuple[int, int]:
        """(Testing) what an image of (height, width) is resized to before the crop."""
        if self.square:
            return self.edge, self.edge
        return have[0] * self.edge // min(have), have[1] * self.edge // min(have)

    def describe(self) -> list[str]:
        """What is made of the images, in lines."""
        if self.test_mode:
            how = f"{'square of' if self.square else 'short edge'} {self.edge}, "
            how += "four corners and middle, and mirrored" if self.ten_crop else "middle"
        else:
            how = f"random box, scale={self.scale}, ratio={self.ratio}"
            how += f" of a square of {self.edge}" if self.square else ""
        smooth = "" if self.antialias else ", not antialiased"
        return [
            f"Crops: \t{self.size[0]} x {self.size[1]}, {how}, {self.interpolation}{smooth}",
            f"Decoder: \t{self.backend}, reduced={self.reduced}",
        ]
