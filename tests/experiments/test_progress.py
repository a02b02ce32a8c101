"""How far a sweep is, and how long it still takes."""

import json

import pytest

from dmmix.experiments.launch.plan import CellRun, Plan
from dmmix.experiments.launch.progress import Progress, hours
from dmmix.experiments.launch.show import table_of

RECIPES = "recipes = dict(a='quickstart/digits_vanilla.py', b='quickstart/digits_cutmix_dm.py')\n"
TEXT = RECIPES + "axes = dict(recipe=['a', 'b'], seed=[0, 1], epochs=[10])\n"


class Training:
    """In the place of one that takes two seconds an epoch."""

    def __init__(self, run):
        self.run, self.first_step = run, 0

    def pace(self, step):
        return 2.0 if step else None


@pytest.fixture
def progress(make_cells):
    return Progress(Plan([CellRun(cell) for cell in make_cells(TEXT)], jobs=2))


def log(run, epochs):
    vis = run.folder / "start" / "vis_data"
    vis.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"accuracy/top1": 50.0 + k, "step": k}) for k in range(1, epochs + 1)]
    (vis / "scalars.json").write_text("\n".join([*lines, ""]), encoding="utf-8")


def test_nothing_to_tell_by(progress):
    assert progress.left() is None
    assert progress.summary() == " (4 waiting)"
    first = next(iter(progress.runs.values()))
    progress.began(Training(first))  # has logged nothing
    assert progress.left() is None


def test_by_what_runs(progress):
    first, *_ = progress.runs.values()
    progress.began(Training(first))
    log(first, 4)
    # 6 epochs of it and 3 times 10, at 2 s, two at a time.
    assert progress.left() == (6 + 30) * 2 / 2
    (row, *others) = progress.rows()
    assert (row.step, row.value, row.left) == (4, 52.5, 12.0)
    assert [(other.step, other.value, other.left) for other in others] == [(None, None, None)] * 3
    assert progress.summary().endswith("; about 0:36 left)")
    assert [hours(seconds) for seconds in (0, 309, 3909)] == ["0:00", "5:09", "1:05:09"]


def test_the_longest_is_waited_for(progress):
    first, *rest = progress.runs.values()
    progress.began(Training(first))
    log(first, 1)
    for run in rest:
        progress.runs[run.name].state = progress.runs[run.name].state._replace(word="finished")
    assert progress.left() == 18


def test_a_small_screen_shows_what_tells_most(progress):
    _, second, *_ = progress.runs.values()
    second.state = second.state._replace(word="failed")
    table = table_of(progress, 1)
    assert [*table.columns[0].cells] == [second.name, "and 3 more"]
    assert table_of(progress, 9).row_count == 4
