"""Tools build the dataset that the config means: of two of a name, that of its default_scope."""

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dmmix.datasets import CIFAR10
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout


@pytest.mark.parametrize("scope", ["dmmix", "mmpretrain", None])
def test_the_scope_of_the_config(load_tool, tmp_path, monkeypatch, scope):
    stock = DATASETS.get("mmpretrain.CIFAR10")
    monkeypatch.setattr(stock, "_check_integrity", lambda self: True)
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    root = make_layout("cifar10", tmp_path)
    cfg = Config({} if scope is None else {"default_scope": scope})
    DefaultScope.get_instance("other", scope_name="mmengine")
    dataset = load_tool("_cli").build_dataset(cfg, dict(type="CIFAR10", data_root=root))
    assert type(dataset) is (CIFAR10 if scope == "dmmix" else stock)
    assert len(dataset) > 0
    assert DefaultScope.get_current_instance().scope_name == "mmengine"
