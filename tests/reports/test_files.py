"""Checkpoints and other files: what was wrong once, here and in the trackers of others.

Of ours, the rest stands where the code is: escapes from the loader in tests/compat/test_escapes.py
and test_hostile_pickles.py, what a checkpoint says about files and configs in test_file_claims.py,
damage in test_digest.py and test_damage.py, YAML and annotations in test_plain_files.py, weights of
another network in tests/engine/test_fit.py, others' results in tests/cli/test_mixed_accuracy.py.
"""

import copy
import json
import os

import pytest
import torch

from dmmix.compat import CheckpointError, CorruptCheckpointError, needed, safe_load
from dmmix.configuration.config_data import read_config_data
from dmmix.configuration.errors import UserError
from dmmix.datasets.sources.tiny_imagenet import TinyImageNet
from dmmix.datasets.subsets.subset_file import read_subset_file
from dmmix.experiments.store.files import read_json, write_json
from dmmix.experiments.store.run import Run
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout
from tests.engine.test_fit import Toy, make_runner

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    make_runner(folder, epochs=1).train()
    return torch.load(folder / "epoch_1.pth", weights_only=True)


def resume(content, folder):
    torch.save(content, folder / "a.pth")
    make_runner(folder / "work", load_from=str(folder / "a.pth"), resume=True).train()


# Ours


