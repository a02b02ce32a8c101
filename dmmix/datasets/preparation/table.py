"""The data sets of the paper: what their publishers ship, and what must be in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_GB = 10**9


@dataclass(frozen=True)
class Archive:
    """A file that a publisher ships.

    Attributes:
        name: of the file, by which it is known.
        url: where it is published; ``None`` where it is behind a login or gone.
        checksum: ``'sha256:...'``, as Keras, TensorFlow Datasets, torchvision or several others
            state it: publishers state MD5 if anything. ``'md5:...'`` where no SHA-256 is known.
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
    checksum: str
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
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/"
_CARS: dict[str, Any] = dict(url=None, unpacked=2 * _GB)

DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            "cifar10", "cifar10", f"{_TORONTO}/cifar.html",
            (
                Archive(
                    "cifar-10-python.tar.gz", f"{_TORONTO}/cifar-10-python.tar.gz",
                    "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                    170_498_071, _GB, "cifar-10-batches-py", "cifar-10-batches-py",
                ),
            ),
            {"train": 50_000, "test": 10_000}, 10,
        ),
        DataSet(
            "cifar100", "cifar100", f"{_TORONTO}/cifar.html",
            (
                Archive(
                    "cifar-100-python.tar.gz", f"{_TORONTO}/cifar-100-python.tar.gz",
                    "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
                    169_001_437, _GB, "cifar-100-python", "cifar-100-python",
                ),
            ),
            {"train": 50_000, "test": 10_000}, 100,
        ),
        DataSet(
            "tiny_imagenet", "tiny-imagenet-200", "https://cs231n.stanford.edu/",
            (
                Archive(
                    "tiny-imagenet-200.zip", "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
                    "sha256:6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
                    248_100_043, _GB, "tiny-imagenet-200",
                ),
            ),
            {"train": 100_000, "val": 10_000}, 200,
        ),
        DataSet(
            "imagenet", "imagenet", "https://image-net.org/download-images.php",
            (
                Archive(
                    "ILSVRC2012_devkit_t12.tar.gz", None,
                    "sha256:b59243268c0d266621fd587d2018f69e906fb22875aca0e295b48cafaa927953",
                    2_568_145, _GB // 10, "ILSVRC2012_devkit_t12", "devkit",
                    "labels of the validation images",
                ),
                Archive(
                    "ILSVRC2012_img_val.tar", None,
                    "sha256:c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0",
                    6_744_924_160, 10 * _GB, "", "val", "validation images",
                ),
                Archive(
                    "ILSVRC2012_img_train.tar", None,
                    "sha256:b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb",
                    147_897_477_120, 200 * _GB, "", "train", "training images", "tars",
                ),
            ),
            {"train": 1_281_167, "val": 50_000}, 1000,
            "ImageNet is given to registered users only: log in at the page, agree to its terms, "
            "and take ILSVRC 2012 (tasks 1 and 2).",
        ),
        DataSet(
            "cub200", "CUB_200_2011", "https://www.vision.caltech.edu/datasets/cub_200_2011/",
            (
                Archive(
                    "CUB_200_2011.tgz",
                    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                    "sha256:0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
                    1_150_585_339, 3 * _GB, "CUB_200_2011",
                ),
            ),
            {"train": 5_994, "test": 5_794}, 200,
        ),
        DataSet(
            "fgvc_aircraft", "fgvc-aircraft-2013b", _OXFORD,
            (
                Archive(
                    "fgvc-aircraft-2013b.tar.gz", f"{_OXFORD}archives/fgvc-aircraft-2013b.tar.gz",
                    "sha256:e4e323d410e29f0370c81eabdcbb0e2b813acea1de22891b70b58ff41bfc9834",
                    2_753_340_328, 6 * _GB, "fgvc-aircraft-2013b",
                ),
            ),
            {"trainval": 6_667, "test": 3_333}, 100,
        ),
        DataSet(
            "stanford_cars", "stanford_cars",
            "https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
            (
                Archive(
                    # TensorFlow Datasets and torchvision state the SHA-256 of this one and of
                    # cars_train.tgz in opposite ways.
                    "car_devkit.tgz", checksum="md5:c3b158d763b6e2245038c8ad08e45376", size=330_960,
                    inner="devkit", to="devkit", what="labels of the training images", **_CARS,
                ),
                Archive(
                    "cars_test_annos_withlabels.mat",
                    checksum="sha256:790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05",
                    size=185_758, to="devkit/cars_test_annos_withlabels.mat",
                    what="labels of the test images", kind="file", **_CARS,
                ),
                Archive(
                    "cars_train.tgz", checksum="md5:065e5b463ae28d29e77c1b4b166cfe61",
                    size=979_269_282, inner="cars_train", to="cars_train",
                    what="training images", **_CARS,
                ),
                Archive(
                    "cars_test.tgz",
                    checksum="sha256:bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243",
                    size=977_350_468, inner="cars_test", to="cars_test", what="test images",
                    **_CARS,
                ),
            ),
            {"train": 8_144, "test": 8_041}, 196,
            "Its publisher does not serve the files any more: look for copies (mirrors) of the "
            "files below. Those that were packed again need --no-checksum.",
        ),
    )
}  # fmt: skip
