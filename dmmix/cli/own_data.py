"""Puts images of one's own into a config: ``--data FOLDER`` or ``--data LABELS.csv``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmmix.cli.options import positive
from dmmix.cli.own_length import set_length
from dmmix.cli.own_told import VAL_SHARE, held_out_counts, show_found
from dmmix.cli.own_weights import add_freeze_option, add_weights_option
from dmmix.configuration.errors import UserError
from dmmix.configuration.file_dataset import file_dataset

if TYPE_CHECKING:
    from dmmix.datasets.own.parts import OwnData

#: Metrics of images that may have several classes.
_SEVERAL = ("AveragePrecision", "MultiLabelMetric")
#: What launchers say of a process among others.
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
#: Of a dataset of files, what says which images they are.
_WHICH = (
    *("data_root", "data_prefix", "ann_file", "classes", "metainfo", "dataset", "subset"),
    *("num_classes", "extensions", "allow_empty", "with_label"),
)


def add_data_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options about images of one's own, and what the backbone begins with; their group."""
    group = parser.add_argument_group("images of your own")
    group.add_argument(
        "--data",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="a folder for each class, or train, val, test and unlabelled with such folders; or a "
        "file of labels (.csv with a header such as filename,label); several: the images of all",
    )
    group.add_argument(
        "--labels-per-class",
        type=positive,
        metavar="N",
        help="use the labels of N training images of each class alone",
    )
    add_weights_option(group)
    return group


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """:func:`add_data_options`, and how a network is trained on them."""
    group = add_data_options(parser)
    add_freeze_option(group)
    group.add_argument(
        "--cache",
        nargs="?",
        const="memory",
        metavar="DIR",
        help="decode the images once and keep them in memory, or in a file in this folder, which "
        "later runs find again",
    )
    group.add_argument("--epochs", type=positive, metavar="N", help="how long to train")
    group.add_argument(
        "--patience",
        type=positive,
        metavar="N",
        help="stop where N validations in a row were no better than the best before",
    )


def use_data(
    cfg: Any,
    args: argparse.Namespace,
    scratch: str | None = None,
    whole: bool = False,
    tell: bool = True,
) -> None:
    """Makes a config train and test on images of one's own, and tells what was found.

    Classes, their number, the accuracies that make sense, batch and length of training follow from
    the images. Without a validation part a fifth of the training images of each class is one, which
    ``split.json`` in the work dir writes down. A ``whole`` training part keeps the labels of all
    its images, and nothing is said of epochs: for a command that sees to both itself.

    Raises:
        UserError: no such folder; a config whose images are not files, or have one class alone
            where these have several.
    """
    if args.data is None:
        if args.labels_per_class is not None and not whole:
            raise UserError("--labels-per-class goes with --data FOLDER")
        _check_root(cfg)
        _set_cache(cfg, args, scratch is None)
        return
    loaders = [cfg.get(f"{split}_dataloader") for split in ("train", "val", "test")]
    if loaders[0] is None or file_dataset(loaders[0].dataset) is None:
        raise UserError(
            f"--data goes with configs whose images are files, such as own/resnet18_cutmix_dm; "
            f"{args.config} has others"
        )
    cfg.pop("data_root", None)  # the base's, which nothing reads any more
    data = find_data(args.data)
    several = takes_several(cfg)
    if data.train.multi_label and not several:
        raise UserError(
            f"{data.train.where}: images have several labels, and {args.config} is for one label "
            "an image: take own/resnet18_64_cutmix_dm_bce"
        )
    _set_classes(cfg, len(data.train.classes))
    if data.val is None and not held_out_counts(data).any():
        raise UserError(
            f"{data.train.where}: no class has three images, so that none can be held out to "
            "choose the best checkpoint by: add images, or a folder val"
        )
    split = None if data.val else _held_out(Path(scratch or cfg.work_dir))
    where = [str(Path(path).expanduser().resolve()) for path in args.data]
    source = dict(type="OwnImages", data=where, **({"multi_label": True} if several else {}))
    _set_train(cfg.train_dataloader, source, data, split, None if whole else args.labels_per_class)
    for name, part in (("val", "val"), ("test", "test" if data.test else "val")):
        loader = cfg.get(f"{name}_dataloader")
        if loader is not None:
            there = getattr(data, part) is not None
            held = None if there else {**(split or {}), "rest": True}
            put_files(loader.dataset, source, part if there else "train", held, test_mode=True)
    if not whole:
        _set_cache(cfg, args, scratch is None)
        set_length(cfg, args, data)
    if not tell:
        return
    if args.launcher == "none" or "0" in (os.environ.get(name) for name in _RANKS):
        show_found(data, None if whole else cfg.train_cfg.get("max_epochs"))


