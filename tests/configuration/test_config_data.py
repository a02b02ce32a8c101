"""The config that a run has left, read as data."""

import pytest
from mmengine.config import Config

from dmmix.configuration.config_data import read_config_data
from dmmix.configuration.shipped import CONFIGS


@pytest.mark.parametrize(
    "name", ["quickstart/digits_cutmix_mce.py", "cifar100/resnet18_cutmix_dm.py"]
)
def test_a_config_is_read_as_mmengine_reads_it(name, tmp_path):
    cfg = Config.fromfile(CONFIGS / name)
    cfg.dump(tmp_path / "config.py")
    assert read_config_data(tmp_path / "config.py") == cfg.to_dict()
