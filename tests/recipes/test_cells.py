"""Every cell of every sweep trains one step and tests one batch on tiny data."""

import math
from pathlib import Path

import pytest

from dmmix.engine import dry_run
from tests.recipes.cells import SWEEPS, cells, covering, wanted
from tests.recipes.shrinking import runner_of, shrink

CELLS = cells(Path("work_dirs"))
WANTED = {name: wanted(cell) for name, cell in CELLS.items()}
COVERING = covering(WANTED)


def test_every_sweep_has_cells():
    assert len(SWEEPS) >= 10
    assert {name.partition("/")[0] for name in CELLS} == set(SWEEPS)
    assert len(CELLS) > 250


def test_what_is_always_run_covers_all_pairs():
    found = set().union(*(WANTED[name] for name in COVERING))
    assert found == set().union(*WANTED.values())
    assert len(COVERING) < 0.4 * len(CELLS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.recipes(always=n in COVERING)) for n in CELLS],
)
def test_one_step(name, tiny_data, tmp_path, monkeypatch):
    cell = CELLS[name]
    monkeypatch.chdir(tiny_data)
    cfg = shrink(cell.merged, tmp_path, shallow=True)
    dataset = cfg.train_dataloader.dataset
    subset = dataset.get("subset")
    if subset is not None and "labels_per_class" in subset and dataset.type != "SemiDataset":
        subset.labels_per_class = 2
    outputs = dry_run(runner_of(cfg), steps=1)
    assert math.isfinite(outputs["loss"])
    loss = cfg.model.head.loss.type
    assert ("loss_decoupled" in outputs) == (loss == "DecoupledMixupLoss")
    assert ("loss_bce" in outputs) == (loss == "DecoupledMixupBCELoss")
    mixup = cell.point.get("mixup")
    assert (cfg.model.get("mixup") is None) == (mixup in (None, "none"))
