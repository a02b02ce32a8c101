"""The config of a cell: what was meant, and nothing else."""

import runpy
import sys

import pytest

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS
from dmmix.configuration.reading import read_config
from dmmix.configuration.shipped import CONFIGS
from dmmix.experiments.grid.cell import cells_of
from dmmix.experiments.grid.sweep_file import read_sweep
from dmmix.experiments.launch.plan import CellRun
from tests.recipes.cells import cells, covering, wanted

AXES = "axes = dict(mixup=['cutmix', 'none'], objective=['dm_ce', 'mce'], seed=[0, 4])\n"


@pytest.fixture
def only_cell(make_cells):
    def make(text, **only):
        (cell,) = make_cells(text, {axis: [value] for axis, value in only.items()})
        return cell

    return make


def load(cell):
    """The config as dmmix train reads it from the cell's folder, with its checks."""
    CellRun(cell).prepare()
    return read_config(str(cell.config))


def test_mix_loss_and_seed(only_cell):
    cfg = load(only_cell(AXES, mixup="cutmix", objective="dm_ce", seed="4"))
    assert cfg.model.mixup == dict(type="CutMix", alpha=0.2)
    assert cfg.model.head.loss == dict(type="DecoupledMixupLoss", eta=0.1)
    assert cfg.model.head.type == "DMLinearClsHead"  # the rest is the recipe's
    assert cfg.randomness.seed == 4
    assert cfg.train_dataloader.dataset.dataset.labels_per_class == 10
    cfg = load(only_cell(AXES, mixup="none", objective="mce", seed="0"))
    assert cfg.model.get("mixup") is None
    assert cfg.model.head.loss == dict(type="MixupCrossEntropyLoss")


def test_the_file_is_short_and_refers_to_the_recipe(only_cell, root, tmp_path):
    cell = only_cell(AXES, mixup="cutmix", objective="dm_ce", seed="4")
    CellRun(cell).prepare()
    text = cell.config.read_text(encoding="utf-8")
    assert text.startswith("# Cell cutmix-dm_ce-s4 of the sweep small")
    assert len(text.splitlines()) < 15
    assert max(map(len, text.splitlines()[2:])) <= 100
    written = runpy.run_path(str(cell.config))
    assert written["_base_"] == "dmmix::quickstart/digits_vanilla.py"
    assert "num_classes" not in text
    # It can be moved, or sent to another machine.
    for folder in (root / "work_dirs" / "small", tmp_path / "elsewhere"):  # not written
        assert text in [other.text() for other in cells_of(cell.sweep, folder)]


def test_cell_json(only_cell):
    text = "baseline = dict(objective='mce')\npublished_by = ('mixup',)\n"
    text += "published = dict(cutmix=70.5)\n"
    cell = only_cell(AXES + text, mixup="cutmix", objective="mce", seed="4")
    about = cell.description()
    assert about["axes"] == {"mixup": "cutmix", "objective": "mce", "seed": "4"}
    assert (about["sweep"], about["cell"]) == ("small", "cutmix-mce-s4")
    assert about["recipe"] == "quickstart/digits_vanilla.py"
    assert (about["published"], about["baseline"]) == (70.5, {"objective": "mce"})
    assert (about["steps"], about["by_epoch"]) == (100, True)


