"""Two streams in a loader and in a runner: workers, epochs, resumed runs."""

import uuid

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch import nn

from dmmix.datasets import BatchLoader
from dmmix.engine import DmmixRunner
from dmmix.models.semi import SemiDataPreprocessor
from tests.datasets.semi.small import photos

pytestmark = pytest.mark.openmmlab

MEMORY = dict(type="InMemory", dataset=dict(type="Digits", split="train", labels_per_class=5))


@pytest.fixture(params=["memory", "files"])
def dataset(request, tmp_path):
    if request.param == "memory":
        return MEMORY
    root = photos(tmp_path / "photos", count=3, size=24)
    return dict(type="DecodedFolder", data_root=root, size=8, scale=(0.2, 0.4), seed=3)


def loader_config(dataset=MEMORY, subset=dict(labels_per_class=1), **options):  # noqa: B006
    return dict(
        batch_size=3,
        num_workers=0,
        dataset=dict(type="SemiDataset", dataset=dataset, subset=subset),
        sampler=dict(type="MultiSourceSampler"),
        batch_sampler=dict(type="MultiSourceBatchSampler", mu=2, batches=3),
        collate_fn=dict(type="whole_batch"),
        **options,
    )


def built(config, seed=5):
    init_default_scope("dmmix")
    return DmmixRunner.build_dataloader(config, seed=seed)


def epochs(loader, count=3):
    batches = []
    for epoch in range(count):
        loader.batch_sampler.sampler.set_epoch(epoch)
        batches += list(loader)
    return batches


def assert_same(found, expected):
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys() == {"labelled", "unlabelled"}
        for name, stream in ours.items():
            assert stream.keys() == theirs[name].keys()
            assert all(torch.equal(value, theirs[name][key]) for key, value in stream.items())


@pytest.mark.parametrize(
    "options", [dict(num_workers=1), dict(num_workers=2, persistent_workers=True)]
)
def test_workers_change_nothing(dataset, options):
    expected = built(loader_config(dataset))
    assert isinstance(expected, BatchLoader)
    assert len(expected) == 3
    found = built({**loader_config(dataset), **options})
    expected = epochs(expected)
    assert_same(epochs(found), expected)
    for batch in expected:
        assert len(batch["labelled"]["labels"]) == 3
        assert len(batch["unlabelled"]["index"]) == 6
    if dataset is not MEMORY:  # each image six times or more, each time another crop
        crops = [image for b in expected for s in b.values() for image in s["inputs"]]
        assert len({image.numpy().tobytes() for image in crops}) == len(crops) == 9 * 9


def test_the_seed_of_the_run():
    first, same, other = (epochs(built(loader_config(), seed), 1) for seed in (5, 5, 6))
    assert_same(first, same)
    with pytest.raises(AssertionError):
        assert_same(first, other)


class StandIn(BaseModel):
    """Learns from both streams, and notes which images it saw."""

    def __init__(self, channels=1):
        views = {kind: ("unlabelled", kind) for kind in ("weak", "strong")}
        crop = dict(type="BatchRandomCrop", crop_size=8, padding=2)
        super().__init__(
            SemiDataPreprocessor(
                mean=[100.0] * channels,
                std=[80.0] * channels,
                weak_transforms=[crop],
                strong_transforms=[crop, dict(type="BatchRandAugment", policies="fixmatch")],
                views={"labelled": ("labelled", "weak"), **views},
            )
        )
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(channels * 64, 10))
        self.seen = []

    def forward(self, inputs, labels, index, mode):
        assert mode == "loss"
        self.seen.append(index.tolist())
        weak, strong = self.net(inputs["weak"]), self.net(inputs["strong"])
        known = nn.functional.cross_entropy(self.net(inputs["labelled"]), labels)
        return {"loss": known, "loss_unlabelled": (weak - strong).square().mean()}


def run(work_dir, loader, channels=1, train_cfg=None, checkpoint=None, **options):
    runner = DmmixRunner(
        StandIn(channels),
        str(work_dir),
        train_dataloader=loader,
        train_cfg=train_cfg or dict(by_epoch=True, max_epochs=3),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01, momentum=0.9)),
        default_scope="dmmix",
        randomness=dict(seed=2),
        default_hooks=dict(checkpoint=checkpoint or dict(type="CheckpointHook", interval=1)),
        experiment_name=uuid.uuid4().hex,
        log_level="ERROR",
        **options,
    )
    runner.train()
    return runner.model


def test_a_resumed_run_sees_what_it_would_have_seen(tmp_path, dataset, fresh_mmengine):
    channels = 1 if dataset is MEMORY else 3
    loader = loader_config(dataset)
    whole = run(tmp_path / "a", loader, channels)
    assert len(whole.seen) == 9
    fresh_mmengine()
    first = run(tmp_path / "b", loader, channels, dict(by_epoch=True, max_epochs=1))
    assert first.seen == whole.seen[:3]
    for workers in (0, 2):  # the second time from the second epoch
        fresh_mmengine()
        changed = {**loader, "num_workers": workers}
        until = dict(by_epoch=True, max_epochs=2 + workers // 2)
        last = run(tmp_path / "b", changed, channels, until, resume=True)
    assert last.seen == whole.seen[6:]
    assert all(map(torch.equal, last.state_dict().values(), whole.state_dict().values()))


def test_an_iteration_based_loop(tmp_path, monkeypatch, fresh_mmengine):
    """It takes the same batches, and goes on with the right one."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # mmengine's, between two epochs
    whole = run(tmp_path / "a", loader_config())
    fresh_mmengine()
    every = dict(type="CheckpointHook", interval=5, by_epoch=False)
    loop = dict(by_epoch=False, max_iters=5)
    first = run(tmp_path / "b", loader_config(), train_cfg=loop, checkpoint=every)
    fresh_mmengine()
    loop["max_iters"] = 9
    last = run(tmp_path / "b", loader_config(), train_cfg=loop, checkpoint=every, resume=True)
    assert first.seen + last.seen == whole.seen
    assert all(map(torch.equal, last.state_dict().values(), whole.state_dict().values()))


def test_without_a_batch_sampler(tmp_path):
    loader = {k: v for k, v in loader_config().items() if k != "batch_sampler"}
    with pytest.raises(TypeError, match=r"add batch_sampler=dict\(type='MultiSourceBatchSampler'"):
        run(tmp_path, loader)
