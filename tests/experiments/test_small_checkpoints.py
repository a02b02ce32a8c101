"""dmmix sweep --small-checkpoints: what is left of the checkpoints of a finished cell."""

import pytest
import torch

from dmmix.experiments.launch.plan import CellRun
from dmmix.experiments.launch.slurm import _command

pytestmark = pytest.mark.openmmlab

ONE = """
axes = dict(mixup=['cutmix'], epochs=[2])
overrides = dict(
    train_dataloader=dict(dataset=dict(dataset=dict(labels_per_class=2))),
    default_hooks=dict(checkpoint=dict(interval=1)),
)
"""


@pytest.fixture
def sweep(call, sweep_file, tmp_path):
    return lambda text, *options: call(
        "sweep", sweep_file(text), "--work-dir", tmp_path / "work", *options
    )


@pytest.fixture
def cell(call, make_cells, stand_in, train):
    """Finished, with real checkpoints."""
    (cell,) = make_cells(ONE)
    stand_in("log(1, 2)\n")
    train([cell])
    got = call("train", cell.config, "--work-dir", cell.folder, "--overwrite")
    assert got.status == 0, got.err
    return cell


def read(file):
    return torch.load(file, weights_only=True)


def test_a_finished_cell_keeps_weights_and_no_state(cell, sweep, call):
    files = [cell.folder / f"epoch_{epoch}.pth" for epoch in (1, 2)]
    before = [read(file) for file in files]
    sizes = [file.stat().st_size for file in files]
    assert sweep(ONE).status == 0
    assert [file.stat().st_size for file in files] == sizes  # an option
    done = sweep(ONE, "--small-checkpoints")
    assert done.status == 0
    assert "MB smaller" in done.out
    for file, old, size in zip(files, before, sizes, strict=True):
        new = read(file)
        assert old.keys() - new.keys() == {"optimizer", "param_schedulers", "weights_of_optimizer"}
        assert all(torch.equal(new["state_dict"][k], v) for k, v in old["state_dict"].items())
        assert new["meta"] == old["meta"]
        assert file.stat().st_size < 0.7 * size
    assert not (cell.folder / "sweep.lock").exists()

    # Nothing to do the next time; the cell is finished; it can be tested.
    stamps = [file.stat().st_mtime_ns for file in files]
    again = sweep(ONE, "--small-checkpoints")
    assert (again.status, "smaller" in again.out) == (0, False)
    assert [file.stat().st_mtime_ns for file in files] == stamps
    assert CellRun(cell).state.word == "finished"
    tested = call("test", cell.config, files[-1])
    assert tested.status == 0, tested.err

    # Not to go on with.
    told = call("train", cell.config, "--work-dir", cell.folder, "--resume")
    assert told.status == 2
    assert f"{files[-1]} holds no optimizer, param_schedulers to go on from" in told.err
    assert "load_from" in told.err
    assert "--overwrite" in told.err


def test_with_another_config_it_is_told_as_before(cell, sweep):
    sweep(ONE, "--small-checkpoints")
    other = ONE.replace("labels_per_class=2", "labels_per_class=3")
    changed = sweep(other, "--small-checkpoints")
    assert changed.status == 1
    assert "finished with another train_dataloader than the sweep has now" in changed.out


def test_cells_are_made_small_as_they_finish_and_damage_is_told(
    sweep, make_cells, stand_in, started
):
    """The stand-in's checkpoints are empty files."""
    stand_in("log(1, 2)\n")
    done = sweep(ONE, "--small-checkpoints")
    assert done.status == 0
    assert "cutmix-2ep: finished" in done.out
    assert "cutmix-2ep: its checkpoints are as they were: " in done.out
    assert [CellRun(cell).state.word for cell in make_cells(ONE)] == ["finished"]


def test_slurm_jobs_are_told(make_cells):
    from dmmix.experiments.launch.plan import Plan

    runs = [CellRun(cell) for cell in make_cells(ONE)]
    assert "--small-checkpoints" in _command(runs[0], Plan(runs, small_checkpoints=True))
    assert "--small-checkpoints" not in _command(runs[0], Plan(runs))
