"""Cells that are trained, skipped, resumed and failed; stand-ins train nothing."""

import json

import numpy as np
import pytest

from dmmix.experiments.launch import environment
from dmmix.experiments.launch.plan import CellRun

TWO = "axes = dict(mixup=['mixup', 'cutmix'], epochs=[25])\n"
TO_THE_END = "log(4 if resumed else 1, 25)\n"
NAMES = ["mixup-25ep", "cutmix-25ep"]


def states(cells, **options):
    return [CellRun(cell, **options).state.word for cell in cells]


def read(cell, name):
    return json.loads((cell.folder / name).read_text(encoding="utf-8"))


def test_all_are_trained_and_the_next_time_skipped(make_cells, stand_in, train, started):
    stand_in(TO_THE_END)
    cells = make_cells(TWO)
    assert states(cells) == ["waiting", "waiting"]
    first = train(cells)
    assert first.done
    assert "cutmix-25ep: finished, median10 accuracy/top1 70.50 (2 finished)" in first.said
    assert states(cells) == ["finished", "finished"]
    assert started() == NAMES
    again = train(make_cells(TWO))
    assert again.done
    assert started() == NAMES
    assert again.said == ""
    # After mmengine wrote its own.
    assert cells[0].config.read_text(encoding="utf-8") == cells[0].text()
    assert "# Cell mixup-25ep" in cells[0].text()


def test_a_result_that_is_not_complete_is_none(make_cells, stand_in, train, started):
    stand_in(TO_THE_END)
    cells = make_cells(TWO)
    train(cells)
    for cell in cells:
        (cell.folder / "result.json").write_text('{"complete": false}', encoding="utf-8")
    assert states(cells) == ["interrupted", "interrupted"]
    assert train(cells).done
    assert started() == [*NAMES, *(f"{name} --resume" for name in NAMES)]


VALUES = [(37 * epoch) % 50 + epoch / 7 for epoch in range(1, 26)]


WORTH = dict(median10=np.median(VALUES[15:]), best=max(VALUES), last=VALUES[24])


@pytest.mark.parametrize("metric", WORTH)
def test_what_a_result_says(metric, make_cells, stand_in, train):
    stand_in("log(1, 25, lambda epoch: (37 * epoch) % 50 + epoch / 7)\n")
    text = TWO + f"metric = {metric!r}\nbaseline = dict(mixup='mixup')\n"
    text += "published_by = ('mixup',)\npublished = dict(cutmix=81.5)\n"
    cells = make_cells(text)
    train(cells)
    result = read(cells[1], "result.json")
    assert result["value"] == pytest.approx(WORTH[metric], abs=1e-12)
    assert result["complete"] is True
    assert result["axes"] == {"mixup": "cutmix", "epochs": "25"}
    assert (result["published"], result["metric"]) == (81.5, metric)
    assert result["baseline"] == {"mixup": "mixup"}
    curve = [[epoch, value] for epoch, value in enumerate(VALUES, start=1)]
    assert result["val"]["accuracy/top1"] == curve
    assert set(result["val"]) == {"accuracy/top1", "mixed/top2"}
    assert result["train"]["mixed_top1"] == [[e, e + 0.2] for e in range(1, 26)]
    assert (result["steps"], result["first_step"]) == (25, 0)
    about = read(cells[1], "cell.json")
    assert about.items() <= result.items()


def test_a_training_that_logged_nothing_of_what_counts(make_cells, stand_in, train):
    stand_in(TO_THE_END)
    cells = make_cells(TWO + "key = 'accuracy/top5'\n")
    said = train(cells).said
    assert "no accuracy/top5 was logged (accuracy/top1, mixed/top2 was)" in said
    assert read(cells[0], "result.json")["value"] is None


# Resumed


def test_broken_off_before_and_after_a_checkpoint(make_cells, stand_in, train, started):
    cells = make_cells(TWO, {"mixup": ["cutmix"]})
    for body in ("", "log(1, 3)\n"):
        stand_in(body + "os.kill(os.getpid(), 9)\n")
        assert not train(cells).done
    stand_in(TO_THE_END)
    second = train(cells)
    assert second.done
    assert "cutmix-25ep: training from epoch 3" in second.said
    assert started() == ["cutmix-25ep", "cutmix-25ep", "cutmix-25ep --resume"]
    result = read(cells[0], "result.json")
    assert result["first_step"] == 3
    assert [epoch for epoch, _ in result["val"]["accuracy/top1"]] == list(range(1, 26))
    assert "--resume" in (cells[0].folder / "train.log").read_text(encoding="utf-8")


# Another config


LR = "overrides = dict(optim_wrapper=dict(optimizer=dict(lr=0.7)))\n"


def test_finished_with_another_config(make_cells, stand_in, train, started):
    stand_in(TO_THE_END)
    train(make_cells(TWO, {"mixup": ["cutmix"]}))
    before = (make_cells(TWO)[1].folder / "config.py").read_text(encoding="utf-8")
    changed = make_cells(TWO + LR)
    assert states(changed) == ["waiting", "changed"]
    again = train(changed)
    assert not again.done
    assert "cutmix-25ep: finished with another optim_wrapper than the sweep has now" in again.said
    assert f"Move {changed[1].folder} away" in again.said
    assert "--accept-changed" in again.said
    assert started() == ["cutmix-25ep", "mixup-25ep"]  # the other one goes on
    assert (changed[1].folder / "config.py").read_text(encoding="utf-8") == before
    assert states(changed, accept_changed=True) == ["finished", "finished"]
    assert train(changed, accept_changed=True).done
    assert len(started()) == 2


