"""Reading a sweep file, and what is said of a mistake in it."""

import re

import pytest

from dmmix.configuration.errors import UserError
from dmmix.experiments.grid.sweep_file import read_sweep

AXES = "axes = dict(mixup=['mixup', 'none'], objective=['mce', 'dm_ce'], seed=[0, 1])\n"


@pytest.fixture
def read(sweep_file):
    return lambda text: read_sweep(sweep_file(text))


@pytest.fixture
def mistake(read):
    """The message about a sweep file with this text; it begins with the name of the file."""

    def message(text):
        with pytest.raises(UserError) as error:
            read(text)
        assert "small.py" in str(error.value).split(":")[0]
        return str(error.value)

    return message


def names(sweep, **only):
    return [sweep.label(point) for point in sweep.points(only)]


# What a file says


def test_cells_are_all_combinations_and_the_last_axis_changes_fastest(read):
    sweep = read(AXES)
    assert sweep.name == "small"
    assert (sweep.metric, sweep.key) == ("median10", "accuracy/top1")
    assert (sweep.subset_seed, sweep.baseline, sweep.overrides) == (0, None, {})
    assert sweep.published_value({"mixup": "mixup", "objective": "mce", "seed": "0"}) is None
    assert names(sweep) == [
        *["mixup-mce-s0", "mixup-mce-s1", "mixup-dm_ce-s0", "mixup-dm_ce-s1"],
        *["none-mce-s0", "none-mce-s1", "none-dm_ce-s0", "none-dm_ce-s1"],
    ]


def test_only_and_exclude(read):
    sweep = read(AXES + "exclude = [dict(mixup='none', objective=['dm_ce']), dict(seed=1)]\n")
    assert names(sweep) == ["mixup-mce-s0", "mixup-dm_ce-s0", "none-mce-s0"]
    assert names(sweep, objective=["mce"]) == ["mixup-mce-s0", "none-mce-s0"]
    with pytest.raises(UserError, match="no cell is left"):
        names(sweep, seed=["1"])


def test_several_recipes_are_an_axis(read):
    sweep = read(
        "recipes = {'a': 'quickstart/digits_vanilla.py', 'b': 'cifar100/resnet18.py'}\n"
        "axes = dict(seed=[3])\n"
    )
    assert names(sweep) == ["a-s3", "b-s3"]
    assert sweep.recipe({"recipe": "b", "seed": "3"}) == "cifar100/resnet18.py"


def test_labels_of_all_axes(read):
    sweep = read(
        "import os\n_e = [5]\n"  # the file's own
        "axes = dict(epochs=_e, label_fraction=[0.15, None], subset_seed=[2],"
        " mixup=['mixup'], objective=['dm_ce'], alpha=[1.0], eta=[0.1],"
        " batch=dict(small=dict(train_dataloader=dict(batch_size=5))))\n"
    )
    assert names(sweep) == [
        "5ep-frac0.15-split2-mixup-dm_ce-alpha1.0-eta0.1-small",
        "5ep-all-split2-mixup-dm_ce-alpha1.0-eta0.1-small",
    ]


def test_published_by_name_and_by_place(read):
    sweep = read(
        AXES + "published_by = ('mixup', 'objective')\n"
        "published = {'mixup': (70.5, None), 'none': dict(mce=60.0), 'automix': (80.0, 81.0)}\n"
    )

    def value(mixup, objective):
        return sweep.published_value({"mixup": mixup, "objective": objective, "seed": "1"})

    assert value("mixup", "mce") == 70.5
    assert value("mixup", "dm_ce") is None
    assert value("none", "mce") == 60.0
    assert value("none", "dm_ce") is None
    assert sweep.published.without_cell() == ["automix"]