def _check_root(cfg: Any) -> None:
    """A config of a folder of classes says which, or the command does."""
    root = cfg.get("data_root")
    files = file_dataset((cfg.get("train_dataloader") or {}).get("dataset"))
    if files is None or files.get("type") != "DecodedFolder" or files.get("data_root") != root:
        return
    if isinstance(root, str) and "://" not in root and not Path(root).expanduser().is_dir():
        raise UserError(
            f"there is no folder {root}: say with --data FOLDER where the images are, or set "
            "data_root in a config of your own"
        )


def find_data(where: list[str]) -> OwnData:
    """The parts of folders and files of labels; what is wrong with them is a UserError."""
    from dmmix.datasets.own.parts import find_parts

    try:
        return find_parts(where)
    except PermissionError as error:
        raise UserError(
            f"{error.filename} may not be read by you: change that (chmod), or leave it out"
        ) from error
    except (FileNotFoundError, ValueError) as error:
        raise UserError(str(error)) from error


def takes_several(cfg: Any) -> bool:
    """Whether the config is for images of several classes, by what it is tested with."""
    evaluators = _listed(cfg.get("val_evaluator"))
    return any(str(each.get("type")) in _SEVERAL for each in evaluators)


def put_files(
    dataset: Any, source: dict, split: str, subset: dict | None = None, test_mode: bool = False
) -> None:
    """Other images for the dataset of a loader; how they are cropped stays."""
    files = file_dataset(dataset)
    for name in _WHICH:
        files.pop(name, None)
    files.update(type="DecodedImages", dataset={**source, "split": split}, test_mode=test_mode)
    if subset is not None:
        files.subset = subset
    if not test_mode:  # a photograph that cannot be read is told and does not end a training
        files.setdefault("corrupt", "skip")


def _set_cache(cfg: Any, args: argparse.Namespace, keeps: bool) -> None:
    """Of what is read more than once: training and validation; nothing ``keeps`` in a dry run."""
    if args.cache is None:
        return
    from dmmix.datasets.images.image_cache import check_cache

    loaders = [cfg.get(f"{split}_dataloader") or {} for split in ("train", "val")]
    datasets = [loader.get("dataset") for loader in loaders]
    files = [file_dataset(dataset) for dataset in datasets]
    if files[0] is None:
        raise UserError(
            f"--cache goes with configs whose images are files, such as own/resnet18_cutmix_dm; "
            f"{args.config} has others"
        )
    try:
        cache = check_cache(args.cache, None)
    except ValueError as error:
        raise UserError(f"--cache {args.cache}: {error}") from error
    files.append(file_dataset((datasets[0] or {}).get("unlabelled")))
    for dataset in files:
        if dataset is not None and keeps:
            dataset.cache = cache


def _held_out(work_dir: Path) -> dict[str, Any]:
    work_dir.mkdir(parents=True, exist_ok=True)
    return dict(label_fraction=1 - VAL_SHARE, seed=0, file=str(work_dir.resolve() / "split.json"))


def _set_train(
    loader: Any, source: dict, data: OwnData, split: dict | None, per_class: int | None
) -> None:
    wrapper = loader.dataset
    few = None if per_class is None else dict(labels_per_class=per_class, seed=0)
    if wrapper.type != "SemiDataset":
        if few and split:
            raise UserError("--labels-per-class needs a folder val, to choose by")
        put_files(wrapper, source, "train", few or split)
        return
    put_files(wrapper, source, "train", split)
    if data.unlabelled is None and few is None and wrapper.get("unlabelled", "all") != "all":
        raise UserError(
            f"{data.train.where} has labels and there is no folder unlabelled beside it: this "
            "config learns from images without labels too; put some there, or take "
            "--labels-per-class N, which hides the other labels"
        )
    wrapper.subset = few or dict(label_fraction=1.0)
    if data.unlabelled is not None:
        like = file_dataset(wrapper).copy()
        like.pop("subset", None)
        like.dataset = {**source, "split": "unlabelled"}
        wrapper.unlabelled = like


def _set_classes(cfg: Any, number: int) -> None:
    cfg.model.head.num_classes = number
    for place in (cfg, cfg.get("data_preprocessor"), cfg.model.get("data_preprocessor")):
        if place is not None and "num_classes" in place:
            place.num_classes = number
    for name in ("val_evaluator", "test_evaluator"):
        for evaluator in _listed(cfg.get(name)):
            if "topk" in evaluator:
                topk = [k for k in _listed(evaluator.topk) if k < number]
                evaluator.topk = tuple(topk) or (1,)


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list | tuple) else [] if value is None else [value]
