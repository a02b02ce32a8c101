"""``dmmix test CHECKPOINT --data``: the config out of a checkpoint, and other images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dmmix.cli.own_data import find_data, put_files
from dmmix.configuration.errors import UserError
from dmmix.configuration.file_dataset import file_dataset

#: What a test needs of the config that a training has left.
_KEPT = (
    *("default_scope", "model", "data_preprocessor", "test_dataloader", "test_evaluator"),
    *("test_cfg", "default_hooks", "step", "env_cfg", "log_level"),
)


def config_of(checkpoint: str) -> Any:
    """The config in a checkpoint, read as data; without what says that other files are opened."""
    from mmengine.config import Config

    from dmmix.compat import CheckpointError
    from dmmix.engine.predictor import read_trained

    try:
        _, config = read_trained(checkpoint)
    except CheckpointError as error:
        raise UserError(f"{error}; or say of which config, dmmix test CONFIG CHECKPOINT") from error
    cfg = Config({key: config[key] for key in _KEPT if config.get(key) is not None})
    cfg.work_dir = str(Path("work_dirs") / Path(checkpoint).resolve().parent.name / "test")
    return cfg


def test_on(cfg: Any, where: list[str], of: str) -> None:
    """Tests on the part ``test`` of these images, or else on ``val``, or on all that there are.

    Raises:
        UserError: no such images; a config whose images are not files.
    """
    loader = cfg.get("test_dataloader")
    if loader is None or file_dataset(loader.dataset) is None:
        raise UserError(f"--data goes with configs whose images are files; {of} has others")
    data = find_data(where)
    part = "test" if data.test else "val" if data.val else "train"
    source = dict(type="OwnImages", data=[str(Path(path).expanduser().resolve()) for path in where])
    put_files(loader.dataset, source, part, test_mode=True)
    found = getattr(data, part)
    print(f"{found.images:,} images, of the part {part}: {found.where}", file=sys.stderr)
