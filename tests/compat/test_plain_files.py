"""YAML and annotation files run nothing."""

import json
import pickle

import mmengine
import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from dmmix import compat
from tests.touch import Touch

compat.prepare()

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:builtins.open [{trace}, w]",
        "a: !!python/object/new:builtins.open [{trace}, w]",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "a: [1, {{b: !!python/object:dmmix.compat.errors.CheckpointError {{}}}}]",
    ],
)
def test_a_config_in_yaml_makes_no_objects(tmp_path, text):
    path, trace = tmp_path / "config.yaml", tmp_path / "trace"
    path.write_text("x: 1\n" + text.format(trace=trace), encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 asks for a Python object \(!!python/"):
        Config.fromfile(path)
    assert not trace.exists()


def test_a_config_in_yaml_comes_back(tmp_path):
    content = {"a": [1, 2.5, "x", None, True], "b": {"c": (1, (2, 3))}}
    Config(content).dump(tmp_path / "config.yaml")
    assert Config.fromfile(tmp_path / "config.yaml").to_dict() == content


@pytest.mark.parametrize("name", ["ann.pkl", "ann.pickle", "ann.PKL"])
def test_annotations_that_are_a_pickle_are_refused(tmp_path, name):
    trace = tmp_path / "trace"
    (tmp_path / name).write_bytes(pickle.dumps(Touch(trace)))
    with pytest.raises(ValueError, match=r"ann_file='.*' is a pickle, which could run code"):
        BaseDataset(ann_file=str(tmp_path / name))
    assert not trace.exists()


def test_annotations_in_json_are_read_and_what_a_user_loads_is_the_users(tmp_path):
    content = {"metainfo": {"classes": ["a"]}, "data_list": [{"img_path": "x", "gt_label": 0}]}
    (tmp_path / "ann.json").write_text(json.dumps(content), encoding="utf-8")
    assert len(BaseDataset(ann_file=str(tmp_path / "ann.json"))) == 1
    mmengine.dump([1, 2], tmp_path / "predictions.pkl")
    assert mmengine.load(tmp_path / "predictions.pkl") == [1, 2]
