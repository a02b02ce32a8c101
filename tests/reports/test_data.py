"""Data: what was wrong once, here and in the trackers of others.

Of ours, the rest stands where the code is: wrappers that froze the random crops in
tests/datasets/sources/test_unwrapped.py, kinds of image files, 12 bits in 16 and damaged files in
test_image_formats.py, classes, numbers of classes, batches, metrics and labels that do not fit in
tests/engine/test_run_checks.py, shares that were got between the streams in tests/models/semi.
"""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dmmix.datasets import DecodedFolder
from dmmix.engine import seed_worker
from tests.datasets.pictures import picture, save

pytestmark = pytest.mark.openmmlab

PICTURE = picture(24, 24)


def folder(root, *classes):
    for name in classes:
        (root / name).mkdir(parents=True)
        save(root / name / "a.png", PICTURE)
    return root


def read(root, **options):
    return DecodedFolder(str(root), size=24, resize_edge=24, test_mode=True, **options)


# Others


def test_files_of_the_system_are_no_class_and_no_image(tmp_path):
    """pytorch/vision#109: macOS's .DS_Store was a class, and ._a.png, which is no image, ended the
    training."""
    folder(tmp_path, "ant", "bee")
    for name in (".DS_Store", "ant/.DS_Store", "ant/._a.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    dataset = read(tmp_path)
    assert (len(dataset), dataset.metainfo["classes"]) == (2, ("ant", "bee"))


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return np.random.randint(1 << 30)


def test_workers_and_epochs_draw_other_numbers():
    """pytorch/pytorch#5059, xingyizhou/CenterNet#233, facebookresearch/fairseq#1383: NumPy's
    numbers were the same in each worker and in each epoch."""
    torch.manual_seed(0)
    loader = DataLoader(Numbers(), batch_size=2, num_workers=2, worker_init_fn=seed_worker)
    drawn = torch.cat([batch for _ in range(2) for batch in loader])
    assert len(drawn.unique()) == 16


def test_the_order_of_classes_is_that_of_the_names(tmp_path):
    """keras-team/keras#3052, pytorch/vision#192: folders were taken in the order of os.listdir,
    which differs between systems. Sorted as text, as torchvision does (pytorch/vision#714)."""
    folder(tmp_path, *map(str, range(11)))
    assert read(tmp_path).metainfo["classes"] == tuple(sorted(map(str, range(11))))
