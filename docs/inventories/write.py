"""Where other projects document what our pages refer to, as inventories that Sphinx reads.

    python docs/inventories/write.py

writes them beside this file. They stand in for those that the projects publish, so that the pages
are built without a network. A reference that is missing here fails ``make docs``: add its name.
"""

import inspect
import zlib
from collections.abc import Iterator
from pathlib import Path
from pydoc import locate
from typing import Any

import dmmix.registry  # noqa: F401 - first: mmpretrain may need what it prepares

GENERATED = "api/generated/{}.html"
#: By project and page, the names that are documented there; {} in a page is the name.
PAGES = {
    "python": {
        "library/abc.html": "abc.ABC",
        "library/collections.abc.html": """
            collections.abc.Callable collections.abc.Iterable collections.abc.Iterator
            collections.abc.Mapping collections.abc.Sequence
        """,
        "library/contextlib.html": "contextlib.AbstractContextManager",
        "library/enum.html": "enum.IntEnum",
        "library/os.html": "os.PathLike",
        "library/pathlib.html": "pathlib.Path",
    },
    "numpy": {
        "reference/generated/{}.html": "numpy.dtype numpy.ndarray",
    },
    "torch": {
        "generated/{}.html": """
            torch.Generator torch.Tensor.to torch.autograd.grad torch.compile torch.manual_seed
            torch.nn.Module torch.nn.functional.cross_entropy torch.no_grad
        """,
        "amp.html#gradient-scaling": "torch.amp.GradScaler",
        "data.html": """
            torch.utils.data.DataLoader torch.utils.data.Dataset torch.utils.data.Sampler
        """,
        "generated/torch.autograd.grad_mode.inference_mode.html": """
            torch.autograd.grad_mode.inference_mode
        """,
        "tensor_attributes.html": "torch.device torch.dtype torch.memory_format",
        "tensors.html": "torch.Tensor",
    },
    "mmcv": {GENERATED: "mmcv.transforms.BaseTransform"},
    "mmengine": {
        GENERATED: """
            mmengine.evaluator.BaseMetric mmengine.evaluator.DumpResults
            mmengine.evaluator.Evaluator mmengine.hooks.EarlyStoppingHook mmengine.hooks.Hook
            mmengine.hooks.IterTimerHook
            mmengine.hooks.RuntimeInfoHook mmengine.model.ExponentialMovingAverage
            mmengine.optim.CosineAnnealingLR mmengine.optim.OptimWrapper
            mmengine.registry.Registry mmengine.runner.BaseLoop
            mmengine.runner.EpochBasedTrainLoop mmengine.runner.IterBasedTrainLoop
            mmengine.runner.Runner
        """,
        GENERATED.format("mmengine.runner.Runner"): "mmengine.runner.Runner.build_evaluator",
    },
    "mmpretrain": {
        GENERATED: """
            mmpretrain.engine.hooks.EMAHook mmpretrain.evaluation.Accuracy
            mmpretrain.models.backbones.ConvNeXt mmpretrain.models.backbones.ResNeXt
            mmpretrain.models.backbones.ResNet mmpretrain.models.backbones.ResNet_CIFAR
            mmpretrain.models.backbones.TIMMBackbone
            mmpretrain.models.classifiers.ImageClassifier mmpretrain.models.heads.ClsHead
            mmpretrain.models.heads.LinearClsHead
            mmpretrain.models.heads.MultiLabelLinearClsHead
            mmpretrain.models.heads.StackedLinearClsHead
            mmpretrain.models.heads.VisionTransformerClsHead
            mmpretrain.models.utils.data_preprocessor.ClsDataPreprocessor
        """,
        GENERATED.format("mmpretrain.models.classifiers.ImageClassifier"): """
            mmpretrain.models.classifiers.ImageClassifier.forward
            mmpretrain.models.classifiers.ImageClassifier.predict
        """,
        "api/datasets.html": """
            mmpretrain.datasets.BaseDataset mmpretrain.datasets.CIFAR10
            mmpretrain.datasets.CIFAR100 mmpretrain.datasets.CustomDataset
        """,
        "api/structures.html": "mmpretrain.structures.DataSample",
    },
}


def inventory(project: str) -> bytes:
    """In the second version of the format, as Sphinx itself writes it."""
    lines = {
        line
        for page, names in PAGES[project].items()
        for name in names.split()
        for line in _lines(name, page.format(name))
    }
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("".join(sorted(lines)).encode())


def _lines(name: str, page: str) -> Iterator[str]:
    """Of each path that leads to it: annotations have that of the module that defines it."""
    thing = locate(name)
    if thing is None:
        raise SystemExit(f"{name} is nowhere")
    place = page if "#" in page else f"{page}#{name}"
    for path in {name, *_paths(name, thing)}:
        yield f"{path} {_role(thing)} 1 {place} -\n"


def _paths(name: str, thing: Any) -> Iterator[str]:
    defined = f"{getattr(thing, '__module__', '')}.{thing.__qualname__}"
    last = thing.__qualname__
    for start in (name, defined):
        parts = start.removesuffix(f".{last}").split(".")
        for k in range(len(parts)):
            path = ".".join([*parts[: k + 1], last])
            if locate(path) is thing:
                yield path


def _role(thing: Any) -> str:
    if inspect.isclass(thing):
        return "py:exception" if issubclass(thing, BaseException) else "py:class"
    return "py:method" if "." in thing.__qualname__ else "py:function"


if __name__ == "__main__":
    for project in PAGES:
        Path(__file__).with_name(f"{project}.inv").write_bytes(inventory(project))
