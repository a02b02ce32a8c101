"""A checkpoint as a file of another format, which is read again and compared."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dmmix.compat import CheckpointError
from dmmix.engine.exporting.description import describe
from dmmix.engine.exporting.formats import WRITERS, Job
from dmmix.engine.exporting.logits import Logits
from dmmix.engine.predictor import Predictor

#: Of the largest logit, or of 1 where all are smaller.
TOLERANCE = 1e-5


class Exported(NamedTuple):
    """What was written.

    Attributes:
        file: with the network.
        about: JSON beside it.
        difference: the largest of a logit from the original's.
        description: what ``about`` holds.
    """

    file: Path
    about: Path
    difference: float
    description: dict


@torch.no_grad()
def export(predictor: Predictor, form: str, file: Path, size: tuple[int, int]) -> Exported:
    """Writes the file, and beside it ``FILE.json`` with classes and preprocessing.

    Args:
        predictor: of the checkpoint, on the CPU.
        form: a name of ``WRITERS``.
        file: to write; its folder is there.
        size: (height, width) of the images that go in.

    Raises:
        CheckpointError: its logits are others, or timm and torchvision lack the network: nothing
            is written then.
        ImportError: a package that the format needs is missing.
    """
    model = predictor.model
    channels = _channels(model)
    images = _images(5, channels, size)
    logits = Logits(model, channels).eval()
    job = Job(logits, images[:2], describe(predictor, logits, form, size))
    about = file.with_name(f"{file.name}.json")
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch:
        written = Path(scratch, file.name)
        found = WRITERS[form](job, written)(images[2:])
        difference = _difference(found, predictor.logits(images[2:]))
        if not difference <= TOLERANCE:
            raise CheckpointError(
                f"the logits of {form} differ from the checkpoint's by {difference:.1e} of the "
                f"largest (up to {TOLERANCE:.0e} is rounding), so {file} was not written"
            )
        text = json.dumps(job.about, indent=1, ensure_ascii=False)
        Path(scratch, about.name).write_text(text, encoding="utf-8")
        for target in (file, about):
            os.replace(Path(scratch, target.name), target)
    return Exported(file, about, difference, job.about)


def _channels(model: Any) -> int:
    """Of the first convolution, which every usual network begins with."""
    kernels = (weight for weight in model.backbone.parameters() if weight.ndim == 4)
    return next((kernel.shape[1] for kernel in kernels), 3)


def _images(number: int, channels: int, size: tuple[int, int]) -> Tensor:
    """Smooth ones, always the same; a network makes sensible numbers of them."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(number, channels, 4, 4, generator=generator)
    smooth = nn.functional.interpolate(coarse, size, mode="bilinear")
    return (smooth * 255).to(torch.uint8)


def _difference(found: Tensor, right: Tensor) -> float:
    """The largest, as a part of the largest logit or of 1; NaN is none that passes."""
    if found.shape != right.shape:
        return float("inf")
    return float((found - right).abs().max() / right.abs().max().clamp(min=1))
