"""The text of a config and git's commit are worked out once."""

import pytest
from mmengine.config import Config
from mmengine.runner import runner

import dmmix.registry  # noqa: F401 - prepares mmengine

pytestmark = pytest.mark.openmmlab


def test_the_text_is_that_of_the_config_as_it_is():
    texts = Config.pretty_text.fget.texts
    texts.clear()
    cfg = Config(dict(model=dict(type="A", sizes=(1, 2)), lr=0.1))
    first = cfg.pretty_text
    assert cfg.pretty_text is first
    assert Config(cfg.to_dict()).pretty_text is first
    assert len(texts) == 1
    cfg.model.sizes = [1, 2]
    assert Config.fromstring(cfg.pretty_text, ".py").model.sizes == [1, 2]
    assert len(texts) == 2
    cfg.model.sizes = (1, 2)
    assert cfg.pretty_text is first
    for number in range(20):  # few texts are kept, and all are right
        cfg.lr = number
        assert f"lr = {number}" in cfg.pretty_text
    assert len(texts) <= 8


def test_git_is_asked_once(monkeypatch):
    assert runner.get_git_hash() == runner.get_git_hash()
    assert runner.get_git_hash.cache_info().currsize == 1
