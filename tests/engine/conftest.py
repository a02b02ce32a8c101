"""Files that several tests of runs read."""

import cv2
import numpy as np
import pytest

from dmmix.models import MixupClassifier


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """Twelve images of several sizes in two classes."""
    place = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for k in range(12):
        path = place / ("cat" if k % 2 else "dog") / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        image = rng.integers(0, 256, (14 + k, 20 - k // 2, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), image)
    return place


@pytest.fixture
def trained_on(monkeypatch):
    """Images and labels of each batch that a classifier is trained on from here on."""
    seen, loss = [], MixupClassifier.loss

    def look(self, inputs, labels):
        seen.append((inputs.clone(), labels.clone()))
        return loss(self, inputs, labels)

    monkeypatch.setattr(MixupClassifier, "loss", look)
    return seen
