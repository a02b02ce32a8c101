"""NPZDataset: your own arrays."""

import numpy as np
import pytest

from dmmix.datasets import MappedArray, NPZDataset, stratified_subset
from dmmix.datasets.arrays import memory

pytestmark = pytest.mark.openmmlab

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 7, 5, 3), dtype=np.uint8)
LABELS = RNG.permutation(np.repeat(np.arange(4), 15))
NAMES = np.array(["ant", "bee", "cat", "übel"])
WAYS = [dict(mmap=False), dict(mmap=True), dict(mmap="auto")]


@pytest.fixture
def write(tmp_path):
    """Writes a file; arrays can be replaced or, by None, left out."""

    def write(name="data.npz", save=np.savez, **changes):
        arrays = dict(
            x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:9], y_test=LABELS[:9], classes=NAMES
        )
        arrays.update(changes)
        save(tmp_path / name, **{k: v for k, v in arrays.items() if v is not None})
        return str(tmp_path / name)

    return write


def is_mapped(dataset):
    return isinstance(dataset.arrays()[0], MappedArray)


def pixels(dataset):
    return np.stack([sample["img"] for sample in dataset])


@pytest.mark.parametrize("options", WAYS)
def test_samples(write, options):
    dataset = NPZDataset(write(), **options)
    assert len(dataset) == 60
    assert dataset.metainfo["classes"] == ("ant", "bee", "cat", "übel")
    assert dataset.test_mode is False
    for i in (0, 17, 59, -1, -60):
        sample = dataset[i]
        assert np.array_equal(sample["img"], IMAGES[i])
        sample["img"][:] = 0  # which leaves the data alone
        assert np.array_equal(dataset[i]["img"], IMAGES[i])
        assert sample["img"].dtype == np.uint8
        assert sample["gt_label"] == LABELS[i]
        assert type(sample["gt_label"]) is int
        assert sample["sample_idx"] == i % 60
    assert np.array_equal(dataset.get_gt_labels(), LABELS)


@pytest.mark.parametrize(
    ("save", "options"),
    [*((np.savez, way) for way in WAYS), (np.savez_compressed, {}), (np.savez_compressed, WAYS[0])],
)
def test_the_test_split_and_few_labels(write, save, options):
    path = write(save=save)
    dataset = NPZDataset(path, split="test", **options)
    assert dataset.test_mode is True
    few = NPZDataset(path, labels_per_class=3, subset_seed=5, **options)
    assert len(few) == 12
    for part, rows in ((dataset, np.arange(9)), (few, stratified_subset(LABELS, 3, 5))):
        assert np.array_equal(pixels(part), IMAGES[rows])
        assert part.get_gt_labels().tolist() == LABELS[rows].tolist()


@pytest.mark.parametrize("options", WAYS)
def test_grey_images_get_a_channel_and_any_order_will_do(write, options):
    dataset = NPZDataset(write(x_train=IMAGES[..., 0]), **options)
    assert np.array_equal(pixels(dataset), IMAGES[..., :1])
    assert dataset.arrays()[0].shape == (60, 7, 5, 1)
    fortran = NPZDataset(write(x_train=np.asfortranarray(IMAGES)), **options)
    assert np.array_equal(pixels(fortran), IMAGES)


@pytest.mark.parametrize(
    "labels", [LABELS.astype(np.uint8), LABELS.astype(">i4"), LABELS[:, None], LABELS.astype("u8")]
)
def test_labels_of_any_integer_type(write, labels):
    found = NPZDataset(write(y_train=labels)).arrays()[1]
    assert found.dtype == np.int64
    assert found.tolist() == LABELS.tolist()


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize(
    ("indices", "rows"), [(5, slice(5)), (-4, slice(-4, None)), ([8, 2], [8, 2])]
)
def test_subsets_as_in_mmengine(write, options, indices, rows):
    path = write()
    whole = NPZDataset(path, **options)
    parts = [NPZDataset(path, indices=indices, **options), whole.get_subset(indices)]
    assert len(whole) == 60
    whole.get_subset_(indices)
    for part in (*parts, whole):
        assert np.array_equal(pixels(part), IMAGES[rows])
        assert part.get_gt_labels().tolist() == LABELS[rows].tolist()
    if indices == [8, 2]:  # which count within the few labels
        few = stratified_subset(LABELS, 3, 0)
        part = NPZDataset(path, labels_per_class=3, indices=indices, **options)
        assert np.array_equal(pixels(part), IMAGES[few[indices]])


@pytest.mark.parametrize(("available", "mapped"), [(4 * 6300, False), (4 * 6300 - 4, True)])
def test_auto_reads_what_fits_into_a_quarter_of_the_memory(write, monkeypatch, available, mapped):
    assert IMAGES.nbytes == 6300
    monkeypatch.setattr(memory, "available_memory", lambda: available)
    assert is_mapped(NPZDataset(write())) is mapped
    # A subset is what counts, and what is compressed can only be read.
    assert not is_mapped(NPZDataset(write(), indices=59))
    assert not is_mapped(NPZDataset(write(save=np.savez_compressed)))


