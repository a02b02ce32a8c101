"""Files of each format: how they are written, and how they are read to see whether they agree."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dmmix.compat.needed import import_needed
from dmmix.engine.exporting.library import library_network
from dmmix.engine.exporting.logits import Logits

#: Images to logits, by a file that was written.
Reader = Callable[[Tensor], Tensor]
#: Of a network, what predicts; a training's own are left out.
_PARTS = ("backbone.", "neck.", "head.")


@dataclass
class Job:
    """What is written: a network, images as it takes them, and what goes with them."""

    logits: Logits
    images: Tensor
    about: dict[str, Any]

    def weights(self) -> dict[str, Tensor]:
        """Under mmpretrain's names."""
        found = self.logits.network.state_dict()
        return {k: v.contiguous() for k, v in found.items() if k.startswith(_PARTS)}


def write_torch(job: Job, path: Path) -> Reader:
    """Weights alone, as stock torch reads them."""
    torch.save(job.weights(), path)
    return _loaded(job.logits, torch.load(path, weights_only=True))


def write_safetensors(job: Job, path: Path) -> Reader:
    """The same in a format that holds no code, with ``about`` as JSON in its header."""
    import_needed("safetensors", install="safetensors")
    from safetensors.torch import load_file, save_file

    weights = {name: value.clone() for name, value in job.weights().items()}
    save_file(weights, path, {"format": "pt", "dmmix": json.dumps(job.about)})
    return _loaded(job.logits, load_file(path))


def write_torchscript(job: Job, path: Path) -> Reader:
    """The graph, with ``about`` in its extra file ``dmmix.json``."""
    with _quiet():
        traced = torch.jit.trace(job.logits, job.images)
        torch.jit.save(traced, path, {"dmmix.json": json.dumps(job.about)})
        return torch.jit.load(path)


def write_onnx(job: Job, path: Path) -> Reader:
    """The graph, with ``about`` in the metadata ``dmmix``; any number of images."""
    import_needed("onnxscript", install="onnxscript")  # torch's exporter is written with it
    with _quiet():
        program: Any = torch.onnx.export(
            job.logits,
            (job.images,),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
        )
        program.model.metadata_props["dmmix"] = json.dumps(job.about)
        program.save(str(path), external_data=False)
    return _onnx_reader(path)


def write_library(job: Job, path: Path) -> Reader:
    """Weights alone, under the names of timm or torchvision."""
    form = job.about["format"]
    name, made = library_network(job.logits.network, form, len(job.logits.mean))
    job.about["architecture"] = name
    torch.save(made.state_dict(), path)
    made.load_state_dict(torch.load(path, weights_only=True))
    return lambda images: made(job.logits.normalised(images))


#: By the name of the format, what writes a file of it and gives what reads it.
WRITERS: dict[str, Callable[[Job, Path], Reader]] = {
    "safetensors": write_safetensors,
    "torchscript": write_torchscript,
    "onnx": write_onnx,
    "timm": write_library,
    "torchvision": write_library,
    "torch": write_torch,
}


def _loaded(logits: Logits, weights: dict[str, Tensor]) -> Reader:
    """A copy of the network, with the weights of a file."""
    read = deepcopy(logits)
    read.network.load_state_dict(weights, strict=False)
    return read


def _onnx_reader(path: Path) -> Reader:
    try:
        import onnxruntime
    except ImportError:  # slower, and as exact
        from onnx.reference import ReferenceEvaluator

        model: Any = ReferenceEvaluator(str(path))
    else:
        model = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(model.run(None, {"images": images.numpy()})[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of what a user can do nothing about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
