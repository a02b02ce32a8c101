"""Checkpoints and other files: what was wrong once, here and in the trackers of others.

Of ours, the rest stands where the code is: escapes from the loader in tests/compat/test_escapes.py
and test_hostile_pickles.py, what a checkpoint says about files and configs in test_file_claims.py,
damage in test_digest.py and test_damage.py, YAML and annotations in test_plain_files.py, states and
weights in tests/engine/test_fit.py, others' results in tests/cli/test_mixed_accuracy.py.
"""

import os

import pytest

from dmmix.compat import needed
from dmmix.configuration.config_data import read_config_data
from dmmix.configuration.errors import UserError
from dmmix.datasets.sources.tiny_imagenet import TinyImageNet
from dmmix.datasets.subsets.subset_file import read_subset_file
from dmmix.experiments.store.run import Run
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout

pytestmark = pytest.mark.openmmlab


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


def test_a_name_on_the_index_that_is_not_ours_was_advised():
    with pytest.raises(ImportError, match=r"in the checkout of dmmix, pip install -e"):
        needed.import_needed("no_such_package_anywhere")
