"""dmmix curves: which curves it draws, and what it says of those it cannot."""

import numpy as np
import pytest
from PIL import Image

import dmmix.visualization
from tests.cli.test_report import cell


@pytest.fixture
def plot(call, monkeypatch):
    """Runs the command; returns its status, what it was to draw, and what it says."""
    drawn = []
    draw = dmmix.visualization.draw_curves
    monkeypatch.setattr(
        dmmix.visualization, "draw_curves", lambda *args: [drawn.append(args), draw(*args)]
    )

    def run(*args):
        drawn.clear()
        done = call("curves", "--out", "out.png", *args)
        return done.status, drawn[0][1] if drawn else None, done.out + done.err

    return run


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    for seed, more in ((0, 0), (1, 4)):
        cell(folder, "mixup", "mce", seed, [10 + more, 20 + more])
        cell(folder, "mixup", "dm_ce", seed, [30 + more, 40 + more])
        cell(folder, "cutmix", "dm_ce", seed, [50 + more, 60 + more])
    return folder


def test_seeds_are_one_line(plot, work, tmp_path):
    status, panels, says = plot(work)
    assert status == 0, says
    assert says == "written to out.png\n"
    (lines,) = panels.values()
    assert {name: [tuple(curve.values) for curve in curves] for name, curves in lines.items()} == {
        "cutmix dm_ce": [(50, 60), (54, 64)],
        "mixup dm_ce": [(30, 40), (34, 44)],
        "mixup mce": [(10, 20), (14, 24)],
    }
    assert {tuple(curve.epochs) for curves in lines.values() for curve in curves} == {(1, 2)}
    picture = np.asarray(Image.open(tmp_path / "out.png").convert("L"))
    assert (picture < 128).any()


def test_names_say_what_varies(plot, work):
    _, panels, _ = plot(work, "--only", "mixup=mixup")
    assert list(panels["accuracy/top1"]) == ["dm_ce", "mce"]
    _, panels, _ = plot(work, "--only", "mixup=mixup", "objective=mce")
    assert list(panels["accuracy/top1"]) == ["small"]  # the sweep's, where nothing varies
    _, panels, _ = plot(work, "--only", "mixup=mixup", "mixup=cutmix", "objective=dm_ce")
    assert list(panels["accuracy/top1"]) == ["cutmix", "mixup"]


def test_a_panel_for_each_key(plot, work):
    _, panels, _ = plot(work, "--key", "accuracy/top5", "mixed_top2")
    assert list(panels) == ["accuracy/top5", "mixed_top2"]
    assert panels["accuracy/top5"]["mixup mce"][0].values == (20, 30)
    assert panels["mixed_top2"]["mixup mce"][0].values == (5, 10)


def test_an_unfinished_run_is_left_out(plot, work):
    cell(work, "cutmix", "mce", 0, [1, 2], finished=False, steps=3)
    status, panels, says = plot(work)
    assert status == 0
    assert "cutmix mce" not in panels["accuracy/top1"]
    assert "not finished, left out" in says
    assert "cutmix-mce-s0" in says


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--only", "mixup=fmx"], "--only: no finished run with mixup=fmx; there are cutmix, mi"),
        (["--only", "mixups=cutmix"], "--only: no axis 'mixups'; did you mean 'mixup'?"),
        (["--only", "mixup=cutmix", "objective=mce"], "no finished run has all of these values"),
        (["--key", "accuracy/top2"], "--key: no accuracy/top2 was logged in"),
        (["--out", "out.txt"], "--out must end in one of .png, .svg, .pdf, got out.txt"),
    ],
)
def test_mistakes(plot, work, args, says):
    status, panels, said = plot(work, *args)
    assert (status, panels) == (2, None)
    assert says in said


def test_runs_that_make_no_lines(plot, work, tmp_path):
    cell(tmp_path / "copy", "mixup", "mce", 0, [1, 2])
    cell(tmp_path / "begun", "mixup", "mce", 0, [1], finished=False, steps=3)
    cell(tmp_path / "longer", "mixup", "mce", 2, [1, 2, 3])
    for folders, says in (
        ([work, tmp_path / "copy"], "are both mixup=mixup, objective=mce, seed=0: leave one out"),
        ([tmp_path / "begun"], "no finished run to draw"),
        (
            [work, tmp_path / "longer"],
            "mixup-mce-s0: accuracy/top1 at other epochs than in the seeds beside it",
        ),
    ):
        status, panels, said = plot(*folders)
        assert (status, panels) == (2, None)
        assert says in said


def test_two_sweeps_are_not_one_line(plot, work, tmp_path):
    other = tmp_path / "other"
    for seed in (0, 1):
        cell(other, "mixup", "mce", seed, [1, 2], sweep="other")
    _, panels, _ = plot(work, other, "--only", "objective=mce")
    lines = panels["accuracy/top1"]
    assert {name: len(curves) for name, curves in lines.items()} == {"other": 2, "small": 2}


def test_many_names_stay_inside_the_picture(plot, tmp_path):
    work = tmp_path / "work"
    for n in range(9):
        cell(work, f"a_rather_long_name_{n}", "mce", 0, [n, n + 1])
    assert plot(work)[0] == 0
    picture = np.asarray(Image.open(tmp_path / "out.png").convert("L"))
    for edge in (picture[:, :3], picture[:, -3:], picture[-3:]):
        assert edge.min() == 255
