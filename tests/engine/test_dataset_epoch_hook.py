"""Datasets that draw by epoch hear of it before their workers start."""

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from dmmix.engine import DmmixRunner

pytestmark = pytest.mark.openmmlab


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 1)
        self.seen = []

    def forward(self, inputs, mode="tensor"):
        self.seen += torch.stack(inputs).flatten().tolist()
        return {"loss": self.fc(torch.stack(inputs)).square().mean()}


class Epochs(torch.utils.data.Dataset):
    """Its samples are the epoch that it was told of."""

    epoch = -1

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"inputs": torch.tensor([float(self.epoch)])}


def runner(work_dir, **loader):
    return DmmixRunner(
        Toy(),
        str(work_dir),
        train_dataloader={
            "dataset": Epochs(),
            "batch_size": 2,
            "sampler": {"type": "DefaultSampler"},
            **loader,
        },
        train_cfg={"by_epoch": True, "max_epochs": 3},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        randomness={"seed": 0},
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_each_epoch_is_told_to_the_dataset_of_the_workers(tmp_path, workers):
    run = runner(tmp_path, num_workers=workers)
    run.train()
    assert run.model.seen == [0, 0, 1, 1, 2, 2]
