"""Makes, or checks, the index file of a label subset: which training images of a config are used.

    dmmix data split CONFIG --labels-per-class 4 --out splits/4_a_class.json
    dmmix data split CONFIG --label-fraction 0.15 --seed 1 --out splits/15_percent_1.json
    dmmix data split CONFIG --check splits/4_a_class.json

A config uses it with train_dataloader.dataset.subset = dict(file=...). Without an option that says
how many, the file is what the config's own subset asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmmix.cli.options import config_options
from dmmix.cli.running import build_dataset, reported_errors
from dmmix.configuration.errors import UserError, near_files
from dmmix.configuration.reading import read_config

_ROWS = 20  # classes that are listed; of ImageNet's thousand nobody reads all


def main() -> None:
    parser = config_options("Make or check the index file of a label subset")
    parser.add_argument("--labels-per-class", type=int, metavar="N", help="N images of each class")
    parser.add_argument("--label-fraction", type=float, metavar="F", help="0.15 is 15 %% of each")
    parser.add_argument("--seed", type=int, help="of the choice; 0 if nothing else says so")
    parser.add_argument("--out", metavar="FILE", help="the index file to make")
    parser.add_argument("--check", metavar="FILE", help="look whether this file fits the data")
    args = parser.parse_args()

    with reported_errors(args.traceback):
        _check_options(args)
        _split(args)


def _check_options(args: Any) -> None:
    if (args.out is None) == (args.check is None):
        raise UserError("one of --out FILE (make it) and --check FILE is needed")
    if args.out is not None and Path(args.out).exists():
        raise UserError(f"--out {args.out} exists; --check looks whether it fits, or remove it")
    if args.check is not None and not Path(args.check).is_file():
        raise UserError(f"--check: no file {args.check}{near_files(args.check)}")


def _split(args: Any) -> None:
    cfg = read_config(args.config, args.cfg_options)
    dataset = (cfg.get("train_dataloader") or {}).get("dataset")
    if dataset is None:
        raise UserError(f"{args.config}: no train_dataloader.dataset to choose from")
    subset = _asked(args, dataset)

    import numpy as np

    from dmmix.datasets import subset_indices
    from dmmix.datasets.semi.checks import check_num_labels, resolve_subset

    check_num_labels(subset)  # before the data is read
    labels, classes = _labels(cfg, dataset)
    number = len(classes) if classes is not None else int(labels.max()) + 1
    chosen = resolve_subset(subset, np.bincount(labels, minlength=number))
    indices = subset_indices(labels, chosen, classes)
    _print_table(labels, indices, classes)
    if args.out is not None:
        print(f"{args.out} is made; use it with subset = dict(file={args.out!r})")
    else:
        print(f"{args.check} fits the training data of {args.config}")


def _asked(args: Any, dataset: Any) -> dict:
    """What the options ask for, or else the config."""
    options = {
        name: getattr(args, name)
        for name in ("labels_per_class", "label_fraction", "seed")
        if getattr(args, name) is not None
    }
    asked = {}
    if not options.keys() - {"seed"} and args.check is None:
        asked = dict(dataset.get("subset") or {})
        if not asked.keys() & {"labels_per_class", "label_fraction", "num_labels"}:
            raise UserError(
                f"--labels-per-class or --label-fraction is needed: {args.config} has no subset "
                "that says how many"
            )
    return {**asked, **options, "file": args.out if args.check is None else args.check}


def _labels(cfg: Any, config: Any) -> tuple[Any, Any]:
    """Labels of all training samples, and the names of the classes.

    Those of a semi-supervised config are chosen from all images of its dataset.
    """
    if str(config.get("type")).rpartition(".")[2] == "SemiDataset":
        config = config["dataset"]
    else:
        config = {key: value for key, value in config.items() if key != "subset"}
    dataset = build_dataset(cfg, config)
    if not hasattr(dataset, "get_gt_labels"):
        raise UserError(f"{type(dataset).__name__} does not tell its labels (get_gt_labels)")
    return dataset.get_gt_labels(), (dataset.metainfo or {}).get("classes")


def _print_table(labels: Any, indices: Any, classes: Any) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    have, used = np.bincount(labels), np.bincount(labels[indices], minlength=labels.max() + 1)
    present = np.flatnonzero(have)
    table = Table("class", show_footer=True)
    table.columns[0].footer = f"{len(present)} classes"
    for name, counts in (("images", have), ("used", used)):
        table.add_column(name, justify="right", footer=f"{counts.sum():,}")
    for number in present[:_ROWS]:
        name = f"{number}" if classes is None else f"{number} {classes[number]}"
        table.add_row(name, f"{have[number]:,}", f"{used[number]:,}")
    rest = present[_ROWS:]
    if len(rest):
        ranges = (f"{c[rest].min():,} to {c[rest].max():,}" for c in (have, used))
        table.add_row(f"{len(rest)} more, each", *ranges)
    Console().print(table)