def test_the_other_split_is_not_looked_at(write):
    objects = np.array([None, "x"], dtype=object)
    path = write(x_test=objects, y_test=objects)
    assert len(NPZDataset(path)) == 60
    with pytest.raises(ValueError, match="x_test holds Python objects"):
        NPZDataset(path, split="test")


def test_class_names(write):
    path = write(classes=None)
    assert "classes" not in NPZDataset(path).metainfo
    assert NPZDataset(path, num_classes=5).metainfo["classes"] == ("0", "1", "2", "3", "4")
    assert NPZDataset(path, classes=["p", "q", "r", "s"]).CLASSES == ("p", "q", "r", "s")
    # What is given goes before what is in the file.
    assert NPZDataset(write(), classes=["p", "q", "r", "s"]).CLASSES == ("p", "q", "r", "s")
    with pytest.raises(ValueError, match="num_classes=5, but there are 4 names"):
        NPZDataset(write(), num_classes=5)


BAD = [
    (dict(x_train=None, y_train=None), KeyError, r"no x_train and no y_train.*found"),
    (dict(y_train=None), KeyError, r"has no y_train: wanted .*'x_train', 'y_train'"),
    (dict(x_train=IMAGES / 255), TypeError, r"z: x_train is float64.*\(x \* 255\)\.round\(\)"),
    (dict(x_train=IMAGES.astype(int)), TypeError, r"x_train is int64.*x\.astype\(np\.uint8\)"),
    (dict(x_train=IMAGES > 9), TypeError, r"x_train is bool.*\* 255"),
    (dict(x_train=IMAGES[0, 0]), ValueError, r"x_train must be .*got \(5, 3\)"),
    (dict(x_train=IMAGES[None]), ValueError, r"must be .*got \(1, 60, 7, 5, 3\)"),
    (dict(x_train=IMAGES[:0], y_train=LABELS[:0]), ValueError, r"not empty, got \(0, 7, 5, 3"),
    (dict(x_train=IMAGES.transpose(0, 3, 1, 2)), ValueError, r"\(N, ch, H, W\): channels come"),
    (dict(y_train=LABELS[:-1]), ValueError, "y_train has 59 labels for 60 images"),
    (dict(y_train=np.eye(4, dtype=int)[LABELS]), ValueError, r"y_train must be \(N,\).*argmax"),
    (dict(y_train=LABELS * 1.0), TypeError, "y_train is float64, labels must be integers"),
    (dict(y_train=LABELS == 1), TypeError, "y_train is bool"),
    (dict(y_train=LABELS - 1), ValueError, r"y_train\[\d+\] is -1, labels must be at least 0"),
    (dict(y_train=LABELS + 1), ValueError, r"y_train\[\d+\] is 4.* below 4, the number of cl"),
    (dict(y_train=LABELS - 1, classes=None), ValueError, r"y_train\[\d+\] is -1"),
    (dict(classes=np.array([["a", "b"]])), ValueError, "classes must be strings"),
    (dict(classes=np.arange(4)), ValueError, r"classes must be strings.*dtype=str"),
    (dict(classes=NAMES.astype(object)), ValueError, "classes holds Python objects"),
    (dict(y_train=LABELS.astype(object)), ValueError, "y_train holds Python objects"),
]


@pytest.mark.parametrize(("changes", "error", "says"), BAD)
@pytest.mark.parametrize("mmap", [False, True])
def test_bad_files(write, changes, error, says, mmap):
    with pytest.raises(error, match=says):
        NPZDataset(write(**changes), mmap=mmap)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(split="val"), "split must be 'train' or 'test', got 'val'"),
        (dict(mmap="no"), "mmap must be True or False or 'auto', got 'no'"),
        (dict(num_classes=0), "num_classes must be an int of at least 1"),
        (dict(split="test", labels_per_class=5), "labels_per_class is for split='train'"),
        (dict(labels_per_class=16), "labels_per_class=16, but class 0 has only 15"),
    ],
)
def test_bad_arguments(write, arguments, says):
    with pytest.raises(ValueError, match=says):
        NPZDataset(write(), **arguments)
    with pytest.raises(ValueError, match=r"is 3, labels must be at least 0 and below 3"):
        NPZDataset(write(classes=None), num_classes=3)
    with pytest.raises(ValueError, match="x_train is compressed and cannot be mapped"):
        NPZDataset(write(save=np.savez_compressed), mmap=True)


def test_paths(write, monkeypatch, tmp_path):
    write()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(NPZDataset("~/data.npz")) == 60
    assert len(NPZDataset("data.npz", data_root=str(tmp_path))) == 60
