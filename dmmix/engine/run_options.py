"""What the parts of a config may be that mmengine's runner reads itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypedDict, get_type_hints

from mmengine.registry import OPTIMIZERS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from dmmix.arguments import check_argument, check_arguments
from dmmix.functional.ranges import Count, NonNegative, Positive, Range
from dmmix.registry import check_config
from dmmix.suggestions import suggestion


class AutoScaleLR(TypedDict, total=False):
    enable: bool
    base_batch_size: Positive | None


class Processes(TypedDict, total=False):
    mp_start_method: Literal["fork", "spawn", "forkserver"]
    opencv_num_threads: Annotated[int, Range(0, 2**31 - 1)]


class Distributed(TypedDict, total=False):
    backend: str
    init_backend: str
    timeout: Annotated[float, Range(0, above=True)]
    local_rank: int


class Environment(TypedDict, total=False):
    cudnn_benchmark: bool
    mp_cfg: Processes
    dist_cfg: Distributed
    resource_limit: Annotated[int, Range(1, 2**31 - 1)]


class Randomness(TypedDict, total=False):
    seed: Annotated[int, Range(0, 2**32 - 1)] | None
    diff_rank_seed: bool
    deterministic: bool


class Run(TypedDict, total=False):
    auto_scale_lr: AutoScaleLR | None
    env_cfg: Environment
    randomness: Randomness
    load_from: str | None
    resume: bool
    log_level: int | Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET"]
    default_scope: str | None
    work_dir: str


class Paramwise(TypedDict, total=False):
    custom_keys: dict
    bias_lr_mult: NonNegative
    bias_decay_mult: NonNegative
    norm_decay_mult: NonNegative
    flat_decay_mult: NonNegative
    dwconv_decay_mult: NonNegative
    dcn_offset_lr_mult: NonNegative
    bypass_duplicate: bool


class _Norm(TypedDict):
    max_norm: Positive


class ClipNorm(_Norm, total=False):
    type: Literal["norm"]
    norm_type: float | Literal["inf"]
    error_if_nonfinite: bool
    foreach: bool | None


class _Value(TypedDict):
    clip_value: Positive


class ClipValue(_Value, total=False):
    type: Literal["value"]
    foreach: bool | None


#: Which keys mmengine hands on to others.
_OPEN = (Run, Distributed, Paramwise)


def check_run(options: Mapping[str, Any]) -> None:
    """A ValueError unless a runner is given what it can be."""
    _check("", options, Run)
    for path, kind in _types(options):
        if not (isinstance(kind, str) or callable(kind)):
            raise ValueError(f"{path}.type must be the name of a class, got {kind!r}")


def check_train_loop(loop: Any) -> None:
    """The same of ``train_cfg`` without a type."""
    if not isinstance(loop, Mapping) or "type" in loop:
        return
    by_epoch = loop.get("by_epoch", True)
    check_argument("train_cfg", "by_epoch", by_epoch, bool)
    kind = EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop
    check_arguments(kind, {key: value for key, value in loop.items() if key != "by_epoch"})


def check_dataloader(loader: Any) -> None:
    """The same of what ``torch.utils.data.DataLoader`` will be given."""
    if isinstance(loader, Mapping):
        if "batch_size" in loader:  # torch takes None, for no batches; mmengine's loops do not
            check_argument("DataLoader", "batch_size", loader["batch_size"], Count)
        check_arguments(DataLoader, loader)


def check_optim_wrapper(wrapper: Any) -> None:
    """The same of ``optim_wrapper``: what mmengine looks into before it builds anything of it."""
    if not isinstance(wrapper, Mapping):
        return
    if isinstance(wrapper.get("optimizer"), Mapping):
        check_config(wrapper["optimizer"], OPTIMIZERS)
    if isinstance(wrapper.get("paramwise_cfg"), Mapping):
        _check("optim_wrapper.paramwise_cfg", wrapper["paramwise_cfg"], Paramwise)
    _check_clipping(wrapper.get("clip_grad"))


def _check_clipping(clip: Any) -> None:
    where = "optim_wrapper.clip_grad"
    check_argument("optim_wrapper", "clip_grad", clip, dict | None)
    if clip is None:
        return
    check_argument(where, "type", clip.get("type", "norm"), Literal["norm", "value"])
    kind = ClipValue if clip.get("type") == "value" else ClipNorm
    _check(where, clip, kind)
    for absent in kind.__required_keys__ - set(clip):
        raise ValueError(f"{where} needs {absent}, such as dict({absent}=5.0), got {dict(clip)}")


def _types(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(where, type) of all parts of a config that have one."""
    if isinstance(node, Mapping) and "type" in node:
        yield path, node["type"]
    parts: Iterable[tuple[Any, Any]] = node.items() if isinstance(node, Mapping) else ()
    parts = enumerate(node) if isinstance(node, list | tuple) else parts
    for key, part in parts:
        yield from _types(part, f"{path}.{key}" if path else str(key))


def _check(path: str, options: Mapping[str, Any], parts: Any) -> None:
    hints = get_type_hints(parts, include_extras=True)
    for key, value in options.items():
        hint = hints.get(key)
        nested = next((each for each in _DICTS if _mentions(hint, each)), None)
        if hint is None:
            if parts not in _OPEN:
                known = suggestion(key, hints, most=1) or f"; known are {sorted(hints)}"
                raise ValueError(f"{path} has no {key!r}{known}")
        elif nested is not None and isinstance(value, Mapping):
            _check(f"{path}.{key}" if path else key, value, nested)
        else:
            check_argument(path or "config", key, value, hint)


_DICTS = (AutoScaleLR, Processes, Distributed, Environment, Randomness)


def _mentions(hint: Any, kind: Any) -> bool:
    return hint is kind or kind in getattr(hint, "__args__", ())
