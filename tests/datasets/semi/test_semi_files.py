"""Two streams of image files: a crop for each draw, damaged files, files without labels."""

import numpy as np
import pytest
import torch
from PIL import Image

from dmmix.datasets import DecodedFolder
from tests.datasets.semi.small import photos, semi

pytestmark = pytest.mark.openmmlab


CROPS = dict(size=16, seed=1, scale=(0.2, 0.4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return photos(tmp_path_factory.mktemp("photos"))


def files_in(folder, **options):
    return dict(type="DecodedFolder", data_root=folder, **{"size": 16, **options})


def test_image_files_are_cropped_anew_at_each_draw(folder):
    dataset = semi(dict(num_labels=2, seed=0), dataset=files_in(folder, **CROPS))
    plain = DecodedFolder(folder, **CROPS)
    n, row = len(dataset), int(dataset.labelled_rows[0])
    found = []
    for draw in range(3):
        found.append(dataset[draw * n]["labelled"]["inputs"][0])
        expected = plain[row + 2 * draw * len(plain)]["inputs"]
        assert torch.equal(found[-1], expected)
        # The same image in the other stream has crops of its own.
        found.append(dataset[draw * n + 2 + row]["unlabelled"]["inputs"][0])
    assert len({image.numpy().tobytes() for image in found}) == 6
    dataset.set_epoch(3)  # the draw decides, not the epoch
    assert torch.equal(dataset[n]["labelled"]["inputs"][0], found[2])


def test_several_crops_of_each_image(folder):
    files = files_in(folder, **CROPS)
    dataset = semi(dict(num_labels=4), dataset=files, views=2, hidden_labels=True)
    plain = DecodedFolder(folder, **CROPS)
    n = len(dataset)
    index = [*range(n), *range(n, 2 * n)]  # everything twice
    batch = dataset.__getitems__(index)
    labelled, unlabelled = batch["labelled"], batch["unlabelled"]
    assert labelled["inputs"].shape == (8, 2, 3, 16, 16)
    assert unlabelled["inputs"].shape == (16, 2, 3, 16, 16)
    labels = plain.get_gt_labels()
    assert labelled["labels"].tolist() == labels[dataset.labelled_rows].tolist() * 2
    assert unlabelled["index"].tolist() == [*range(8), *range(8)]
    assert unlabelled["hidden_labels"].tolist() == labels.tolist() * 2
    crops = [*labelled["inputs"].flatten(0, 1), *unlabelled["inputs"].flatten(0, 1)]
    assert len({crop.numpy().tobytes() for crop in crops}) == 2 * 24  # none alike
    for place, row in enumerate(dataset.labelled_rows):
        drawn = [plain[int(row) + k * len(plain)]["inputs"] for k in (0, 1)]
        assert torch.equal(labelled["inputs"][place], torch.stack(drawn))


@pytest.mark.parametrize("views", [1, 2])
def test_labelled_files_for_evaluation(folder, views):
    files = files_in(folder, seed=1, resize_edge=20)
    dataset = semi(dict(num_labels=4), dataset=files, views=views)
    tested = DecodedFolder(folder, size=16, resize_edge=20, test_mode=True)
    for members in (range(4), [3, 1], np.array([2])):
        found = dataset.labelled_for_evaluation(members)
        samples = [tested[int(dataset.labelled_rows[k])] for k in members]
        assert torch.equal(found["inputs"], torch.stack([s["inputs"] for s in samples]))
        assert found["labels"].tolist() == [int(s["labels"]) for s in samples]
    # Training goes on with random boxes.
    crop = dataset[0]["labelled"]["inputs"].flatten(0, -4)[0]
    plain = DecodedFolder(folder, size=16, seed=1, resize_edge=20)
    assert torch.equal(crop, plain[int(dataset.labelled_rows[0])]["inputs"])


def test_files_without_labels(folder):
    files = files_in(folder)
    plain = dict(type="CustomDataset", data_root=folder, with_label=False)
    unknown = dict(type="DecodedImages", dataset=plain, size=16)
    dataset = semi(dict(num_labels=2), dataset=files, unlabelled=unknown)
    assert dataset.stream_sizes == (2, 8)
    assert set(dataset[9]["unlabelled"]) == {"inputs", "index"}
    says = "unlabelled, with hidden_labels=True, must have a label.* that of image 0 is -1"
    with pytest.raises(ValueError, match=says):
        semi(dict(num_labels=2), dataset=files, unlabelled=unknown, hidden_labels=True)
    for subset in (dict(num_labels=2), dict(labels_per_class=1)):
        with pytest.raises(ValueError, match=r"dataset must have a label.* of image 0 is -1"):
            semi(subset, dataset=unknown)
    files = files_in(folder, test_mode=True, ten_crop=True)
    with pytest.raises(TypeError, match=r"have inputs \(10, 3, 16, 16\), labels"):
        semi(dict(num_labels=2), dataset=files)


@pytest.fixture
def broken(tmp_path):
    """Two classes of ten images, the first eight of each damaged."""
    for c, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for k in range(10):
            path = tmp_path / name / f"{k}.png"
            Image.fromarray(np.full((8, 8, 3), 100 * c + k, np.uint8)).save(path)
            if k < 8:
                path.write_bytes(path.read_bytes()[:40])
    return dict(type="DecodedFolder", data_root=str(tmp_path), size=8, corrupt="skip")


@pytest.mark.parametrize("unlabelled", ["all", "rest"])
def test_another_image_of_the_stream_takes_the_place_of_a_damaged_one(broken, unlabelled):
    """Of the labelled ones a labelled one: the labels of the others are not to be known."""
    for seed in range(20):  # until a damaged image of each class is labelled, and one that is not
        dataset = semi(dict(labels_per_class=2, seed=seed), dataset=broken, unlabelled=unlabelled)
        whole = dataset.labelled_rows % 10 >= 8
        if whole.reshape(2, 2).sum(1).tolist() == [1, 1]:
            break
    else:
        pytest.fail("no such split")
    found = dataset.__getitems__(range(dataset.num_labelled))["labelled"]
    known = {int(100 * (row // 10) + row % 10) for row in dataset.labelled_rows[whole]}
    assert set(found["inputs"][:, 0, 0, 0].tolist()) == known
    assert found["labels"].tolist() == (found["inputs"][:, 0, 0, 0] // 100).tolist()
    n = dataset.num_labelled
    found = dataset.__getitems__(range(n, n + dataset.num_unlabelled))["unlabelled"]
    assert (set(found["inputs"][:, 0, 0, 0].tolist()) >= known) == (unlabelled == "all")


def test_damaged_files_are_told_of_once_an_epoch(broken, monkeypatch):
    told = []
    monkeypatch.setattr(
        "dmmix.datasets.images.corrupt_files.CorruptFiles.tell",
        lambda self, path: told.append(len(self)),
    )
    dataset = semi(dict(labels_per_class=9, seed=0), dataset=broken)
    dataset.__getitems__(range(len(dataset)))
    dataset.set_epoch(3)
    assert told == [16]  # of both streams
