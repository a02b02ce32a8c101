"""dmmix VERB: which verbs there are, and what is said to a word that is none."""

import subprocess
import sys

import pytest

from dmmix import mixups
from dmmix.cli import main
from dmmix.configuration.shipped import CONFIGS, find_config
from dmmix.mixups import Mix
from dmmix.models import losses, semi, transfer
from dmmix.registry import MIXUPS, MODELS
from dmmix.version import __version__
from tests.conftest import called


@pytest.fixture
def dmmix(monkeypatch, capsys):
    """``dmmix(WORD...)`` as it is typed: status, output, errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["dmmix", *words])
        return called(main.main, capsys)

    return run


def names_in(listed):
    """The first column, and that each row has a second one."""
    rows = [line.split(maxsplit=1) for line in listed.splitlines()]
    assert all(len(row) == 2 for row in rows)
    names = [name for name, _ in rows]
    assert len(names) == len(set(names))
    return set(names)


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["-h"], 0)])
def test_the_usage_names_every_verb(dmmix, words, status):
    found, shown, err = dmmix(*words)
    assert (found, err) == (status, "")
    assert shown.startswith("usage: dmmix VERB ...")
    lines = [line.strip() for line in shown.splitlines()]
    for verb, (_, about) in main.VERBS.items():
        assert [line for line in lines if line.startswith(f"{verb} ") and line.endswith(about)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'?"),
        (["mixed_accuracy"], "no command 'mixed_accuracy'; did you mean 'mixed-accuracy'?"),
        (["data", "prepar"], "no command 'data prepar'; did you mean 'data prepare'?"),
        (["data", "to_npz", "x"], "no command 'data to_npz'; did you mean 'data to-npz'?"),
        (["zzz"], "no command 'zzz'; there are quickstart, train, "),
    ],
)
def test_an_unknown_verb_is_told_with_the_near_one(dmmix, words, says):
    status, shown, err = dmmix(*words)
    assert (status, shown) == (2, "")
    assert err.startswith(f"error: {says}")
    assert len(err.splitlines()) == 1


def test_data_alone_is_told_what_it_takes(dmmix):
    for words, status in ((["data"], 2), (["data", "--help"], 0)):
        found, shown, _ = dmmix(*words)
        assert found == status
        named = [verb for verb in main.VERBS if verb in shown]
        assert named == [verb for verb in main.VERBS if verb.startswith("data ")]


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_has_a_help(dmmix, verb):
    status, shown, err = dmmix(*verb.split(), "--help")
    assert (status, err) == (0, "")
    assert shown.startswith(f"usage: dmmix {verb} [-h]")


def test_options_are_left_to_the_verb_and_its_status_is_that_of_the_command(dmmix, tmp_path):
    status, _, err = dmmix("data", "prepare", "cub200", "--decode")
    assert status == 2
    assert "--decode goes with --check" in err
    status, _, err = dmmix("data", "prepare", "cub200", "--to", str(tmp_path))
    assert status == 1
    assert "there is no --from" in err


# Lists


def listed(dmmix, kind):
    status, shown, err = dmmix(kind)
    assert (status, err) == (0, "")
    return names_in(shown)


def test_mixes_losses_and_methods(dmmix):
    ours = {name for name in mixups.__all__ if issubclass(MIXUPS.module_dict.get(name, int), Mix)}
    # It is none by itself, but chooses among the others.
    mixes = listed(dmmix, "mixes")
    assert ours - {"RandomMix"} <= mixes <= {*MIXUPS.module_dict}
    assert all(issubclass(MIXUPS.module_dict[name], Mix) for name in mixes)
    found = listed(dmmix, "losses")
    assert found == {name for name in losses.__all__ if name in MODELS.module_dict}
    assert "DecoupledMixupLoss" in found
    found = listed(dmmix, "methods")
    assert found <= {*semi.__all__, *transfer.__all__} & {*MODELS.module_dict}
    assert found >= {
        *("Supervised", "PseudoLabel", "PiModel", "MeanTeacher", "MixMatch", "ReMixMatch", "UDA"),
        *("FixMatch", "FlexMatch", "BSS", "CoTuning", "SelfTuning"),
    }


def test_the_recipes(dmmix):
    paths = (path.relative_to(CONFIGS) for path in CONFIGS.rglob("*.py"))
    names = {path.with_suffix("").as_posix() for path in paths if path.parts[0] != "_base_"}
    assert listed(dmmix, "recipes") == names
    assert {"cifar100/resnet18_cutmix_dm", "sweeps/cifar_tiny"} <= names
    for name in names:  # as they are typed
        assert find_config(name) == str(CONFIGS / f"{name}.py")


@pytest.mark.parametrize(
    ("kind", "words", "some"),
    [
        ("mixes", ["cut"], {"CutMix"}),
        ("losses", ["bce"], {"DecoupledMixupBCELoss"}),
        ("methods", ["fix"], {"FixMatch"}),
        ("recipes", ["semi", "cifar10/"], {"semi/cifar10/fixmatch", "semi/cifar10/fixmatch_dm"}),
    ],
)
def test_words_that_filter(dmmix, kind, words, some):
    status, shown, _ = dmmix(kind, *words)
    assert (status, names_in(shown)) == (0, some)
    status, shown, err = dmmix(kind, "zzz")
    assert (status, shown) == (2, "")
    assert err == f"error: none of the {kind} has zzz in its name\n"


def test_the_version_and_that_it_runs_as_a_module(tool_environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dmmix", "--version"],
        env=tool_environment,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dmmix {__version__}\n", "")