def test_the_command_that_trains_a_cell(only_cell):
    cell = only_cell("axes = dict(seed=[0])")
    train = ["-m", "dmmix", "train", str(cell.config), "--work-dir", str(cell.folder)]
    assert cell.command() == [sys.executable, *train]
    assert cell.command(resume=True) == [sys.executable, *train, "--resume"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=3"]
    assert cell.command(3, resume=True) == [*torchrun, *train, "--launcher", "pytorch", "--resume"]


# Length


def validated(train_cfg):
    """The epochs after which mmengine's loop validates."""
    from mmengine.runner.utils import calc_dynamic_intervals

    milestones, intervals = calc_dynamic_intervals(
        train_cfg.val_interval, train_cfg.get("dynamic_intervals")
    )
    last = train_cfg.max_epochs
    epochs = []
    for epoch in range(1, last + 1):
        interval = [i for m, i in zip(milestones, intervals, strict=True) if m <= epoch + 1][-1]
        if epoch % interval == 0 or epoch == last:
            epochs.append(epoch)
    return epochs


def test_epochs_stretch_a_schedule(only_cell):
    cfg = load(only_cell("axes = dict(epochs=[30])"))
    assert cfg.train_cfg.max_epochs == 30
    assert cfg.param_scheduler.T_max == 30
    assert set(range(21, 31)) <= set(validated(cfg.train_cfg))
    # With a warm-up.
    text = "recipes = {'vit': 'cifar100/deit_small.py'}\naxes = dict(epochs=[600])"
    warm_up, cosine = only_cell(text).merged.param_scheduler
    assert (warm_up.begin, warm_up.end) == (0, 5)
    assert (cosine.begin, cosine.end, cosine.T_max) == (5, 600, 595)


@pytest.mark.parametrize("sweep", ["cifar100_epochs", "vit_cifar100", "cifar_tiny", "headline"])
def test_the_last_ten_epochs_are_validated_whatever_the_length(sweep, tmp_path):
    cells = cells_of(read_sweep(CONFIGS / "sweeps" / f"{sweep}.py"), tmp_path, {"seed": ["0"]})
    lengths = {(cell.recipe, cell.point.get("epochs")): cell for cell in cells}
    for cell in lengths.values():
        train_cfg = cell.merged.train_cfg
        last = train_cfg.max_epochs
        epochs = validated(train_cfg)
        assert set(range(last - 9, last + 1)) <= set(epochs), cell.name
        assert len(epochs) <= last // train_cfg.val_interval + 11, cell.name


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("axes = dict(epochs=[30])\nmetric = 'best'", None),  # another metric counts
        (
            "axes = dict(seed=[0])\n"
            "overrides = dict(train_cfg=dict(max_epochs=30, dynamic_intervals=[(5, 2)]))\n",
            [(5, 2)],
        ),
    ],
)
def test_where_the_last_ten_epochs_are_not_added(only_cell, text, intervals):
    assert only_cell(text).merged.train_cfg.get("dynamic_intervals") == intervals


# Few labels, numbers, overrides


def subset(cell):
    return cell.merged.train_dataloader.dataset.get("subset")


def test_few_labels_are_the_same_ones_for_all_seeds(make_cells):
    cells = make_cells("axes = dict(label_fraction=[0.15, None], seed=[1, 2])")
    assert list(map(subset, cells)) == [dict(label_fraction=0.15, seed=0)] * 2 + [None] * 2


@pytest.mark.parametrize(
    ("more", "seeds"),
    [
        ("subset_seed = 5", [5, 5]),
        ("subset_seed = 'seed'", [1, 2]),
        ("axes['subset_seed'] = [7]", [7, 7]),
    ],
)
def test_the_seed_of_the_few_labels(more, seeds, make_cells):
    cells = make_cells(f"axes = dict(labels_per_class=[4], seed=[1, 2])\n{more}\n")
    assert list(map(subset, cells)) == [dict(labels_per_class=4, seed=seed) for seed in seeds]


def test_the_seed_of_the_few_labels_of_a_recipe(make_cells):
    sweep = "recipes = {'r': 'semi/quickstart/digits_fixmatch_40.py'}\naxes = dict(seed=[1, 2])\n"
    assert [dict(subset(cell)) for cell in make_cells(sweep)] == [dict(num_labels=40, seed=0)] * 2
    cells = make_cells(sweep + "subset_seed = 'seed'")
    assert [dict(subset(cell)) for cell in cells] == [
        dict(num_labels=40, seed=seed) for seed in (1, 2)
    ]


