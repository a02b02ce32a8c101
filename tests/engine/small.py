"""What tests of runs share: networks and data of a few numbers, and runners of them."""

import uuid
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from dmmix.engine import DmmixRunner, leave_processes
from tests.fresh import forget_mmengine
from tests.machine import FASTEST_START

BACKBONE = {
    "type": "ResNet_CIFAR", "depth": 18, "in_channels": 1, "stem_channels": 4, "base_channels": 4,
    "num_stages": 2, "strides": (1, 2), "dilations": (1, 1), "out_indices": (1,),
}  # fmt: skip


class Net(BaseModel):
    """A layer, whose output is its loss."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(2, 2)

    def forward(self, inputs, mode="tensor"):
        return {"loss": self.fc(torch.stack(inputs)).square().mean()}


class Numbers(torch.utils.data.Dataset):
    def __init__(self, length=4):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return {"inputs": torch.full((2,), index / self.length)}


def toy_runner(
    work_dir,
    model=None,
    dataset=None,
    *,
    epochs=2,
    loader=None,
    hooks=None,
    kind=DmmixRunner,
    **more,
):
    """A runner of modules instead of a config; ``hooks`` are default hooks."""
    settings = {
        "train_cfg": {"by_epoch": True, "max_epochs": epochs},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        "param_scheduler": {"type": "ConstantLR"},
        "randomness": {"seed": 0},
        **more,
    }
    forget_mmengine()
    data = {"batch_size": 2, "num_workers": 0}
    sampler = {"sampler": {"type": "DefaultSampler", "shuffle": True}}
    return kind(
        model or Net(),
        str(work_dir),
        train_dataloader={"dataset": dataset or Numbers(), **data, **sampler, **(loader or {})},
        default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1}, **(hooks or {})},
        experiment_name=uuid.uuid4().hex,
        **settings,
    )


def model(mixup=None, channels=1, classes=10, **options):
    """The config of a network of two stages."""
    return {
        "type": "MixupClassifier",
        "backbone": {**BACKBONE, "in_channels": channels},
        "neck": {"type": "GlobalAveragePooling"},
        "head": {
            "type": "DMLinearClsHead",
            "num_classes": classes,
            "in_channels": 8,
            "loss": {"type": "DecoupledMixupLoss", "eta": 0.1},
        },
        "mixup": mixup,
        **options,
    }


def loader(dataset, size, shuffle=True, **options):
    return {
        "batch_size": size,
        "num_workers": 0,
        "dataset": dataset,
        "sampler": {"type": "DefaultSampler", "shuffle": shuffle},
        "collate_fn": {"type": "default_collate"},
        **options,
    }


def digits(**options):
    return {"type": "Digits", "pipeline": [{"type": "PackLabels"}], **options}


#: What a runner needs to be validated.
VALIDATED = {
    "val_dataloader": loader(digits(split="test"), 450, shuffle=False),
    "val_evaluator": {"type": "Accuracy"},
    "val_cfg": {},
}


def runner(work_dir, step, options=None, **settings):
    """Of a config: three batches of digits, mixed, an epoch; ``options`` are merged into it."""
    cfg = {
        "work_dir": str(work_dir),
        "default_scope": "dmmix",
        "model": model({"type": "CutMix", "alpha": 1.0}),
        "data_preprocessor": {"type": "MixupDataPreprocessor", "mean": [78.0], "std": [96.0]},
        "train_dataloader": loader(digits(labels_per_class=6), 20),
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}},
        "train_cfg": {"by_epoch": True, "max_epochs": 1},
        "default_hooks": {"checkpoint": None},
        "experiment_name": uuid.uuid4().hex,
        "randomness": {"seed": 0},
        "log_level": "WARNING",
        "step": step,
    }
    cfg = Config({**cfg, **settings})
    cfg.merge_from_dict(options or {})
    forget_mmengine()
    return DmmixRunner.from_cfg(cfg)


def short(config, work_dir, epochs, workers):
    """A recipe of the digits with a smaller network, not validated, at one learning rate."""
    cfg = Config.fromfile(config)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = uuid.uuid4().hex
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_cfg = {"by_epoch": True, "max_epochs": epochs}
    cfg.param_scheduler = {"type": "ConstantLR", "factor": 1.0}
    cfg.default_hooks.checkpoint = {"type": "CheckpointHook", "interval": 1}
    cfg.log_level = "WARNING"
    cfg.train_dataloader.num_workers = workers
    cfg.model.backbone.update(stem_channels=4, base_channels=4)
    cfg.model.head.in_channels = 16
    return cfg


def trained(cfg, hook=None):
    forget_mmengine()
    run = DmmixRunner.from_cfg(cfg)
    if hook is not None:
        run.register_hook(hook)
    run.train()
    return run


def losses(run):
    run.train()
    return torch.tensor(run.message_hub.get_scalar("train/loss").data[0])


def log_of(run):
    return (Path(run.log_dir) / f"{run.timestamp}.log").read_text(encoding="utf-8")


class Stop(Exception):
    """Of a run that ends here."""


class StopAt(Hook):
    """Ends it before an iteration, counted from 0."""

    priority = "LOWEST"

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise Stop


def differing(first, second, where=""):
    """Where two nests of tensors and plain data are not the same, bit for bit."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return [] if torch.equal(first, second) else [where]
    if isinstance(first, list | tuple) and type(first) is type(second):
        first, second = dict(enumerate(first)), dict(enumerate(second))
    if isinstance(first, dict) and isinstance(second, dict):
        if first.keys() != second.keys():
            return [f"{where}: {sorted(map(str, first.keys() ^ second.keys()))} in one of them"]
        return [d for key in first for d in differing(first[key], second[key], f"{where}/{key}")]
    return [] if first == second else [f"{where}: {first} {second}"]


def in_two_processes(function, folder):
    """What ``function(rank, folder)`` returns in each of two processes that know each other."""
    torch.multiprocessing.start_processes(
        _one_of_two, args=(function, str(folder)), nprocs=2, start_method=FASTEST_START
    )
    return [torch.load(f"{folder}/rank{rank}.pt") for rank in (0, 1)]


def _one_of_two(rank, function, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    torch.save(function(rank, folder), f"{folder}/rank{rank}.pt")
    leave_processes()
