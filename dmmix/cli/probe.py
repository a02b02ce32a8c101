"""Trains a linear classifier on the features of a frozen network: dmmix probe CONFIG."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from dmmix.cli.options import config_options, load_config, positive
from dmmix.cli.own_data import add_data_options, use_data
from dmmix.cli.own_weights import check_begins, use_weights
from dmmix.cli.running import build_dataset, config_scope, reported_errors, starting, stoppable
from dmmix.configuration.errors import UserError
from dmmix.configuration.file_dataset import file_dataset


def main() -> None:
    parser = config_options("Train a linear classifier on the features of a frozen network")
    parser.add_argument(
        "--work-dir", help="where features and checkpoint go; work_dirs/NAME_probe by default"
    )
    add_data_options(parser)
    group = parser.add_argument_group("the classifier")
    group.add_argument(
        "--loss",
        choices=["ce", "mce", "dm"],
        default="dm",
        help="cross entropy; the mixup cross entropy or the decoupled mixup loss of features that "
        "are mixed",
    )
    group.add_argument("--alpha", type=float, metavar="A", help="shares are of Beta(A, A); 1")
    group.add_argument("--mirror", action="store_true", help="train on the mirror images too")
    group.add_argument("--epochs", type=positive, metavar="N", help="how often each is seen")
    group.add_argument("--seed", type=int, default=0, help="of chosen labels, order and mixes")
    parser.set_defaults(launcher="none")
    args = parser.parse_args()
    if args.work_dir is None:
        args.work_dir = str(Path("work_dirs") / f"{Path(args.config).stem}_probe")

    with reported_errors(args.traceback):
        with starting():
            cfg = _config(args)
            training = _training(cfg, args)
            parts, classes = _parts(cfg, args)
            model = _model(cfg)
        with stoppable("the same command goes on with the features that it has"):
            _probe(cfg, args, model, training, parts, classes)


class _Part(NamedTuple):
    files: list[str]
    labels: Any


def _config(args: argparse.Namespace) -> Any:
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed must be 0 or more and below 2**32, got {args.seed}")
    if args.alpha is not None and args.loss == "ce":
        raise UserError("--alpha says how features are mixed, and --loss ce mixes none")
    cfg = load_config(args)
    train, val = ((cfg.get(f"{name}_dataloader") or {}).get("dataset") for name in ("train", "val"))
    found = file_dataset(train) and file_dataset(val)
    if not found or not train or train["type"] == "SemiDataset":
        raise UserError(
            "dmmix probe goes with configs that train and validate on image files with labels, "
            f"such as own/resnet18_finetune_cutmix_dm; {args.config} is another"
        )
    use_weights(cfg, args)
    check_begins(cfg, "a probe")
    use_data(cfg, args, whole=True)
    return cfg


def _training(cfg: Any, args: argparse.Namespace) -> Any:
    from dmmix.engine.probe import HeadTraining
    from dmmix.functional import DecoupledMixupLoss, MixupCrossEntropyLoss
    from dmmix.mixups import Mixup
    from dmmix.registry import MODELS

    loss: Any = MixupCrossEntropyLoss()
    if args.loss == "dm":
        own = cfg.model.head.get("loss") or {}
        if str(own.get("type")).rpartition(".")[2] == "DecoupledMixupLoss":
            with config_scope(cfg):
                loss = MODELS.build(own)
        else:
            loss = DecoupledMixupLoss()
    try:
        mix = None if args.loss == "ce" else Mixup(alpha=1.0 if args.alpha is None else args.alpha)
    except ValueError as error:
        raise UserError(f"--alpha: {error}") from error
    return HeadTraining(loss, mix, args.epochs, seed=args.seed)


def _parts(cfg: Any, args: argparse.Namespace) -> tuple[dict[str, _Part], list[str] | None]:
    """Files and labels of train, val and, where it is another, test; and the classes."""
    from dmmix.datasets import subset_indices
    from dmmix.datasets.interface import class_names, is_multi_label
    from dmmix.datasets.sources.match_classes import match_classes

    parts: dict[str, _Part] = {}
    classes = None
    for name in ("train", "val", "test"):
        loader = cfg.get(f"{name}_dataloader")
        if loader is None:
            continue
        dataset = build_dataset(cfg, file_dataset(loader.dataset))
        if is_multi_label(dataset):
            raise UserError(
                f"a probe is for one label an image, and {args.config} for several: take "
                "own/resnet18_finetune_cutmix_dm"
            )
        if name == "train":
            classes = class_names(dataset)
        match_classes(dataset, classes, f"{name}_dataloader.dataset", "training data")
        files = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
        labels = dataset.get_gt_labels()
        if (labels < 0).any():
            raise UserError(f"{files[int(labels.argmin())]} has no label, and a probe needs it")
        parts[name] = _Part(files, labels)
    if args.labels_per_class is not None:
        files, labels = parts["train"]
        few = dict(labels_per_class=args.labels_per_class, seed=args.seed)
        try:
            rows = subset_indices(labels, few, classes)
        except ValueError as error:
            raise UserError(f"--labels-per-class: {error}") from error
        parts["train"] = _Part([files[row] for row in rows], labels[rows])
    if "test" in parts and parts["test"].files == parts["val"].files:
        del parts["test"]
    return parts, None if classes is None else list(classes)


def _model(cfg: Any) -> Any:
    import torch
    from mmengine.logging import MMLogger

    from dmmix.engine.probe import linear_layer
    from dmmix.registry import MODELS

    Path(cfg.work_dir).mkdir(parents=True, exist_ok=True)
    # Where there is a log file, the stack writes there how each weight was initialised.
    MMLogger.get_instance("probe", log_file=str(Path(cfg.work_dir) / "probe.log"), log_level="INFO")
    model = cfg.model.copy()
    if cfg.get("data_preprocessor"):
        model.setdefault("data_preprocessor", cfg.data_preprocessor)
    with config_scope(cfg):
        network = MODELS.build(model)
    try:
        linear_layer(network.head)
    except ValueError as error:
        raise UserError(str(error)) from error
    network.init_weights()
    network.eval()
    return network.to("cuda" if torch.cuda.is_available() else "cpu")


def _probe(
    cfg: Any,
    args: argparse.Namespace,
    model: Any,
    training: Any,
    parts: dict[str, _Part],
    classes: list[str] | None,
) -> None:
    from mmengine.runner import save_checkpoint

    from dmmix.engine.probe import accuracy, probe

    data = _features(cfg, args, model, parts)
    began = time.perf_counter()
    found = probe(model.head.cpu(), training, data["train"], data["val"])
    for decay, share in found.tried.items():
        print(f"weight decay {decay:g}: {share:.1%} of val right")
    said = f"weight decay {found.decay:g} is the best: val {found.accuracy:.2%}"
    if "test" in data:
        said += f", test {accuracy(found.head, *data['test']):.2%}"
    labels = f"{len(data['train'][1]):,} features"
    print(f"{said} ({args.loss}, {labels}, {time.perf_counter() - began:.0f} s)")
    model.head = found.head
    folder = Path(cfg.work_dir)
    config = _keep_config(cfg, folder)
    file = folder / "probe.pth"
    meta = dict(cfg=cfg.pretty_text, seed=args.seed, dataset_meta=dict(classes=classes))
    save_checkpoint(dict(meta=meta, state_dict=model.cpu().state_dict()), str(file))
    print(f"dmmix predict {file} IMAGES, dmmix test {config} {file}")


def _features(cfg: Any, args: Any, model: Any, parts: dict[str, _Part]) -> dict[str, Any]:
    """Features and labels of each part; those of the training images, if asked, mirrored too."""
    import torch

    from dmmix.engine.features import FrozenNetwork
    from dmmix.engine.predictor import crop_options

    crop = crop_options(cfg)
    assert crop is not None  # its images are files
    about = repr([cfg.model.backbone, cfg.model.get("neck"), cfg.get("data_preprocessor")])
    network = FrozenNetwork(model, crop, about)
    files = list(dict.fromkeys(file for part in parts.values() for file in part.files))
    features = dict(zip(files, _kept(cfg, network, files, "features.npz"), strict=True))
    data = {
        name: (torch.stack([features[file] for file in part.files]), torch.tensor(part.labels))
        for name, part in parts.items()
    }
    if args.mirror:
        network = FrozenNetwork(model, crop, about, mirror=True)
        mirrored = _kept(cfg, network, parts["train"].files, "features_mirror.npz")
        plain, labels = data["train"]
        data["train"] = torch.cat([plain, mirrored]), labels.repeat(2)
    return data


def _kept(cfg: Any, network: Any, files: list[str], name: str) -> Any:
    from rich.console import Console
    from rich.progress import track

    from dmmix.engine.features import kept_features

    def shown(batches: Iterable, total: int) -> Iterable:
        console = Console(stderr=True)
        return track(batches, "features", total=total, console=console, transient=True)

    path, began = Path(cfg.work_dir) / name, time.perf_counter()
    loader = cfg.val_dataloader
    try:
        found, new = kept_features(
            network, files, path, loader.batch_size, loader.get("num_workers", 0), shown
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{error}; what was computed before is kept in {path}") from error
    took = f"{new:,} computed in {time.perf_counter() - began:.0f} s, " if new else ""
    print(f"{len(files):,} features: {took}{len(files) - new:,} were there ({path})")
    sys.stdout.flush()
    return found


def _keep_config(cfg: Any, folder: Path) -> Path:
    """Where the config was written, for ``dmmix test``."""
    from dmmix.engine.resuming.folder import keep_other_config

    path = folder / Path(cfg.filename).name
    keep_other_config(path, cfg.pretty_text)
    cfg.dump(path)
    return path