@pytest.mark.parametrize("text", ['{"complete": tr', "[]", '{"fingerprint": 3}', "\udcff"])
def test_a_malformed_result_was_trained_again_without_a_word(tmp_path, text):
    (tmp_path / "result.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=rf"{tmp_path}/result.json.*move it away"):
        _ = Run(tmp_path).result


def test_a_config_in_other_bytes_was_a_unicode_error(tmp_path):
    for content in (b"\xff", b"a = 1\0", b"-" * 100_000 + b"1"):
        (tmp_path / "config.py").write_bytes(content)
        with pytest.raises(ValueError, match=r"config.py is no config as mmengine writes it"):
            read_config_data(tmp_path / "config.py")


def test_an_index_file_of_brackets_was_a_recursion_error(tmp_path):
    (tmp_path / "split.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ValueError, match=r"split.json is no index file"):
        read_subset_file(str(tmp_path / "split.json"))


ANNOTATIONS = [
    ("CustomDataset", "a.txt", "a/x.png\n", "not enough values"),
    ("CustomDataset", "a.txt", "a/x.png cat\n", "'cat'"),
    ("mmpretrain.BaseDataset", "a.json", '{"metainfo', "JSONDecodeError"),
    ("mmpretrain.BaseDataset", "a.json", "[]", "should be a dict"),
    ("MultiLabelDataset", "a.json", '{"metainfo": 3, "data_list": []}', "items"),
]


@pytest.mark.parametrize(("kind", "name", "text", "says"), ANNOTATIONS)
def test_annotations_that_cannot_be_read_had_no_name(tmp_path, kind, name, text, says):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"ann_file='{tmp_path}/{name}' cannot be .*{says}"):
        DATASETS.build(dict(type=kind, data_root=str(tmp_path), data_prefix="", ann_file=name))


def test_a_list_of_classes_in_other_bytes_was_a_unicode_error(tmp_path):
    root = make_layout("tiny_imagenet", tmp_path, classes=2, per_class=1)
    with open(os.path.join(root, "words.txt"), "wb") as file:
        file.write(b"\xff")
    with pytest.raises(ValueError, match=r"words.txt is no text in UTF-8"):
        TinyImageNet(str(root))


STATES = {
    "of no rank": lambda states: states.update(ranks=[]),
    "of another kind": lambda states: states.update(ranks=3),
    "too short": lambda states: states["ranks"][0].update(torch=torch.zeros(3, dtype=torch.uint8)),
    "without NumPy's": lambda states: states["ranks"][0].pop("numpy"),
}


@pytest.mark.parametrize("change", STATES)
def test_damaged_random_states_had_no_name(saved, tmp_path, change):
    content = copy.deepcopy(saved)
    STATES[change](content["random_states"])
    with pytest.raises(CheckpointError, match=r"a.pth cannot be resumed: its random states are da"):
        resume(content, tmp_path)


@pytest.mark.parametrize("key", ["optimizer", "message_hub", "param_schedulers"])
def test_damaged_training_states_had_no_name(saved, tmp_path, key):
    with pytest.raises(CheckpointError, match=r"a.pth cannot be (resumed|loaded): "):
        resume({**saved, key: "x"}, tmp_path)


def test_a_momentum_of_another_shape_failed_in_the_first_step(saved, tmp_path):
    content = copy.deepcopy(saved)
    content["optimizer"]["state"][1]["momentum_buffer"] = torch.zeros(7)
    with pytest.raises(CheckpointError, match=r"a.pth .* momentum_buffer of weight 1 is \(7,\) in"):
        resume(content, tmp_path)


def test_a_name_on_the_index_that_is_not_ours_was_advised():
    with pytest.raises(ImportError, match=r"in the checkout of dmmix, pip install -e"):
        needed.import_needed("no_such_package_anywhere")


# Others


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod."])
def test_weights_of_a_compiled_network_load(saved, tmp_path, prefix):
    """huggingface/pytorch-image-models#2003, pytorch/pytorch#101107: ``torch.compile`` puts a
    prefix before each name, and nothing was loaded."""
    weights = {prefix + name: value + 1 for name, value in saved["state_dict"].items()}
    torch.save({"state_dict": weights}, tmp_path / "a.pth")
    runner = make_runner(tmp_path / "work", load_from=str(tmp_path / "a.pth"))
    runner.load_or_resume()
    torch.testing.assert_close(
        runner.model.state_dict(), {k: v + 1 for k, v in saved["state_dict"].items()}
    )


def test_a_checkpoint_of_no_bytes(tmp_path):
    """facebookresearch/metaseq#53: a failed write left checkpoints of 0 bytes behind."""
    (tmp_path / "a.pth").touch()
    with pytest.raises(CorruptCheckpointError, match=r"a.pth is damaged"):
        safe_load.load(tmp_path / "a.pth")


def test_a_work_folder_that_was_moved_is_resumed(tmp_path):
    """ray-project/ray#28082: absolute paths are stored, as mmengine does in ``last_checkpoint``,
    and a folder that was moved could not be resumed."""
    make_runner(tmp_path / "here", epochs=1).train()
    os.rename(tmp_path / "here", tmp_path / "there")
    runner = make_runner(tmp_path / "there", resume=True)
    runner.train()
    assert (runner.epoch, os.listdir(tmp_path)) == (2, ["there"])


def test_keys_that_are_strange_to_the_network_are_told(saved, tmp_path):
    """open-mmlab/mmtracking#767: weights of another network were loaded, and the accuracy was that
    of random ones."""
    weights = {f"ema_{name.replace('.', '_')}": v for name, v in saved["state_dict"].items()}
    torch.save({"state_dict": weights}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a.pth is of another network: 0 of 4 weights fit"):
        make_runner(tmp_path / "work", Toy(), load_from=str(tmp_path / "a.pth")).train()


def test_a_checkpoint_that_is_not_there_is_told(tmp_path):
    """birdnet-team/geomodel#13: a typing mistake in the path began the training anew."""
    with pytest.raises(FileNotFoundError, match=r"does not exist: .*epoch_9.pth"):
        make_runner(tmp_path, load_from=str(tmp_path / "epoch_9.pth"), resume=True)


def test_what_is_written_is_read(tmp_path):
    """And so what was refused above is refused for what is wrong with it."""
    write_json(tmp_path / "a.json", {"fingerprint": {"a": "1"}, "complete": True})
    assert read_json(tmp_path / "a.json", fingerprint=dict) == json.loads(
        (tmp_path / "a.json").read_text(encoding="utf-8")
    )
    assert read_json(tmp_path / "b.json") is None
