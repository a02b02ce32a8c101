"""The data sets of the paper: what their publishers ship, and what must be in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DATA_SETS", "Archive", "DataSet"]

_GB = 10**9


@dataclass(frozen=True)
class Archive:
    """A file that a publisher ships.

    Attributes:
        name: of the file, by which it is known.
        url: where it is published; ``None`` where it is behind a login or gone.
        md5: stated by the publisher, mmpretrain or torchvision, or known from many users.
        size: about as many bytes.
        unpacked: at most as many bytes come out of it, with room to spare.
        inner: the folder in it that is wanted; ``""`` for all of it.
        to: where that belongs, in the folder of the data set; ``""``: it is that folder.
        what: its content, in a word.
        kind: ``'archive'``; ``'tars'`` is an archive of archives, a class each; ``'file'`` is
            taken as it is.
    """

    name: str
    url: str | None
    md5: str
    size: int
    unpacked: int
    inner: str = ""
    to: str = ""
    what: str = "all of it"
    kind: str = "archive"


@dataclass(frozen=True)
class DataSet:
    """A data set, and where it lies.

    Attributes:
        name: of the data set.
        folder: that it is put into, in ``--to``.
        page: where its publisher tells about it.
        archives: all are needed.
        counts: images of each split.
        classes: how many.
        note: what a user must know before.
    """

    name: str
    folder: str
    page: str
    archives: tuple[Archive, ...]
    counts: dict[str, int]
    classes: int
    note: str = ""


_TORONTO = "https://www.cs.toronto.edu/~kriz"
_CARS: dict[str, Any] = dict(url=None, unpacked=2 * _GB)

DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            "cifar10",
            "cifar10",
            f"{_TORONTO}/cifar.html",
            (
                Archive(
                    "cifar-10-python.tar.gz",
                    f"{_TORONTO}/cifar-10-python.tar.gz",
                    "c58f30108f718f92721af3b95e74349a",
                    170_498_071,
                    _GB,
                    "cifar-10-batches-py",
                    "cifar-10-batches-py",
                ),
            ),
            {"train": 50_000, "test": 10_000},
            10,
        ),
        DataSet(
            "cifar100",
            "cifar100",
            f"{_TORONTO}/cifar.html",
            (
                Archive(
                    "cifar-100-python.tar.gz",
                    f"{_TORONTO}/cifar-100-python.tar.gz",
                    "eb9058c3a382ffc7106e4002c42a8d85",
                    169_001_437,
                    _GB,
                    "cifar-100-python",
                    "cifar-100-python",
                ),
            ),
            {"train": 50_000, "test": 10_000},
            100,
        ),
        DataSet(
            "tiny_imagenet",
            "tiny-imagenet-200",
            "http://cs231n.stanford.edu/",
            (
                Archive(
                    "tiny-imagenet-200.zip",
                    "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                    "90528d7ca1a48142e341f4ef8d21d0de",
                    248_100_043,
                    _GB,
                    "tiny-imagenet-200",
                ),
            ),
            {"train": 100_000, "val": 10_000},
            200,
        ),
        DataSet(
            "imagenet",
            "imagenet",
            "https://image-net.org/download-images.php",
            (
                Archive(
                    "ILSVRC2012_devkit_t12.tar.gz",
                    None,
                    "fa75699e90414af021442c21a62c3abf",
                    2_568_145,
                    _GB // 10,
                    "ILSVRC2012_devkit_t12",
                    "devkit",
                    "labels of the validation images",
                ),
                Archive(
                    "ILSVRC2012_img_val.tar",
                    None,
                    "29b22e2961454d5413ddabcf34fc5622",
                    6_744_924_160,
                    10 * _GB,
                    "",
                    "val",
                    "validation images",
                ),
                Archive(
                    "ILSVRC2012_img_train.tar",
                    None,
                    "1d675b47d978889d74fa0da5fadfb00e",
                    147_897_477_120,
                    200 * _GB,
                    "",
                    "train",
                    "training images",
                    "tars",
                ),
            ),
            {"train": 1_281_167, "val": 50_000},
            1000,
            "ImageNet is given to registered users only: log in at the page, agree to its terms, "
            "and take ILSVRC 2012 (tasks 1 and 2).",
        ),
        DataSet(
            "cub200",
            "CUB_200_2011",
            "https://www.vision.caltech.edu/datasets/cub_200_2011/",
            (
                Archive(
                    "CUB_200_2011.tgz",
                    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                    "97eceeb196236b17998738112f37df78",
                    1_150_585_339,
                    3 * _GB,
                    "CUB_200_2011",
                ),
            ),
            {"train": 5_994, "test": 5_794},
            200,
        ),
        DataSet(
            "fgvc_aircraft",
            "fgvc-aircraft-2013b",
            "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
            (
                Archive(
                    "fgvc-aircraft-2013b.tar.gz",
                    "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/"
                    "fgvc-aircraft-2013b.tar.gz",
                    "d4acdd33327262359767eeaa97a4f732",
                    2_753_340_328,
                    6 * _GB,
                    "fgvc-aircraft-2013b",
                ),
            ),
            {"trainval": 6_667, "test": 3_333},
            100,
        ),
        DataSet(
            "stanford_cars",
            "stanford_cars",
            "https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
            (
                Archive(
                    "car_devkit.tgz", md5="c3b158d763b6e2245038c8ad08e45376", size=330_960,
                    inner="devkit", to="devkit", what="labels of the training images", **_CARS,
                ),
                Archive(
                    "cars_test_annos_withlabels.mat", md5="b0a2b23655a3edd16d84508592a98d10",
                    size=185_758, to="devkit/cars_test_annos_withlabels.mat",
                    what="labels of the test images", kind="file", **_CARS,
                ),
                Archive(
                    "cars_train.tgz", md5="065e5b463ae28d29e77c1b4b166cfe61", size=979_269_282,
                    inner="cars_train", to="cars_train", what="training images", **_CARS,
                ),
                Archive(
                    "cars_test.tgz", md5="4ce7ebf6a94d07f1952d94dd34c4d501", size=977_350_468,
                    inner="cars_test", to="cars_test", what="test images", **_CARS,
                ),
            ),
            {"train": 8_144, "test": 8_041},
            196,
            "Its publisher does not serve the files any more: look for copies (mirrors) of the "
            "files below. Those that were packed again need --no-checksum.",
        ),
    )
}  # fmt: skip