def test_alpha_and_eta(make_cells):
    """Those of dicts do not leak into other cells."""
    cells = make_cells(
        "axes = dict(mixup={'m': dict(type='Mixup', alpha=9.0)}, alpha=[0.5, 1.0],"
        " objective={'o': dict(type='DecoupledMixupLoss', eta=9.0)}, eta=[2.0, 3.0])"
    )
    models = [cell.merged.model for cell in cells]
    found = [(model.mixup.alpha, model.head.loss.eta) for model in models]
    assert found == [(0.5, 2.0), (0.5, 3.0), (1.0, 2.0), (1.0, 3.0)]
    assert cells[0].sweep.axes["mixup"]["m"]["alpha"] == 9.0
    assert models[0].mixup.type == "Mixup"
    (cell,) = make_cells(
        "axes = dict(mixup=['mixup'], objective=['dm_ce'], alpha=[0.5], eta=[0.01])"
    )
    assert (cell.merged.model.mixup.alpha, cell.merged.model.head.loss.eta) == (0.5, 0.01)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed=[1])\nsubset_seed = 'seed'", "takes all labels: subset_seed='seed' needs"),
        (
            "mixup=['mixup'], objective=['mce'], eta=[1.0])",
            r"axes\['eta'\]: objective 'mce' has no eta",
        ),
    ],
)
def test_what_no_cell_can_have(text, says, only_cell):
    with pytest.raises(UserError, match=says):
        _ = only_cell(f"axes = dict({text}").changes


def test_overrides_special_and_own_axes(make_cells):
    cells = make_cells(
        AXES.replace(")", ", size={'b5': dict(train_dataloader=dict(batch_size=5)), 'b': dict()})")
        + "overrides = dict(optim_wrapper=dict(optimizer=dict(lr=0.7)))\n"
        "special = [dict(where=dict(mixup='cutmix', seed=[4]),"
        " set=dict(optim_wrapper=dict(optimizer=dict(lr=0.3))))]\n",
        {"objective": ["mce"]},
    )
    found = {
        cell.name: (cell.merged.optim_wrapper.optimizer.lr, cell.merged.train_dataloader.batch_size)
        for cell in cells
    }
    assert found == {
        "cutmix-mce-s0-b5": (0.7, 5),
        "cutmix-mce-s0-b": (0.7, 20),
        "cutmix-mce-s4-b5": (0.3, 5),
        "cutmix-mce-s4-b": (0.3, 20),
        "none-mce-s0-b5": (0.7, 5),
        "none-mce-s0-b": (0.7, 20),
        "none-mce-s4-b5": (0.7, 5),
        "none-mce-s4-b": (0.7, 20),
    }


def test_label_smoothing_of_the_recipe_stays_where_the_loss_has_it(make_cells):
    cells = make_cells(
        "recipes = {'deit': 'imagenet/deit_small.py'}\n"
        "axes = dict(mixup=['mixup_cutmix'], objective=['mce', 'dm_ce', 'dm_bce'])"
    )
    assert [cell.merged.model.head.loss for cell in cells] == [
        dict(type="MixupCrossEntropyLoss", label_smoothing=0.1),
        dict(type="DecoupledMixupLoss", eta=0.1, label_smoothing=0.1),
        dict(type="DecoupledMixupBCELoss", t=1.0, xi=0.8),
    ]


# All files


def test_configs_of_cells_have_no_unknown_key(tmp_path):
    """Each value of each axis of each sweep in one of them; read as dmmix train does."""
    found = cells(tmp_path)
    for name in covering({name: wanted(cell) for name, cell in found.items()}):
        cfg, cell = load(found[name]), found[name]
        assert [key for key in cell.changes if key not in RUNNER_KEYS | OTHER_KEYS] == []
        assert cfg.randomness.seed == int(cell.point.get("seed", 0))
