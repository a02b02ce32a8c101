"""What a command does with a config, before it trains or tests."""

import gc

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dmmix.cli.running import build_dataset, starting
from dmmix.datasets import CIFAR10
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout


@pytest.mark.parametrize("scope", ["dmmix", "mmpretrain", None])
def test_a_dataset_is_that_of_the_scope_of_the_config(tmp_path, monkeypatch, scope):
    """Of two of a name."""
    stock = DATASETS.get("mmpretrain.CIFAR10")
    monkeypatch.setattr(stock, "_check_integrity", lambda self: True)
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    root = make_layout("cifar10", tmp_path)
    cfg = Config({} if scope is None else {"default_scope": scope})
    DefaultScope.get_instance("other", scope_name="mmengine")
    dataset = build_dataset(cfg, dict(type="CIFAR10", data_root=root))
    assert type(dataset) is (CIFAR10 if scope == "dmmix" else stock)
    assert len(dataset) > 0
    assert DefaultScope.get_current_instance().scope_name == "mmengine"


@pytest.mark.openmmlab
def test_the_collector_rests_while_starting():
    assert gc.isenabled()
    with starting():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    with pytest.raises(ZeroDivisionError), starting():
        raise ZeroDivisionError
    assert gc.isenabled()
