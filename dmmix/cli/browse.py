"""Draws what each mixing method makes of a config's data.

    dmmix browse CONFIG --out sheet.png

One row a method: mixed images under their classes and shares, and below each the mask that says
which image is where. Methods that ask the model ask the one of the config.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmmix.cli.options import check_checkpoint, config_options
from dmmix.cli.running import build_dataset, config_scope, reported_errors
from dmmix.configuration.errors import UserError
from dmmix.configuration.reading import read_config
from dmmix.suggestions import suggestion_or_all


def main() -> None:
    parser = config_options("Draw what each mixing method makes of a config's data")
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/mixups.png"), help="PNG file to write"
    )
    parser.add_argument("--num", type=int, default=8, help="how many images")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of images and the mixes")
    parser.add_argument(
        "--methods", nargs="+", metavar="NAME", help="some methods only, such as CutMix FMix"
    )
    parser.add_argument(
        "--checkpoint", help="weights of the model that guided methods ask; else it is untrained"
    )
    args = parser.parse_args()

    with reported_errors(args.traceback), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        _check(args)
        print(_draw(args))


def _check(args: Any) -> None:
    if args.out.suffix.lower() != ".png":
        raise UserError(f"--out must end in .png, got {args.out}")
    if args.num < 2:
        raise UserError(f"--num must be at least 2, so that there is a partner, got {args.num}")
    if not 0 <= args.seed < 2**32:  # what NumPy takes
        raise UserError(f"--seed must be 0 or more and below 2**32, got {args.seed}")


def _draw(args: Any) -> str:
    """Draws the sheet; what to tell the user."""
    cfg = read_config(args.config, args.cfg_options)
    if args.checkpoint is not None:
        check_checkpoint(args.checkpoint)
    if (cfg.get("train_dataloader") or {}).get("dataset") is None:
        raise UserError(f"{args.config}: no train_dataloader.dataset to take images from")

    from mmengine.logging import MMLogger
    from mmengine.runner import set_random_seed

    from dmmix.models import ClassifierGuide
    from dmmix.visualization import draw_gallery
    from dmmix.visualization.sheet import mix_by_all

    mixes = _choose(args.methods)
    set_random_seed(args.seed)  # the pipeline draws from the global sources
    MMLogger.get_current_instance().setLevel("WARNING")  # else it tells of each weight
    with config_scope(cfg):
        dataset = build_dataset(cfg, cfg.train_dataloader.dataset)
        samples, labels = _samples(dataset, args.num, args.seed)
        model = _model(cfg, args.checkpoint)
        images = model.data_preprocessor({"inputs": samples}, training=False)["inputs"]
        sheet = mix_by_all(
            mixes, images, labels, ClassifierGuide(model), args.seed, skip_errors=not args.methods
        )
    notes = list(sheet.notes)
    if sheet.asked and args.checkpoint is None:
        notes.insert(0, "Guided methods ask the untrained network of the config (no --checkpoint).")
    draw_gallery(
        args.out,
        _denormalised(images, model.data_preprocessor),
        [
            (n, m._replace(images=_denormalised(m.images, model.data_preprocessor)))
            for n, m in sheet.rows
        ],
        _class_names(dataset, model, labels),
        f"{Path(args.config).stem}: what the network is given, and its labels",
        labels=labels,
        masks=True,
        notes=notes,
    )
    return "\n".join([*notes, f"{len(sheet.rows)} methods drawn: {args.out}"])


def _choose(names: Sequence[str] | None) -> dict[str, Any]:
    """The mixes of these names, or all of them."""
    from dmmix.visualization.sheet import registered_mixes

    known = registered_mixes()
    for name in names or ():
        if name not in known:
            hint = suggestion_or_all(name, known, most=1)
            raise UserError(f"--methods: no method {name!r}{hint}")
    return {name: known[name] for name in names} if names else known


def _samples(dataset: Any, number: int, seed: int) -> tuple[list, Any]:
    """Images as the pipeline packs them, and their classes: as many different ones as there are."""
    import torch

    if len(dataset) < number:
        raise UserError(f"--num {number}: the training data has only {len(dataset)} images")
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed)).tolist()
    # In rounds: first one image of each class, then a second of each.
    rounds: dict[int, int] = {}
    ranked = []
    for place, row in enumerate(order):
        label = dataset.get_cat_ids(row)[0]
        rounds[label] = rounds.get(label, 0) + 1
        ranked.append((rounds[label], place, row, label))
    chosen = sorted(ranked)[:number]
    samples = [dataset[row]["inputs"] for _, _, row, _ in chosen]
    return samples, torch.tensor([label for *_, label in chosen])


def _model(cfg: Any, checkpoint: str | None) -> Any:
    from mmengine.runner import load_checkpoint
    from mmpretrain.models import ImageClassifier

    from dmmix.registry import MODELS

    if cfg.get("data_preprocessor") is not None:
        cfg.model.setdefault("data_preprocessor", cfg.data_preprocessor)
    model = MODELS.build(cfg.model)
    if not isinstance(model, ImageClassifier):
        raise UserError(f"model.type={cfg.model.type!r} is no image classifier")
    if checkpoint is None:
        model.init_weights()
    else:
        load_checkpoint(model, checkpoint, map_location="cpu", strict=True)
    return model


def _denormalised(images: Any, preprocessor: Any) -> Any:
    """In [0, 1], as :func:`dmmix.visualization.draw_gallery` takes them."""
    images = images.float()
    if getattr(preprocessor, "_enable_normalize", False):
        images = images * preprocessor.std + preprocessor.mean
    return images / 255


def _class_names(dataset: Any, model: Any, labels: Any) -> list[str]:
    names = dataset.metainfo.get("classes")
    if names:
        return [str(name) for name in names]
    return [str(k) for k in range(int(labels.max()) + 1)]
