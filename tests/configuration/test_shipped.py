"""Configs that come with dmmix are found by name, from anywhere."""

import subprocess
import sys

import pytest
from mmengine.config import Config

from dmmix.configuration.errors import UserError
from dmmix.configuration.reading import read_config, read_file
from dmmix.configuration.shipped import CONFIGS, PREFIX, find_config, know_prefix

NAME = "cifar100/resnet18_cutmix_dm"
FILE = CONFIGS / f"{NAME}.py"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mmengine_as_installed(monkeypatch):
    """Without the prefix, which another test may have made known; and so again afterwards."""
    known = Config._get_cfg_path
    monkeypatch.setattr(Config, "_get_cfg_path", staticmethod(getattr(known, "__wrapped__", known)))


def refused(name, *kind):
    with pytest.raises(UserError) as error:
        find_config(name, *kind)
    return str(error.value)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.py", PREFIX + NAME, f"{PREFIX}{NAME}.py"])
def test_a_name_with_and_without_ending_and_prefix(name):
    assert FILE.is_file()
    assert find_config(name) == str(FILE)


def test_a_file_of_that_path_goes_first(tmp_path):
    (tmp_path / NAME).mkdir(parents=True)  # not a folder
    (tmp_path / f"{NAME}.py").write_text("model = dict()\n", encoding="utf-8")
    assert find_config(f"{NAME}.py") == f"{NAME}.py"
    # Not where the shipped one is asked for, nor where it is written as one.
    assert find_config(NAME) == str(FILE)
    assert find_config(f"{PREFIX}{NAME}.py") == str(FILE)


@pytest.mark.parametrize(
    "name",
    [
        f"{PREFIX}cifar100/resnet18_cutmix_dn.py",
        f"{PREFIX}cifar100/resnet18_cutmix_dn",
        "cifar100/resnet18_cutmix_dn.py",
        "cifar100/resnet18_cutmix_dn",
    ],
)
def test_an_unknown_name_is_told_with_the_near_one(name):
    message = refused(name)
    assert message.startswith(f"no config file {name}; did you mean ")
    assert NAME in message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (["dmmix::sweeps/cifar_tinny.py", "sweep"], "; did you mean 'dmmix::sweeps/cifar_tiny'"),
        (["quickstart"], ": it is a folder, with quickstart/digits_cutmix_dm, quickstart/"),
        (["resnet18_cutmix_dm"], "; did you mean 'own/resnet18_cutmix_dm'"),
        (["nowhere/x.py"], ": no folder nowhere"),
    ],
)
def test_what_may_have_been_meant(name, says):
    kind = name[1] if name[1:] else "config"
    assert refused(*name).startswith(f"no {kind} file {name[0]}{says}")


@pytest.mark.parametrize(
    "path", ["../setup.py", "../setup", "../dmmix/version.py", "cifar100/../../setup.py"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(path):
    message = refused(PREFIX + path)
    assert message.startswith(f"no config file {PREFIX}{path}")
    assert refused(path).startswith(f"no config file {path}")  # here, there is none either


def test_an_absolute_path_is_no_name(tmp_path):
    (tmp_path / "mine.py").write_text("model = dict()\n", encoding="utf-8")
    assert refused(f"{PREFIX}{tmp_path}/mine.py").startswith("no config file dmmix::/")
    assert find_config(f"{tmp_path}/mine.py") == f"{tmp_path}/mine.py"


# As a base of a config


@pytest.fixture
def inherits(tmp_path):
    """A config with a shipped one as its base, and a line of its own."""
    file = tmp_path / "mine.py"
    text = f"_base_ = '{PREFIX}{NAME}.py'\nmodel = dict(mixup=dict(alpha=0.5))\n"
    file.write_text(text, encoding="utf-8")
    return file


def as_expected(cfg):
    shipped = Config.fromfile(FILE)
    assert cfg.model.mixup.alpha == 0.5 != shipped.model.mixup.alpha
    cfg.model.mixup.alpha = shipped.model.mixup.alpha
    assert cfg.to_dict() == shipped.to_dict()


def test_a_base_by_name(mmengine_as_installed, inherits):
    as_expected(read_file(str(inherits)))


def test_a_base_by_name_among_others(mmengine_as_installed, tmp_path):
    (tmp_path / "own.py").write_text("width = 3\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(
        f"_base_ = ['./own.py', '{PREFIX}{NAME}']\nwider = {{{{_base_.width}}}}\n",
        encoding="utf-8",
    )
    cfg = read_file("mine.py")
    assert cfg.wider == 3
    assert cfg.model.mixup == Config.fromfile(FILE).model.mixup


def test_mmengine_itself_knows_the_prefix_once_it_was_told(mmengine_as_installed, inherits):
    with pytest.raises(AssertionError, match="does not support to load dmmix config"):
        Config.fromfile(inherits)
    know_prefix()
    known = Config._get_cfg_path
    know_prefix()
    assert Config._get_cfg_path is known
    as_expected(Config.fromfile(inherits))


def test_bases_of_mmpretrain_are_found_as_before(mmengine_as_installed, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("_base_ = 'mmpretrain::_base_/models/resnet18.py'\n", encoding="utf-8")
    know_prefix()
    assert Config.fromfile(file).model.backbone.depth == 18


def test_a_base_that_is_none_is_told_with_the_file_that_wants_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("_base_ = 'dmmix::cifar100/resnet81.py'\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_config(str(file))
    message = str(error.value)
    assert message.startswith(f"{file}")
    assert "no config file dmmix::cifar100/resnet81.py; did you mean " in message
    assert "'dmmix::cifar100/resnet18'" in message


def test_a_sweep_file_is_no_config():
    with pytest.raises(UserError, match=r"needs 'model', .* a sweep file, which dmmix sweep takes"):
        read_config("sweeps/cifar_tiny")


@pytest.mark.slow
def test_whoever_has_imported_the_models_can_read_them(tmp_path, tool_environment):
    """With mmengine's own Config: that of a sweep's cell, say."""
    (tmp_path / "cell.py").write_text(
        "_base_ = 'dmmix::quickstart/digits_vanilla.py'\n", encoding="utf-8"
    )
    program = (
        "import dmmix.models\nfrom mmengine.config import Config\n"
        "assert Config.fromfile('cell.py').model.type == 'MixupClassifier'"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=tool_environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
