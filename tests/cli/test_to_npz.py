"""tools/data/to_npz.py: the images of a config in one file, as NPZDataset reads them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

CONFIG = "configs/quickstart/digits_vanilla.py"


@pytest.fixture
def to_npz(root):
    def run(*options):
        command = [sys.executable, "tools/data/to_npz.py", *map(str, options)]
        return subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=False, encoding="utf-8"
        )

    return run


@pytest.mark.slow
def test_digits(to_npz, tmp_path):
    from dmmix.datasets import Digits, InMemory, NPZDataset

    file = tmp_path / "made" / "digits.npz"
    done = to_npz(CONFIG, "--out", file)
    assert done.returncode == 0, done.stderr
    assert f"{file} is made" in done.stdout
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
        (
            ["configs/_base_/datasets/digits_per_image.py", "--out", "x.npz"],
            "a config needs 'model'",
        ),
    ],
)
def test_mistakes(to_npz, tmp_path, options, message):
    there = tmp_path / "there.npz"
    there.write_bytes(b"something")
    done = to_npz(*(option.format(there=there) for option in options))
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert there.read_bytes() == b"something"


def test_data_that_are_not_in_memory(to_npz, root, tmp_path):
    config = tmp_path / "config.py"
    config.write_text(
        f"_base_ = {str(root / CONFIG)!r}\n"
        "train_dataloader = dict(dataset=dict(_delete_=True, type='Digits', split='train'))\n",
        encoding="utf-8",
    )
    done = to_npz(config, "--out", tmp_path / "x.npz")
    assert done.returncode != 0
    assert "train_dataloader.dataset must be InMemory, got Digits" in done.stderr
    assert list(tmp_path.iterdir()) == [config]
