"""DecodedFolder: crops of one size, the same however they are made."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv import imresize
from PIL import Image

from dmmix.datasets import DecodedFolder, DecodedImages
from dmmix.datasets.images.crops import draw_crop_box
from dmmix.registry import TRANSFORMS
from tests.datasets.pictures import picture, pixels, save

pytestmark = pytest.mark.openmmlab

SIZE = (24, 32)
SHAPES = [(60, 90), (90, 60), (40, 40), (200, 140), (30, 50), (24, 32), (400, 300)]


@pytest.fixture(scope="module")
def pictures():
    """In the order of the dataset."""
    return [picture(h, w, seed) for seed, (h, w) in enumerate(SHAPES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures):
    """Lossless, so that pixels can be compared."""
    root = tmp_path_factory.mktemp("images")
    for i, image in enumerate(pictures):
        name = root / ("ant" if i < 3 else "bee") / f"{i}.png"
        name.parent.mkdir(exist_ok=True)
        save(name, image)
    (root / "ant" / "notes.txt").write_text("no image", encoding="utf-8")
    return str(root)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, pictures):
    """The same as JPEGs."""
    root = tmp_path_factory.mktemp("photos")
    (root / "ant").mkdir()
    for i, image in enumerate(pictures):
        save(root / "ant" / f"{i}.JPG", image, quality=95)
    return str(root)


def inputs(dataset):
    return torch.stack([dataset[i]["inputs"] for i in range(len(dataset))])


def resized(image, size, interpolation="bilinear", antialias=True):
    """As Pillow and mmcv do it."""
    if not antialias:
        return imresize(image, size[::-1], interpolation=interpolation, backend="cv2")
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize(size[::-1], Image.Resampling[interpolation.upper()]))


def box_of(image, seeds, scale, ratio, square):
    height, width = image.shape[:2]
    rng = np.random.default_rng(seeds)
    if not square:
        top, left, h, w = draw_crop_box(height, width, scale, ratio, rng)
        return image[top : top + h, left : left + w]
    top, left, h, w = draw_crop_box(256, 256, scale, ratio, rng)
    rows = slice(round(top * height / 256), round((top + h) * height / 256))
    return image[rows, round(left * width / 256) : round((left + w) * width / 256)]


KINDS = [
    dict(),
    dict(interpolation="bicubic"),
    dict(antialias=False),
    dict(interpolation="bicubic", antialias=False),
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=str)
backends = pytest.mark.parametrize("backend", ["cv2", "pillow"])
squares = pytest.mark.parametrize("square", [False, True])


@kinds
@backends
@squares
def test_a_training_sample_is_the_box_resized(folder, pictures, kind, backend, square):
    crop = dict(scale=(0.2, 0.9), ratio=(0.5, 2), square=square)
    options = dict(size=SIZE, seed=3, backend=backend, resize_edge=256 if square else None)
    dataset = DecodedFolder(folder, **options, **crop, **kind)
    for epoch in (0, 2):
        dataset.set_epoch(epoch)
        for i, image in enumerate(pictures):
            expected = resized(box_of(image, (3, epoch, i), **crop), SIZE, **kind)
            found = pixels(dataset[i]).astype(int)
            assert np.abs(found - expected).max() <= 1


@kinds
@backends
@squares
@pytest.mark.parametrize("edge", [32, 40, None])
def test_a_test_sample_is_the_middle(folder, pictures, kind, backend, square, edge):
    options = dict(size=SIZE, resize_edge=edge, square=square, backend=backend)
    dataset = DecodedFolder(folder, test_mode=True, **options, **kind)
    edge = 36 if edge is None else edge
    for i, image in enumerate(pictures):
        height, width = (1, 1) if square else image.shape[:2]
        size = edge * height // min(height, width), edge * width // min(height, width)
        whole = resized(image, size, **kind)
        top, left = (round((a - b) / 2) for a, b in zip(size, SIZE, strict=True))
        expected = whole[top : top + 24, left : left + 32]
        found = pixels(dataset[i]).astype(int)
        assert np.abs(found - expected).max() <= 1


def test_without_antialiasing_testing_is_mmpretrains(folder, pictures):
    resize = TRANSFORMS.build(dict(type="ResizeEdge", scale=31, edge="short"))
    crop = TRANSFORMS.build(dict(type="CenterCrop", crop_size=20))
    options = dict(size=20, resize_edge=31, test_mode=True)
    expected = crop(resize({"img": pictures[6]}))["img"]
    found = pixels(DecodedFolder(folder, antialias=False, **options)[6])
    assert np.abs(found.astype(int) - expected).max() <= 1
    smooth = pixels(DecodedFolder(folder, **options)[6])
    assert np.abs(smooth.astype(int) - expected).max() > 1


@backends
@pytest.mark.parametrize("test_mode", [False, True])
def test_reduced_jpegs_show_the_same(photos, backend, test_mode):
    """The same box of the image; a box that is shifted or scaled would be far off."""
    options = dict(size=SIZE, seed=1, backend=backend, test_mode=test_mode, scale=(0.3, 1))
    reduced = inputs(DecodedFolder(photos, **options)).float()
    whole = inputs(DecodedFolder(photos, reduced=False, **options)).float()
    difference = (reduced - whole).abs().mean((1, 2, 3))
    assert difference.max() > 0  # it was reduced
    assert difference.max() < 5  # half a pixel


def test_the_decoders_agree(photos):
    one, other = (inputs(DecodedFolder(photos, size=SIZE, backend=b)) for b in ("cv2", "pillow"))
    assert (one.float() - other.float()).abs().mean() < 2


def test_the_seed_is_that_of_the_run_by_default(folder):
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(inputs(DecodedFolder(folder, size=SIZE)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def copy_of(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@backends
@pytest.mark.parametrize("test_mode", [False, True])
def test_a_file_that_is_damaged_is_named(folder, tmp_path, backend, test_mode):
    root = copy_of(folder, tmp_path)
    file = root / "bee" / "3.png"
    dataset = DecodedFolder(str(root), size=SIZE, backend=backend, test_mode=test_mode)
    for content, says in (
        (file.read_bytes()[:1000], ""),
        (b"", "it is empty, 0 bytes"),
        (b"<html>no image</html>", "21 bytes of no known image form"),  # was an address in memory
    ):
        file.write_bytes(content)
        dataset[2]
        with pytest.raises(
            ValueError, match=rf"bee/3\.png is no image or damaged: {says}"
        ) as caught:
            dataset[3]
        assert "\n" not in str(caught.value)
        assert "BytesIO" not in str(caught.value)


def test_folders_that_hold_no_data(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"there is no folder .*did you mean '{folder}'"):
        DecodedFolder(folder[:-2])
    with pytest.raises(ValueError, match="has no folders, but there must be one for each class"):
        DecodedFolder(folder + "/bee")
    (tmp_path / "ant").mkdir()
    with pytest.raises(ValueError, match=r"have no images \(names that end in .*\.jpeg, \.jpg"):
        DecodedFolder(str(tmp_path))


def test_endings_and_subfolders(folder, tmp_path):
    whole = DecodedFolder(folder, size=20)
    assert whole.CLASSES == ("ant", "bee")
    assert whole.get_gt_labels().tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert whole[0]["inputs"].shape == (3, 20, 20)
    root = copy_of(folder, tmp_path)
    (root / "ant" / "deeper").mkdir()
    (root / "ant" / "0.png").rename(root / "ant" / "deeper" / "0.PNG")
    (root / "bee" / "3.png").rename(root / "bee" / "3.other")
    assert len(DecodedFolder(str(root), size=SIZE)) == 6


@pytest.mark.parametrize(
    "make", [DecodedFolder, lambda root, **options: DecodedImages(
        dict(type="CUB", data_root=root), **options)])  # fmt: skip
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(size=0), "size must be an int of .*, got 0"),
        (dict(size=(1, 2, 3)), r"size must be .*, got \(1, 2, 3\)"),
        (dict(resize_edge=20), "resize_edge=20 is smaller than size=32"),
        (dict(scale=(0, 1)), "scale must be .*, got"),
        (dict(scale=(0.5, 0.1)), "scale must be .*, got"),
        (dict(scale=(0.5, 1.1)), "scale must be .*, got"),
        (dict(ratio=(2, 1)), "ratio must be .*, got"),
        (dict(ratio=(0, 1)), "ratio must be .*, got"),
        (dict(backend="PIL"), "backend must be 'cv2' or 'pillow', got 'PIL'"),
        (dict(corrupt="no"), "corrupt must be 'raise' or 'skip', got 'no'"),
        (dict(crop_ratio=0), r"crop_ratio must be a number in \(0, 1\] or None, got 0"),
        (dict(crop_ratio=1.1), r"crop_ratio must be a number in .*, got 1\.1"),
        (dict(crop_ratio=0.9, resize_edge=99), r"resize_edge=99 and crop_ratio=0\.9: give one"),
        (dict(interpolation="nearest"), "interpolation must be .*, got 'nearest'"),
        (dict(num_classes=0), "num_classes must be an int of at least 1"),
        (dict(seed=-1), "seed must be an int of at least 0 or None, got -1"),
        (dict(subset=dict(labels=4)), "subset: unknown key 'labels'"),
        (
            dict(ten_crop=True, test_mode=False),
            "ten_crop=True is for testing, and this is training",
        ),
    ],
)
def test_bad_arguments_are_told_before_data_is_looked_for(make, options, says):
    with pytest.raises(ValueError, match=says):
        make("nowhere", **{"size": SIZE, **options})


def test_it_says_what_it_is(folder):
    train, test = DecodedFolder(folder, size=SIZE), DecodedFolder(folder, size=32, ten_crop=True,
                                                                  test_mode=True)  # fmt: skip
    assert "24 x 32, random box, scale=(0.08, 1.0)" in repr(train)
    assert "short edge 36, four corners and middle, and mirrored" in repr(test)
    assert "Decoder: \tcv2" in repr(test)
    with pytest.raises(ValueError, match="epoch must be at least 0, got -1"):
        train.set_epoch(-1)