def test_published_by_the_name_of_a_table(read):
    """With a part of one, the axis that is said need not be here; its note comes along."""
    few = "axes = dict(mixup=['mixup', 'none'], objective=['mce', 'dm_ce'], label_fraction=[0.3])\n"
    sweep = read(few + "published = 'few_labels_cifar100'\n")
    point = {"mixup": "mixup", "objective": "dm_ce", "label_fraction": "0.3"}
    assert sweep.published_value(point) == 56.78
    assert sweep.published_value({**point, "mixup": "none"}) is None
    assert "our choice" in sweep.published.note
    own = read(few + "published = 'few_labels_cifar100'\npublished_note = 'mine'\n")
    assert own.published.note == "mine"
    sweep = read(AXES + "published = dict(table='cifar100_epochs', epochs=400)\n")
    point = {"mixup": "mixup", "objective": "mce", "seed": "0"}
    assert sweep.published_value(point) == 79.34
    assert sweep.published_value({**point, "objective": "dm_ce"}) is None
    recipe = "recipes = {'deit_s': 'imagenet/deit_small.py'}\n"  # an axis of the table
    sweep = read(recipe + AXES + "published = 'deit'\n")
    assert sweep.published_value(point) == 79.65


def test_methods_by_name(read):
    sweep = read("axes = dict(method=['uda', 'mixmatch_dm'], strategy=['mce'])\n")
    assert sweep.axes["method"]["uda"] == dict(model=dict(type="UDA"))
    assert sweep.axes["method"]["mixmatch_dm"]["model"]["stream_mix"]["mixup"]["alpha"] == 0.2
    assert sweep.axes["strategy"]["mce"]["model"]["stream_mix"]["lam_bias"] == "none"
    sweep = read("axes = dict(method={'mine': dict(step=dict(compile=True)), 'theirs': 'uda'})\n")
    assert sweep.axes["method"]["mine"] == dict(step=dict(compile=True))
    assert sweep.axes["method"]["theirs"] == dict(model=dict(type="UDA"))


# What is wrong with one

