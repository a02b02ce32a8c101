"""Config files that cannot be read, or have what nothing reads: what a command says of them."""

import pytest

from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab


def test_a_missing_config_names_those_that_come_close(call, dm):
    message = error_of(call("train", dm.with_name("digits_cutmix_dn.py"), "--dry-run"))
    assert "no config file" in message
    assert f"did you mean {dm}" in message


def test_a_missing_folder(call):
    assert error_of(call("train", "nowhere/x.py")) == (
        "no config file nowhere/x.py: no folder nowhere"
    )


def test_a_folder_is_no_config(call, dm):
    assert error_of(call("train", dm.parent)).endswith("it is a folder")


def test_a_missing_base_file_is_named_with_the_file_that_wants_it(call, tmp_path):
    (tmp_path / "base.py").write_text("model = dict()\n", encoding="utf-8")
    (tmp_path / "child.py").write_text("_base_ = './bases.py'\n", encoding="utf-8")
    message = error_of(call("train", "child.py"))
    assert message == (
        f"{tmp_path}/child.py: no base file {tmp_path}/bases.py; did you mean {tmp_path}/base.py?"
    )


def test_a_missing_config_of_mmpretrain(call):
    message = error_of(call("train", "mmpretrain::resnet/resnet19.py"))
    assert message == "mmpretrain has no config resnet/resnet19.py"


@pytest.mark.parametrize("in_base", [False, True])
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("lr = 0.1\nmodel = dict(type='x'))\n", 2, "unmatched ')'"),
        ("lr = 0.1\n\nmodel = dict(type=undefined)\n", 3, "name 'undefined' is not defined"),
    ],
)
def test_a_config_that_is_no_python_names_file_and_line(call, tmp_path, text, line, what, in_base):
    (tmp_path / "broken.py").write_text(text, encoding="utf-8")
    (tmp_path / "child.py").write_text("_base_ = './broken.py'\n", encoding="utf-8")
    message = error_of(call("train", tmp_path / ("child.py" if in_base else "broken.py")))
    assert message.startswith(f"{tmp_path}/broken.py, line {line}: ")
    assert what in message


def test_a_config_of_another_kind(call, tmp_path):
    (tmp_path / "config.txt").write_text("model = dict()\n", encoding="utf-8")
    assert "config.txt: OSError: Only py/yml/yaml/json" in error_of(call("train", "config.txt"))


def test_a_config_without_a_model(call, tmp_path):
    (tmp_path / "empty.py").write_text("lr = 1\n", encoding="utf-8")
    message = error_of(call("train", "empty.py"))
    assert message == "empty.py: a config needs 'model', this one has ['lr']"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("optim_wraper", "optim_wrapper"),
        ("custom_hook", "custom_hooks"),
        ("load_form", "load_from"),
    ],
)
def test_a_misspelt_key_is_found_beside_the_right_one(call, child, wrong, right):
    message = error_of(call("train", child(f"{wrong} = dict()"), "--dry-run"))
    assert f"unknown key {wrong!r}, did you mean {right!r}?" in message


def test_an_import_that_fails_is_named(call, child):
    message = error_of(call("train", child("custom_imports = dict(imports=['absent_module'])")))
    assert "absent_module" in message
    assert "child.py" in message
