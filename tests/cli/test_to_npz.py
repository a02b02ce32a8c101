"""dmmix data to-npz: the images of a config in one file, as NPZDataset reads them."""

import numpy as np
import pytest
import torch

from dmmix.datasets import Digits, InMemory, NPZDataset
from tests.cli.messages import error_of

CONFIG = "quickstart/digits_vanilla"


def test_digits(call, tmp_path):
    file = tmp_path / "made" / "digits.npz"
    done = call("data to-npz", CONFIG, "--out", file)
    assert done.status == 0, done.err
    assert f"{file} is made" in done.out
    assert [f.name for f in file.parent.iterdir()] == ["digits.npz"]
    with np.load(file) as arrays:
        assert arrays["x_train"].shape == (100, 8, 8)
        assert arrays["x_train"].dtype == np.uint8
    for split, options in (("train", dict(labels_per_class=10)), ("test", {})):
        written = InMemory(NPZDataset(data_file=str(file), split=split))
        source = InMemory(Digits(split=split, **options))
        index = torch.arange(len(source))
        assert len(written) == len(source)
        for key, value in source.__getitems__(index).items():
            assert torch.equal(written.__getitems__(index)[key], value)
        assert list(written.CLASSES) == list(source.CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([CONFIG, "--out", "digits.np"], "--out must end in .npz, got digits.np"),
        ([CONFIG, "--out", "{there}"], "exists; remove it first"),
        (["_base_/datasets/digits_per_image", "--out", "x.npz"], "a config needs 'model'"),
    ],
)
def test_mistakes(call, tmp_path, options, message):
    there = tmp_path / "there.npz"
    there.write_bytes(b"something")
    done = call("data to-npz", *(option.format(there=there) for option in options))
    assert message in error_of(done)
    assert there.read_bytes() == b"something"


def test_data_that_are_not_in_memory(call, child, tmp_path):
    digits = "dict(_delete_=True, type='Digits', split='train')"
    config = child(f"train_dataloader = dict(dataset={digits})")
    message = error_of(call("data to-npz", config, "--out", tmp_path / "x.npz"))
    assert message.endswith("train_dataloader.dataset must be InMemory, got Digits")
    assert list(tmp_path.iterdir()) == [config]
