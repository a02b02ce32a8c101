"""Configs on the pages: what a block says is built, on small data that was made for it."""

import ast
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.docs.blocks import ROOT

#: What a block without a base may say beside what is built.
BESIDE = {"custom_imports"}


def is_config(code: str) -> bool:
    """Only assignments, of literals and dict(...); a docstring may stand before them."""
    tree = ast.parse(code)
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return set(calls) <= {"dict"} and all(
        isinstance(each, ast.Assign) or isinstance(getattr(each, "value", None), ast.Constant)
        for each in tree.body
    )


def build_block(code: str, file_name: str) -> None:
    """Builds what a block says, in the current folder; each of several models for one base."""
    for config in _variants(code):
        if "axes" in _keys(config):
            _build_sweep(config)
        else:
            _build(config, file_name)


def _variants(code: str) -> Iterator[str]:
    """A key that is given several times makes as many configs."""
    counts = Counter(_keys(code))
    repeated = [key for key in counts if counts[key] > 1]
    if not repeated:
        yield code
        return
    body = ast.parse(code).body
    shared = [each for each in body if not set(_keys_of(each)) & set(repeated)]
    for each in body:
        if each not in shared:
            yield ast.unparse([*shared, each])


def _keys(code: str) -> list[str]:
    return [key for each in ast.parse(code).body for key in _keys_of(each)]


def _keys_of(statement: ast.stmt) -> list[str]:
    return [ast.unparse(target) for target in getattr(statement, "targets", ())]


def _build_sweep(code: str) -> None:
    from dmmix.experiments.grid.sweep_file import read_sweep

    Path("sweep.py").write_text(code, encoding="utf-8")
    assert list(read_sweep("sweep.py").points())


def _build(code: str, file_name: str) -> None:
    from dmmix.cli.running import config_scope
    from dmmix.configuration.reading import read_config, read_file

    keys = {key for key in _keys(code) if not key.startswith("_")}
    file = _beside_its_bases(code, file_name)
    cfg = read_file(file)
    if "_base_" not in _keys(code):
        assert keys <= {*_BUILD, *BESIDE}, keys
    elif "model" in cfg:
        cfg = read_config(file)
    cfg.setdefault("default_scope", "dmmix")
    with config_scope(cfg):
        for key in keys & set(_BUILD):
            _BUILD[key](cfg, key)


def _beside_its_bases(code: str, file_name: str) -> str:
    """The block as a file of a copy of configs/, or of the work dir of a sweep's cell."""
    if not Path("configs").exists():
        shutil.copytree(ROOT / "configs", "configs")
    given = [each.value for each in ast.parse(code).body if _keys_of(each) == ["_base_"]]
    bases = ast.literal_eval(given[0]) if given else []
    bases = [bases] if isinstance(bases, str) else bases
    for folder in [*sorted(Path("configs").rglob("*/")), Path("work_dirs/sweep/cell")]:
        folder.mkdir(parents=True, exist_ok=True)
        if all("::" in base or (folder / base).is_file() for base in bases):
            (folder / file_name).write_text(code, encoding="utf-8")
            return str(folder / file_name)
    raise AssertionError(f"no folder from which {bases} are found")


def _model(cfg, key):
    from dmmix.mixups import build_mix
    from dmmix.registry import MODELS

    model = cfg.model
    if "type" in model:
        model.setdefault("data_preprocessor", cfg.get("data_preprocessor"))
        assert type(MODELS.build(model)).__name__ == model.type.rpartition(".")[2]
        return
    augments = model.get("train_cfg", {}).get("augments", [])
    mixes = augments if isinstance(augments, list) else [augments]
    mixes = [*mixes, *filter(None, [model.get("mixup")])]
    for mix in mixes:
        build_mix(mix)
    if "data_preprocessor" in model:
        _preprocessor(model, "data_preprocessor")
    assert mixes or "data_preprocessor" in model


def _preprocessor(cfg, key):
    from dmmix.registry import MODELS

    MODELS.build({"type": "MixupDataPreprocessor", **cfg[key]})


def _loader(cfg, key):
    """A batch of it."""
    from mmengine.runner import Runner

    loader = _of_tiny_files({**cfg[key], "num_workers": 0, "persistent_workers": False})
    assert next(iter(Runner.build_dataloader(loader, seed=0)))


def _dataset(cfg, key):
    from dmmix.registry import DATASETS

    assert len(DATASETS.build(_of_tiny_files(cfg[key])))


def _of_tiny_files(part):
    """CIFAR's own checksums are not those of the files that a test makes."""
    if not isinstance(part, dict):
        return part
    part = {key: _of_tiny_files(value) for key, value in part.items()}
    return {**part, "checksums": False} if part.get("type") in ("CIFAR10", "CIFAR100") else part


def _optimizer(cfg, key):
    from mmengine.optim import build_optim_wrapper

    network = torch.nn.ModuleDict(
        {"backbone": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 2)}
    )
    build_optim_wrapper(network, cfg[key])


def _step(cfg, key):
    from dmmix.engine import StepOptions

    StepOptions.from_cfg(cfg)


_BUILD = {
    "model": _model,
    "data_preprocessor": _preprocessor,
    "train_dataloader": _loader,
    "val_dataloader": _loader,
    "test_dataloader": _loader,
    "dataset": _dataset,
    "optim_wrapper": _optimizer,
    "step": _step,
}