#: What is written (beside AXES, where it says no axes), and what is said; ... is anything.
MISTAKES = [
    ("overides = {}", "unknown name 'overides' ... 'overrides'"),
    ("axes = {}", "axes must be a dict with something in it, got {}"),
    ("recipes = {}", "recipes must be a dict"),
    (
        "recipes = {'r': 'cifar100/resnet81.py'}",
        "recipes['r']: no config file ... did you mean ... resnet18.py",
    ),
    ("recipes = {'r': 3}", "recipes['r'] ... got 3"),
    ("axes = dict(mixups=['mixup'])", "unknown axis 'mixups' ... 'mixup'"),
    ("axes = dict(zzz=[1])", "unknown axis 'zzz' ... overrides"),
    ("axes = dict(sed=dict(a=dict(), b=dict()))", "unknown axis 'sed' ... did you mean 'seed'"),
    ("axes = dict(mixup=['cutmx'])", "no mixup 'cutmx' ... did you mean 'cutmix'"),
    ("axes = dict(mixup=['automix'])", "AutoMix is not built"),
    ("axes = dict(objective=['dm_cee'])", "no objective 'dm_cee' ... 'dm_ce'"),
    ("axes = dict(seed=[])", "axes['seed'] ... not empty"),
    ("axes = dict(seed=3)", "axes['seed'] must be a list ... got 3"),
    ("axes = dict(mixup=['mixup', 'mixup'])", "'mixup' twice"),
    ("axes = dict(eta=[1, 1.0])", "has 1.0 twice"),
    ("axes = dict(seed=[-1])", "axes['seed'] ... 0 or more"),
    ("axes = dict(seed=[True])", "must be integers ... True"),
    ("axes = dict(epochs=[0])", "axes['epochs'] must be integers, 1 or more"),
    ("axes = dict(label_fraction=[15])", "in (0, 1] or None, got 15"),
    ("axes = dict(label_fraction=[0.0])", "in (0, 1] or None, got 0.0"),
    ("axes = dict(labels_per_class=[0])", "labels_per_class ... 1 or more"),
    ("axes = dict(eta=[-0.1])", "axes['eta'] must be numbers, 0 or more"),
    ("axes = dict(eta=[float('inf')])", "axes['eta'] ... inf"),
    ("axes = dict(mixup={'a/b': dict()})", "'a/b' ... folder"),
    ("axes = dict(seed=dict(a=0))", "axes['seed'] must be a list"),
    ("axes = dict(mixup={'a': 3})", "['a'] must be a dict"),
    ("axes = dict(label_fraction=[0.1], labels_per_class=[4])", "do not go together"),
    ("axes = dict(subset_seed=[0])", "subset_seed needs label_fraction"),
    ("subset_seed = -1", "subset_seed must be ... got -1"),
    ("axes = dict(labels_per_class=[4])\nsubset_seed = 'seed'", "needs the axis seed"),
    ("exclude = [dict(mix='none')]", "exclude: no axis"),
    ("exclude = [dict(mixup='nome')]", "exclude: mixup has no 'nome' ... did you mean 'none'"),
    ("exclude = dict(mixup='none')", "exclude must be a list"),
    ("special = [dict(where=dict(seed=0))]", "dict(where=..., set"),
    ("special = [dict(where=dict(seed=2), set=dict())]", "special: seed has no '2'"),
    ("special = [dict(where=dict(seed=0), set=3)]", "special: set must be a dict ... got 3"),
    ("overrides = [3]", "overrides must be a dict, got [3]"),
    ("baseline = dict(objective='mse')", "baseline ... 'mse' ... 'mce'"),
    ("baseline = dict(objective=['mce', 'dm_ce'])", "baseline: objective must be one value"),
    ("metric = 'median'", "metric must be one of ... median10"),
    ("published_note = 3", "published_note must be text, got 3"),
    ("published_by = ('mix',)", "published_by: no axis 'mix'"),
    (
        "published = 'cifar_tine'",
        "no table 'cifar_tine' ... did you mean 'cifar_tiny' ... published_by",
    ),
    (
        "published = 'cifar100_epochs'",
        "'cifar100_epochs' goes by 'epochs', no axis of this sweep ... epochs=...)",
    ),
    ("published = 'imagenet'", "'imagenet' has no recipe digits; it has r18, r34, r50"),
    (
        "published = dict(table='cifar100_epochs', epochs=300)",
        "has no epochs 300; it has 200, 400, 800",
    ),
    ("published = dict(table='cifar100_epochs', eta=0.1)", "has no eta 0.1; it has no eta"),
    ("axes = dict(method=['fixmach'])", "no method 'fixmach' ... 'fixmatch'"),
    ("axes = dict(method=dict(a='b'))", "['a'] must be a dict, got 'b'"),
    (
        "published_by = ('mixup',)\npublished = dict(mixpu=1.0)",
        "published: mixup has no 'mixpu' ... did you mean 'mixup'",
    ),
    (
        "published_by = ('mixup', 'objective')\npublished = dict(mixup=(1.0,))",
        "1 numbers for the 2 values of objective",
    ),
    (
        "published_by = ('mixup',)\npublished = dict(mixup=(1.0, 2.0))",
        "published: expected a number, got (1.0, 2.0)",
    ),
    (
        "published_by = ('mixup', 'objective')\npublished = dict(mixup=1.0)",
        "published: a number where objective was expected",
    ),
]


@pytest.mark.parametrize(("text", "says"), MISTAKES)
def test_mistakes(text, says, mistake):
    said = mistake(text if "axes =" in text else f"{AXES}{text}\n")
    assert re.search(".*".join(map(re.escape, says.split(" ... "))), said), said


def test_the_line_of_a_syntax_error(mistake):
    assert "small.py, line 3: SyntaxError" in mistake("_a = 1\naxes = dict(seed=[0]\n\n_b = 1)")


@pytest.mark.parametrize(
    "wrong", ["1 / 0", "undefined", "__import__('pathlib').Path('/nowhere/at/all').read_text()"]
)
def test_the_line_of_another_error(wrong, mistake):
    """Of the file, also where a library raises."""
    assert "small.py, line 4: " in mistake(f"\n\n_x = {wrong}\n" + AXES)


def test_files_that_are_none(sweep_file, tmp_path):
    near = sweep_file(AXES)
    with pytest.raises(UserError, match=f"no sweep file .*{near}"):
        read_sweep(tmp_path / "smal.py")
    with pytest.raises(UserError, match=r"digits_cutmix_dm\.py is the config of one training"):
        read_sweep("quickstart/digits_cutmix_dm")
