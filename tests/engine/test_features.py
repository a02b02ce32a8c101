"""Features of a frozen network, computed once and kept."""

import os

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from dmmix.datasets import DecodedFolder
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.engine.features import FrozenNetwork, kept_features
from dmmix.models import MixupClassifier
from tests.cli.photos import write_photos

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("dmmix"):
        return _network().eval()


def _network():
    return MixupClassifier(
        backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
        neck=dict(type="GlobalAveragePooling"),
        head=dict(type="DMLinearClsHead", num_classes=3, in_channels=64),
        data_preprocessor=dict(mean=[90.0] * 3, std=[70.0] * 3),
    )


@pytest.fixture
def network(model):
    return FrozenNetwork(model, CropOptions((32, 32), test_mode=True))


@pytest.fixture
def dataset(tmp_path):
    write_photos(tmp_path / "photos", images=4)
    return DecodedFolder(str(tmp_path / "photos"), size=32, test_mode=True)


@pytest.fixture
def files(dataset):
    return [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "run" / "features.npz"


def test_they_are_the_networks_own(model, network, dataset, files, kept):
    features, computed = kept_features(network, files, kept, batch_size=5)
    assert (features.shape, computed) == ((12, 64), 12)
    images = torch.stack([dataset[i]["inputs"] for i in range(12)])
    with torch.no_grad():
        own = model.extract_feat((images - 90.0) / 70.0)[-1]
    torch.testing.assert_close(features, own, atol=1e-5, rtol=1e-5)
    mirror = FrozenNetwork(model, network.crop, mirror=True)
    with torch.no_grad():
        own = model.extract_feat((images.flip(-1) - 90.0) / 70.0)[-1]
    torch.testing.assert_close(kept_features(mirror, files, kept)[0], own, atol=1e-5, rtol=1e-5)
    with np.load(kept) as plain:
        assert plain["files"].tolist() == files


def test_what_is_kept_is_not_computed_again(network, files, kept):
    first, _ = kept_features(network, files[:8], kept)
    again, computed = kept_features(network, [*files[7::-1], files[9]], kept)
    assert computed == 1
    assert torch.equal(again[:8], first.flip(0))
    assert kept_features(network, files[:10], kept)[1] == 1  # what was not asked for stayed


def changed_image(model, network, files):
    os.utime(files[3], ns=(0, 5))
    return network, 1


def changed_weights(model, network, files):
    model.backbone.conv1.weight.data[0, 0, 0, 0] += 1e-3
    return network, 12


def other_head(model, network, files):
    model.head.fc.weight.data += 1
    return network, 0


def other_crop(model, network, files):
    return FrozenNetwork(model, CropOptions((32, 32), test_mode=True, resize_edge=40)), 12


def other_preprocessing(model, network, files):
    return FrozenNetwork(model, network.crop, "mean=0"), 12


@pytest.mark.parametrize(
    "change", [changed_image, changed_weights, other_head, other_crop, other_preprocessing]
)
def test_what_is_another_now_is_computed(model, network, files, kept, change):
    kept_features(network, files, kept)
    network, wanted = change(model, network, files)
    found, computed = kept_features(network, files, kept)
    assert computed == wanted
    kept.unlink()
    torch.testing.assert_close(kept_features(network, files, kept)[0], found)


def test_a_damaged_file_of_features_is_computed_anew(network, files, kept):
    kept.parent.mkdir()
    kept.write_bytes(b"PK no archive")
    assert kept_features(network, files, kept)[1] == 12


def test_what_was_computed_before_a_damaged_image_is_kept(network, files, kept, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image", encoding="utf-8")
    bad = [*files[:6], str(tmp_path / "bad.jpg"), *files[6:]]
    with pytest.raises(ValueError, match=r"bad\.jpg is no image or damaged"):
        kept_features(network, bad, kept, batch_size=2)
    assert kept_features(network, files, kept)[1] == 6


def test_maps_are_refused(model, network, files, kept, monkeypatch):
    monkeypatch.setattr(model, "extract_feat", lambda images: (images,))
    with pytest.raises(ValueError, match="one vector of each: give the config neck"):
        kept_features(network, files, kept)