def test_begun_with_another_config(make_cells, stand_in, train, started):
    stand_in("log(1, 3)\nsys.exit(1)\n")
    train(make_cells(TWO, {"mixup": ["cutmix"]}))
    changed = make_cells(TWO + LR, {"mixup": ["cutmix"]})
    again = train(changed)
    assert not again.done
    assert "begun with another optim_wrapper" in again.said
    assert started() == ["cutmix-25ep"]
    stand_in(TO_THE_END)
    assert train(changed, accept_changed=True).done
    assert started() == ["cutmix-25ep", "cutmix-25ep --resume"]


def test_what_is_no_change(make_cells, stand_in, train):
    """Of what is prepared alone, and of what is only reported."""
    for cell in make_cells(TWO):
        CellRun(cell).prepare()
    assert states(make_cells(TWO + LR)) == ["waiting", "waiting"]
    stand_in(TO_THE_END)
    train(make_cells(TWO))
    same = make_cells(TWO + "overrides = dict(log_level='DEBUG')\n")
    assert states(same) == ["finished", "finished"]


# Failed

FAILS = """
if folder.name == 'mixup-25ep':
    for line in range(30):
        print(f"line {line}")
    print("error: no data set at data/nowhere", file=sys.stderr)
    sys.exit(7)
log(1, 25)
"""


def test_a_cell_that_fails_while_the_others_go_on(make_cells, stand_in, train, started):
    stand_in(FAILS)
    cells = make_cells(TWO)
    first = train(cells)
    assert not first.done
    assert "mixup-25ep: failed with status 7; the end of" in first.said
    assert str(cells[0].folder / "train.log") in first.said
    assert "    line 29\n" in first.said
    assert "    error: no data set at data/nowhere\n" in first.said
    assert "line 3\n" not in first.said
    assert "(1 finished, 1 failed)" in first.said
    assert states(cells) == ["failed", "finished"]
    state = CellRun(cells[0]).state
    assert state.note == "status 7, error: no data set at data/nowhere"
    assert read(cells[0], "failed.json")["last_lines"][-2] == "line 29"
    assert not (cells[0].folder / "sweep.lock").exists()

    stand_in(TO_THE_END)  # repaired: tried again
    assert train(cells).done
    assert started() == [*NAMES, "mixup-25ep"]
    assert not (cells[0].folder / "failed.json").exists()


# Several at a time

ALONE = """
mark = folder.parent / "busy"
mark.touch(exist_ok=False)
time.sleep(0.1)
mark.unlink()
log(1, 25)
"""


def test_one_after_the_other_with_the_threads_of_all(
    make_cells, stand_in, train, started, monkeypatch
):
    monkeypatch.setattr(environment, "cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    stand_in("print('threads', os.environ['OMP_NUM_THREADS'])\n" + ALONE)
    cells = make_cells(TWO)
    assert train(cells).done
    assert started() == NAMES
    assert "threads 6\n" in (cells[0].folder / "train.log").read_text(encoding="utf-8")


def test_never_more_than_were_asked_for(make_cells, stand_in, train, tmp_path):
    stand_in(
        "(folder / 'on').touch()\n"
        "most, n = folder.parent / 'most', 0\n"
        "for _ in range(1000):\n"  # the first waits for a second one, however slow its start
        "    time.sleep(0.02)\n"
        "    n = max(n, len(list(folder.parent.glob('*/on'))))\n"
        "    if n > 1 or most.exists():\n"
        "        break\n"
        "time.sleep(0.15)\n"
        "n = max(n, len(list(folder.parent.glob('*/on'))))\n"
        "most.open('a').write(f'{n} ')\n"
        "(folder / 'on').unlink()\n"
        "log(1, 5)\n"
    )
    assert train(make_cells("axes = dict(seed=[0, 1, 2, 3, 4], epochs=[5])"), jobs=2).done
    counts = set((tmp_path / "work" / "most").read_text(encoding="utf-8").split())
    assert "2" in counts
    assert counts <= {"1", "2"}


def test_threads_and_gpus_are_shared_out(monkeypatch):
    monkeypatch.setattr(environment, "cores", lambda: 8)
    slots = environment.environments(2, {"CUDA_VISIBLE_DEVICES": "3,5"})
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["3", "5"]
    assert [slot["OMP_NUM_THREADS"] for slot in slots] == ["4", "4"]
    (slot,) = environment.environments(1, {"CUDA_VISIBLE_DEVICES": "3,5", "OMP_NUM_THREADS": "2"})
    assert slot["CUDA_VISIBLE_DEVICES"] == "3,5"
    assert (slot["OMP_NUM_THREADS"], slot["MKL_NUM_THREADS"]) == ("2", "2")
    slots = environment.environments(3, {"CUDA_VISIBLE_DEVICES": "3,5"})
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["3", "5", "3"]
