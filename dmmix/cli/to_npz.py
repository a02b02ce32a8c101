"""Writes the images of a config, which lie in memory, to one .npz file for NPZDataset.

    dmmix data to-npz configs/cifar100/resnet18.py --out data/cifar100.npz

x_train, y_train are those of train_dataloader.dataset, x_test, y_test those of
test_dataloader.dataset; both are InMemory. A subset of the labels is written as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmmix.cli.options import config_options
from dmmix.cli.running import build_dataset, reported_errors
from dmmix.configuration.errors import UserError
from dmmix.configuration.reading import read_config

_SPLITS = {"train": "train_dataloader", "test": "test_dataloader"}


def main() -> None:
    parser = config_options("Write the images of a config to one .npz file")
    parser.add_argument("--out", required=True, metavar="FILE", help="the file to make")
    args = parser.parse_args()
    with reported_errors(args.traceback):
        out = Path(args.out)
        if out.suffix != ".npz":
            raise UserError(f"--out must end in .npz, got {out}")
        if out.exists():
            raise UserError(f"--out {out} exists; remove it first")
        cfg = read_config(args.config, args.cfg_options)
        for loader in _SPLITS.values():
            _check(args.config, loader, (cfg.get(loader) or {}).get("dataset"))
        _write(out, _arrays(cfg))


def _check(file: str, loader: str, dataset: Any) -> None:
    kind = None if dataset is None else dataset.get("type")
    if kind not in ("InMemory", "dmmix.InMemory"):
        raise UserError(f"{file}: {loader}.dataset must be InMemory, got {kind}")


def _arrays(cfg: Any) -> dict[str, Any]:
    import numpy as np

    arrays = {}
    for split, loader in _SPLITS.items():
        dataset = build_dataset(cfg, {**cfg[loader]["dataset"], "device": "cpu"})
        whole = dataset.__getitems__(range(len(dataset)))
        images = whole["inputs"].permute(0, 2, 3, 1).numpy()
        # Grey images as they are usually kept, without an axis for their one channel.
        arrays[f"x_{split}"] = images[..., 0] if images.shape[3] == 1 else images
        arrays[f"y_{split}"] = whole["labels"].numpy()
        if dataset.CLASSES is not None:
            arrays["classes"] = np.array(list(dataset.CLASSES))
    return arrays


def _write(out: Path, arrays: dict[str, Any]) -> None:
    import numpy as np

    from dmmix.compat.atomic import atomic_open

    with atomic_open(out) as file:
        np.savez(file, **arrays)  # not compressed: what is can't be mapped
    for name, array in arrays.items():
        print(f"{name}: {'x'.join(map(str, array.shape))} {array.dtype}")
    print(f"{out} is made; use it with dict(type='NPZDataset', data_file={str(out)!r})")
