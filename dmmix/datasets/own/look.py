"""A look at every image of a data set: which are damaged, doubled, or unlike the others."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from PIL import Image

from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import DAMAGE, image_crop
from dmmix.datasets.images.reading import read_file
from dmmix.datasets.own.parts import OwnData

#: Small: all that matters is whether a file can be decoded.
_CROP = CropOptions((32, 32), test_mode=True)


@dataclass
class Findings:
    """What was found.

    Attributes:
        corrupt: files that cannot be decoded, and why.
        modes: how many images have which of Pillow's modes (``RGB``, ``L``, ``CMYK``, ...).
        sizes: (height, width) of each image.
        copies: by content, the part and path of each file that has it.
    """

    corrupt: list[tuple[str, str]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    copies: dict[bytes, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, part: str, path: str) -> None:
        """Looks at a file."""
        try:
            data = read_file(path)
            with Image.open(io.BytesIO(data)) as image:
                mode, (width, height) = image.mode, image.size
            image_crop(data, _CROP, (), path)
        except DAMAGE as error:
            self.corrupt.append((path, str(error) or type(error).__name__))
            return
        self.modes[mode] += 1
        self.sizes.append((height, width))
        self.copies.setdefault(hashlib.sha256(data).digest(), []).append((part, path))

    def doubled(self, across: bool) -> list[list[str]]:
        """Paths of files with the same content: in several parts, or else in one."""
        found = (each for each in self.copies.values() if len(each) > 1)
        return [
            [path for _, path in each]
            for each in found
            if (len({part for part, _ in each}) > 1) == across
        ]


def image_files(data: OwnData) -> Iterator[tuple[str, str]]:
    """Part and path of all images."""
    for part in ("train", "val", "test", "unlabelled"):
        if (found := getattr(data, part)) is not None:
            for name in found.files:
                yield part, name


def look_at(files: Iterable[tuple[str, str]]) -> Findings:
    """Looks at all files, part and path."""
    findings = Findings()
    for part, path in files:
        findings.add(part, path)
    return findings
