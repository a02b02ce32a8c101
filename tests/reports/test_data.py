"""Data: what was wrong once, here and in the trackers of others.

Of ours, the rest stands where the code is: wrappers that froze the random crops in
tests/datasets/sources/test_unwrapped.py, kinds of image files, 12 bits in 16 and damaged files in
test_image_formats.py, classes, numbers of classes, batches, metrics and labels that do not fit in
tests/engine/test_run_checks.py, shares that were got between the streams in tests/models/semi.
"""

import numpy as np
import pytest
import torch
from PIL import Image
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


def test_endings_in_capital_letters_are_read(tmp_path):
    """pytorch/vision#446, #835: .JPEG and .webp were passed over."""
    (tmp_path / "ant").mkdir()
    for name in ("a.JPEG", "b.WebP", "c.Png"):
        save(tmp_path / "ant" / name, PICTURE)
    assert len(read(tmp_path)) == 3


def test_an_empty_class_keeps_its_number(tmp_path):
    """pytorch/vision#4925: a class without images was refused, or left out and the numbers of
    those after it moved."""
    folder(tmp_path, "ant", "cat")
    (tmp_path / "bee").mkdir()
    with pytest.raises(ValueError, match="bee"):
        read(tmp_path)


def test_a_cut_off_image_is_named(tmp_path):
    """pytorch/vision#138: 'image file is truncated (54 bytes not processed)', and not which."""
    folder(tmp_path, "ant")
    path = save(tmp_path / "ant" / "b.jpg", PICTURE)
    content = (tmp_path / "ant" / "b.jpg").read_bytes()
    (tmp_path / "ant" / "b.jpg").write_bytes(content[: len(content) // 2])
    dataset = read(tmp_path)
    with pytest.raises(Exception, match=r"b\.jpg") as caught:
        dataset[1]
    assert path in str(caught.value)


@pytest.mark.parametrize("backend", ["cv2", "pillow"])
def test_images_are_upright(tmp_path, backend):
    """ultralytics/yolov5#405, open-edge-platform/datumaro#1756: what a camera has turned was read
    as it lies in the file by one library, and upright by the other."""
    (tmp_path / "ant").mkdir()
    save(tmp_path / "ant" / "a.png", np.rot90(PICTURE, 1), orientation=6)
    upright = read(tmp_path, backend=backend)[0]["inputs"].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(upright, PICTURE)


def test_transparent_and_grey_images_have_three_channels(tmp_path):
    """pytorch/vision#198: grey images among others."""
    (tmp_path / "ant").mkdir()
    for mode, name in (("L", "a.png"), ("RGBA", "b.png"), ("P", "c.png"), ("CMYK", "d.jpg")):
        Image.fromarray(PICTURE).convert(mode).save(tmp_path / "ant" / name)
    shapes = {tuple(read(tmp_path)[k]["inputs"].shape) for k in range(4)}
    assert shapes == {(3, 24, 24)}


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
