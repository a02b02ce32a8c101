"""Config files that cannot be read, or have what nothing reads: what a command says of them."""

import pytest

from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{configs}/digits_cutmix_dn.py", "did you mean {configs}/digits_cutmix_dm.py"),
        ("nowhere/x.py", "no config file nowhere/x.py: no folder nowhere"),
        ("{configs}", "it is a folder"),
        (
            "child.py",
            "{here}/child.py: no base file {here}/bases.py; did you mean {here}/base.py?",
        ),
        ("mmpretrain::resnet/resnet19.py", "mmpretrain has no config resnet/resnet19.py"),
        ("config.txt", "config.txt: OSError: Only py/yml/yaml/json"),
        ("base.py", "base.py: a config needs 'model', this one has ['lr']"),
        ("own.py", "custom_imports: ImportError: Failed to import absent_module"),
    ],
)
def test_a_config_that_cannot_be_read(call, dm, tmp_path, name, says):
    for file, text in {
        "base.py": "lr = 1",
        "child.py": "_base_ = './bases.py'",
        "config.txt": "model = dict()",
        "own.py": "model = dict()\ncustom_imports = dict(imports=['absent_module'])",
    }.items():
        (tmp_path / file).write_text(f"{text}\n", encoding="utf-8")
    where = dict(configs=dm.parent, here=tmp_path)
    assert says.format(**where) in error_of(call("train", name.format(**where)))


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
    assert f"unknown key {wrong!r}; did you mean {right!r}?" in message
