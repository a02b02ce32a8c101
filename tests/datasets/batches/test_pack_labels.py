"""PackLabels: two tensors and no objects."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from dmmix.datasets import PackLabels
from dmmix.registry import TRANSFORMS

pytestmark = pytest.mark.openmmlab

IMAGE = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize("image", [IMAGE, IMAGE[..., 0], IMAGE[:, ::-1]])
def test_channels_come_first(image):
    packed = PackLabels()({"img": image, "gt_label": 2})["inputs"]
    assert packed.dtype == torch.uint8
    assert packed.is_contiguous()
    channels = image if image.ndim == 3 else image[..., None]
    assert packed.tolist() == [channels[..., k].tolist() for k in range(channels.shape[2])]


@pytest.mark.parametrize("label", [7, np.int64(7), np.array(7), torch.tensor(7)])
def test_labels_of_any_integer_type(label):
    packed = PackLabels()({"img": IMAGE, "gt_label": label})["labels"]
    assert packed.dtype == torch.int64
    assert packed.shape == ()
    assert packed.item() == 7


def test_soft_labels_go_before_plain_ones():
    score = np.array([0.25, 0.75])
    packed = PackLabels()({"img": IMAGE, "gt_label": 1, "gt_score": score})["labels"]
    assert packed.dtype == torch.float32
    assert packed.tolist() == [0.25, 0.75]


def test_a_batch_is_two_tensors():
    pack = PackLabels()
    batch = default_collate([pack({"img": IMAGE, "gt_label": i}) for i in range(3)])
    assert sorted(batch) == ["inputs", "labels"]
    assert batch["labels"].tolist() == [0, 1, 2]
    with pytest.raises(KeyError, match="PackLabels needs 'img', the sample has"):
        pack({"gt_label": 1})
    with pytest.raises(KeyError, match="PackLabels needs 'gt_label' or 'gt_score', the sample"):
        pack({"img": IMAGE})


def test_it_is_registered():
    built = TRANSFORMS.build(dict(type="PackLabels"))
    assert isinstance(built, PackLabels)
    assert repr(built) == "PackLabels()"


def test_several_classes_are_a_multi_hot_target():
    pack = PackLabels(num_classes=4)
    for label, target in (([0, 2], [1, 0, 1, 0]), ([], [0, 0, 0, 0]), (3, [0, 0, 0, 1])):
        packed = pack({"img": IMAGE, "gt_label": label})["labels"]
        assert packed.tolist() == target
        assert packed.is_floating_point()
    assert repr(pack) == "PackLabels(num_classes=4)"
    with pytest.raises(ValueError, match=r"gt_label is \[0, 2\], several classes of one sample"):
        PackLabels()({"img": IMAGE, "gt_label": [0, 2]})
    with pytest.raises(ValueError, match=r"gt_label is \[4\], num_classes=4"):
        pack({"img": IMAGE, "gt_label": [4]})
    with pytest.raises(ValueError, match="num_classes must be an int of at least 1 or None, got 0"):
        PackLabels(num_classes=0)
