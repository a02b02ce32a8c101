"""What holds for every data set: samples, batches, epochs, subsets, workers, copies."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import ConcatDataset, DataLoader, Subset

from dmmix.datasets import set_epoch, subset_indices, unwrap, whole_batch
from dmmix.datasets.interface import class_names, makes_batches, makes_repeats
from dmmix.registry import DATASETS
from tests.datasets.small_data import write_all
from tests.machine import START_METHODS

pytestmark = pytest.mark.openmmlab

N = 12  # samples of each
PACKED = [dict(type="PackLabels")]
ANT = dict(type="DecodedFolder", data_root="photos", size=(16, 20), seed=3)
BIRDS = dict(type="CUB", data_root="cub200", split="train", classes=["a", "b", "c"])
ARRAYS = dict(type="NPZDataset", data_file="data.npz")
XYZ = ["x", "y", "z"]
TINY = dict(type="TinyImageNet", data_root="tiny_imagenet", metainfo=dict(classes=XYZ))
MEMORY = dict(type="InMemory", dataset=TINY)
LARGE = dict(ANT, size=64, classes=XYZ)
DIGITS = dict(type="Digits", labels_per_class=2, indices=N)
CIFAR = dict(type="CIFAR10", data_root="cifar10", checksums=False, indices=N)

#: As configs: files are cropped at random, or in the middle; arrays read, mapped or decoded.
SOURCES = {
    "folder": ANT,
    "folder, testing": dict(ANT, test_mode=True),
    "folder, skipping": dict(ANT, corrupt="skip"),
    "files": dict(type="DecodedImages", dataset=BIRDS, size=16, seed=3),
    "npz, read": dict(ARRAYS, mmap=False, pipeline=PACKED),
    "npz, mapped": dict(ARRAYS, mmap=True, pipeline=PACKED),
    "digits": dict(DIGITS, pipeline=PACKED),
    "cifar": dict(CIFAR, pipeline=PACKED),
    "in memory, read": dict(type="InMemory", dataset=dict(ARRAYS, mmap=False)),
    "in memory, mapped": dict(type="InMemory", dataset=dict(ARRAYS, mmap=True)),
    "in memory, tiny": MEMORY,
    "in memory, digits": dict(type="InMemory", dataset=DIGITS),
    "in memory, cifar": dict(type="InMemory", dataset=CIFAR),
}
WRAPPED = {
    "folder, again": lambda: Subset(build(ANT), [*range(6)] * 2),
    "folder and memory": lambda: ConcatDataset(
        [half(dict(ANT, size=64, classes=XYZ)), half(MEMORY)]
    ),
    "in memory, twice": lambda: ConcatDataset([half(SOURCES["in memory, read"])] * 2),
}
#: Those that take ``subset``, with samples of all classes.
SUBSETS = ["folder", "folder, testing", "files"]
SUBSETS += ["in memory, read", "in memory, mapped", "in memory, tiny"]
every = pytest.mark.parametrize("name", [*SOURCES, *WRAPPED])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def here(data, monkeypatch):
    monkeypatch.chdir(data)
    init_default_scope("dmmix")


def build(config, **options):
    return DATASETS.build({**config, **options})


def half(config):
    return Subset(build(config), range(6))


def make(name):
    return build(SOURCES[name]) if name in SOURCES else unwrap(WRAPPED[name]())


def everything(dataset, index=range(N)):
    samples = [dataset[i] for i in index]
    return torch.stack([s["inputs"] for s in samples]), torch.stack([s["labels"] for s in samples])


def same(dataset, other, index=range(N), there=range(N)):
    """The first has at ``index`` what the other has ``there``."""
    return all(map(torch.equal, everything(dataset, index), everything(other, there)))


def loaded(dataset, **options):
    collate = whole_batch if makes_batches(dataset) else None
    return DataLoader(dataset, batch_size=5, collate_fn=collate, **options)


def joined(loader):
    batches = list(loader)
    assert [len(batch["labels"]) for batch in batches] == [5, 5, 2]
    return [torch.cat([batch[key] for batch in batches]) for key in ("inputs", "labels")]


@every
def test_samples(name):
    dataset = make(name)
    images, labels = everything(dataset)
    assert len(dataset) == N
    assert sorted(dataset[0]) == ["inputs", "labels"]
    assert (images.dtype, images.ndim) == (torch.uint8, 4)
    assert (labels.dtype, labels.ndim) == (torch.int64, 1)
    assert images.shape[1] in (1, 3)
    assert len(images.flatten(1).unique(dim=0)) >= 6  # the images differ
    assert dataset.get_gt_labels().tolist() == labels.tolist()
    assert [dataset.get_cat_ids(i) for i in range(N)] == [[label] for label in labels.tolist()]
    back = 1 if name in ("digits", "cifar") else N  # mmengine's do not go back to the first
    assert torch.equal(dataset[-back]["inputs"], images[-back])
    assert dataset[np.int64(N - 1)]["labels"] == labels[-1]
    with pytest.raises(IndexError, match="is out of"):
        dataset[-N - 1]
    if not makes_repeats(dataset):
        with pytest.raises(IndexError, match="12 is out of"):
            dataset[N]


@every
def test_classes(name):
    dataset = make(name)
    names = class_names(dataset)
    assert len(names) > max(dataset.get_gt_labels())
    assert tuple(dataset.CLASSES) == tuple(dataset.metainfo["classes"]) == names
    dataset.metainfo["classes"] = ()
    assert class_names(dataset) == names


@every
def test_a_batch_is_its_samples(name):
    dataset = make(name)
    rows = [5, 0, 11, 5, -2]
    for index in (rows, [3], [], torch.tensor(rows), np.array(rows), torch.tensor(rows).int()):
        if not hasattr(dataset, "__getitems__"):
            break
        batch = dataset.__getitems__(index)
        if not makes_batches(dataset):
            assert len(batch) == len(index)
            continue
        assert len(batch["inputs"]) == len(batch["labels"]) == len(index)
        assert not len(index) or batch["inputs"].is_contiguous(memory_format=torch.channels_last)
        for k, i in enumerate(index):
            assert torch.equal(batch["inputs"][k], dataset[int(i)]["inputs"])
            assert batch["labels"][k] == dataset[int(i)]["labels"]


@every
def test_writing_into_what_it_gave_leaves_the_data_alone(name):
    dataset = make(name)
    before = everything(dataset)
    dataset[1]["inputs"].zero_()
    if makes_batches(dataset):
        dataset.__getitems__([1, 2])["inputs"].zero_()
    assert all(map(torch.equal, everything(dataset), before))


@every
def test_seed_epoch_and_index_decide(name):
    """Nothing else does, and the random states of the process are not moved."""
    dataset = make(name)
    first = everything(dataset)
    random = makes_repeats(dataset) and "testing" not in name
    np.random.seed(1)
    torch.manual_seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert torch.equal(everything(dataset, [6, 0])[0], first[0][[6, 0]])
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert set_epoch(dataset, 1) == hasattr(dataset, "set_epoch")
    second, resumed = everything(dataset), make(name)
    set_epoch(resumed, 1)
    assert torch.equal(second[1], first[1])
    assert same(resumed, dataset)
    assert torch.equal(second[0], first[0]) != random
    if random:
        other = build(SOURCES.get(name, ANT), seed=4)
        assert not torch.equal(everything(other)[0], first[0])
        assert not torch.equal(everything(other)[0], second[0])  # not a sum of seed and epoch
        again = everything(dataset, range(N, 2 * N))
        assert torch.equal(again[1], second[1])
        assert not torch.equal(again[0], second[0])
        assert not torch.equal(everything(dataset, range(2 * N, 3 * N))[0], again[0])


@every
@pytest.mark.parametrize("options", [dict(), dict(persistent_workers=True, num_workers=1)])
def test_loaders_make_the_same_batches(name, options):
    """In every epoch, also where workers outlive it."""
    dataset, fresh = make(name), make(name)
    loader = loaded(dataset, **options)
    for epoch in (0, 3):
        set_epoch(dataset, epoch)
        set_epoch(fresh, epoch)
        assert all(map(torch.equal, joined(loader), everything(fresh)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "npz, mapped", "in memory, read", "folder, again"])
@pytest.mark.parametrize("context", START_METHODS)
def test_workers_started_in_any_way(name, context):
    dataset = make(name)
    set_epoch(dataset, 3)
    loader = loaded(dataset, num_workers=1, multiprocessing_context=context)
    assert all(map(torch.equal, joined(loader), everything(dataset)))


@every
def test_copies_are_the_same(name):
    dataset = make(name)
    set_epoch(dataset, 2)
    for copied in (lambda: pickle.loads(pickle.dumps(dataset)), lambda: copy.deepcopy(dataset)):
        set_epoch(dataset, 2)
        other = copied()
        assert same(other, dataset)
        set_epoch(other, 5)
        set_epoch(dataset, 5)
        assert same(other, dataset)
    assert repr(other) == repr(dataset)


@every
def test_a_part(name):
    whole = make(name)
    part = whole.get_subset([5, 1, 8])
    set_epoch(whole, 4)  # which both know
    assert same(part, whole, range(3), [5, 1, 8])
    assert part.get_gt_labels().tolist() == whole.get_gt_labels()[[5, 1, 8]].tolist()
    assert part.get_cat_ids(1) == whole.get_cat_ids(1)
    assert same(part.get_subset([2]), whole, [0], [8])
    assert same(whole.get_subset(3), whole, range(3), range(3))
    assert same(whole.get_subset(-3), whole, range(3), range(9, 12))
    if makes_repeats(whole):
        assert same(part, whole, [3, 7], [N + 5, 2 * N + 1])
    assert len(whole) == N
    assert joined_one(part.get_subset([0]))
    with pytest.raises(IndexError):
        whole.get_subset([])[0]


def joined_one(dataset):
    (batch,) = loaded(dataset)
    return len(batch["inputs"]) == len(batch["labels"]) == 1


@pytest.mark.parametrize("name", SUBSETS)
@pytest.mark.parametrize("subset", [dict(labels_per_class=1, seed=2), dict(label_fraction=0.5)])
def test_a_label_subset(name, subset, tmp_path):
    whole = make(name)
    names = dict(classes=[*whole.CLASSES]) if name.startswith("folder") else {}
    rows = subset_indices(whole.get_gt_labels(), subset)
    few = build(SOURCES[name], subset=dict(subset, file=str(tmp_path / "few.json")), **names)
    again = build(SOURCES[name], subset=dict(file=str(tmp_path / "few.json")), lazy_init=True)
    for dataset in (few, again):
        assert len(dataset) == len(rows)
        assert dataset.rows.tolist() == rows.tolist()
        assert same(dataset, whole, range(len(rows)), rows)
        assert dataset.get_gt_labels().tolist() == whole.get_gt_labels()[rows].tolist()
    assert f"file={tmp_path}/few.json" in repr(few)
    assert "Subset" not in repr(whole)


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_loaded_when_it_is_needed(name):
    dataset = build(SOURCES[name], lazy_init=True)
    assert "Haven't been initialized" in repr(dataset)
    assert len(dataset) == N
    assert f"Number of samples: \t{N}" in repr(dataset)
    assert f"Number of categories: \t{len(dataset.CLASSES)}" in repr(dataset)


@pytest.mark.parametrize("name", SUBSETS)
def test_classes_are_renumbered_by_name(name):
    dataset = make(name)
    labels, names = dataset.get_gt_labels(), [*dataset.CLASSES]
    images = everything(dataset)[0]
    dataset.renumber_classes(["more", *names[::-1]])
    assert dataset.get_gt_labels().tolist() == (len(names) - labels).tolist()
    assert torch.equal(everything(dataset)[0], images)
    assert everything(dataset)[1].tolist() == (len(names) - labels).tolist()
    assert class_names(dataset) == ("more", *names[::-1])
    with pytest.raises(KeyError):
        dataset.renumber_classes(names[:1])


@pytest.mark.parametrize("name", SOURCES)
def test_mmengine_builds_a_loader(name):
    collate = "whole_batch" if "memory" in name else "default_collate"
    loader = Runner.build_dataloader(
        dict(batch_size=5, num_workers=0, dataset=SOURCES[name], collate_fn=dict(type=collate),
             sampler=dict(type="DefaultSampler", shuffle=True)), seed=0)  # fmt: skip
    labels = joined(loader)[1]
    assert sorted(labels.tolist()) == sorted(make(name).get_gt_labels().tolist())
    assert labels.tolist() != make(name).get_gt_labels().tolist()


@pytest.mark.parametrize("outer", ["InMemory", "DecodedImages"])
def test_what_goes_outside(outer):
    """Pipelines, and wrappers."""
    inner = dict(ARRAYS) if outer == "InMemory" else dict(BIRDS)
    config = dict(inner, pipeline=[dict(type="PackInputs")])
    for dataset in (config, build(config)):
        with pytest.raises(
            ValueError, match=rf"{outer} runs no pipeline.*\['PackInputs'\].*batch_"
        ):
            build(dict(type=outer, dataset=dataset))
    for wrapper in ("KFoldDataset", "RepeatDataset"):
        wrapped = dict(type=wrapper, dataset=inner)
        with pytest.raises(TypeError, match=f"type='{wrapper}', dataset=dict.type='{outer}'"):
            build(dict(type=outer, dataset=wrapped))
