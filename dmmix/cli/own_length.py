"""How long a training is: by the number of images, by an option, by patience."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from dmmix.configuration.errors import UserError
from dmmix.configuration.file_dataset import file_dataset

if TYPE_CHECKING:
    from dmmix.datasets.own.parts import OwnData

_LEAST_EPOCHS, _MOST_EPOCHS = 20, 300


def set_epochs(cfg: Any, epochs: int) -> None:
    """Trains for so many epochs; schedules that ended with the training end with it again."""
    before = cfg.train_cfg.get("max_epochs")
    if before is None:
        raise UserError("--epochs: this config counts iterations (train_cfg.max_iters)")
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.val_interval = min(cfg.train_cfg.get("val_interval", 1), max(1, epochs // 10))
    schedulers = cfg.get("param_scheduler") or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        for name in ("T_max", "end", "total"):
            if scheduler.get("by_epoch", True) and scheduler.get(name) == before:
                scheduler[name] = epochs


def set_patience(cfg: Any, validations: int) -> None:
    """Stops where the metric that chooses the best checkpoint has not grown for so long."""
    saving = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    best = saving.get("save_best")
    if not isinstance(best, str) or best == "auto" or cfg.get("val_cfg") is None:
        raise UserError(
            "--patience watches the metric that chooses the best checkpoint, and this config has "
            "none: set default_hooks.checkpoint.save_best, accuracy/top1 for example, and validate"
        )
    stop = dict(type="EarlyStoppingHook", monitor=best, patience=validations, min_delta=1e-6)
    rule = saving.get("rule")
    cfg.custom_hooks = [
        *(cfg.get("custom_hooks") or []),
        {**stop, **({} if rule is None else dict(rule=rule))},
    ]


def set_length(cfg: Any, args: argparse.Namespace, data: OwnData) -> None:
    """Batches that there are images for; and, where nobody asked, so many epochs that the training
    sees as many images as the config says, few or many."""
    loader = cfg.train_dataloader
    if loader.dataset.type == "SemiDataset":
        return
    import numpy as np

    from dmmix.datasets import LabelSubset
    from dmmix.datasets.subsets.strata import strata

    subset, images = file_dataset(loader.dataset).get("subset"), data.train.images
    if subset is not None:
        per_class = np.bincount(strata(data.train.labels))
        images = int(LabelSubset(**subset).counts(per_class).sum())
    loader.batch_size = min(loader.batch_size, images)
    asked = args.epochs is not None or "train_cfg.max_epochs" in dict(args.cfg_options or ())
    if "images_to_see" in cfg and not asked:
        set_epochs(cfg, min(_MOST_EPOCHS, max(_LEAST_EPOCHS, cfg.images_to_see // images)))
