"""What a run folder holds, read once."""

import json

import pytest

from dmmix.configuration.errors import UserError
from dmmix.experiments.store.run import Run, State, runs_under


@pytest.fixture
def log(tmp_path):
    """Writes the log of one start of a run, and returns its folder."""

    def write(*lines, start="20200101_000000", run="run"):
        vis = tmp_path / run / start / "vis_data"
        vis.mkdir(parents=True)
        (vis / "scalars.json").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / run

    return write


def test_a_folder_of_nothing(tmp_path):
    run = Run(tmp_path)
    assert run.logged == ({}, {}, 0)
    assert (run.result, run.description, run.checkpoint, run.finished) == (None, None, None, False)
    assert run.state == State("waiting")


def test_what_is_torn_is_left_out(log):
    run = Run(log('{"epoch": 1, "iter": 9, "loss": 2.0}', '{"epoch": 2, "iter": 10, "lo'))
    assert run.logged == ({}, {"loss": [(1, 2.0)]}, 1)
    lines = ('{"acc": 1.0, "step": 1}', '{"acc": 2.0, "st', '{"acc": 3.0, "step": 3}', "")
    assert Run(log(*lines, run="other")).val == {"acc": [(1, 1.0), (3, 3.0)]}


def test_a_second_start_counts_from_where_it_begins(log):
    log('{"acc": 1, "step": 1}', '{"acc": 2, "step": 2}', '{"acc": 3, "step": 3}', "")
    run = Run(log('{"acc": 20, "step": 2}', "", start="20200102_000000"))
    assert run.logged == ({"acc": [(1, 1.0), (2, 20.0)]}, {}, 2)


def test_the_loss_has_its_parts(log):
    folder = log('{"iter": 1, "epoch": 1, "loss": 3, "loss_mixup": 2, "lr": 0.1}', "")
    assert Run(folder).train == {"loss": [(1, 3.0)], "loss_mixup": [(1, 2.0)]}


def test_each_file_is_read_once(log):
    folder = log('{"acc": 1.0, "step": 1}', "")
    (folder / "measured.json").write_text('{"values": {"m": [[1, 2.0]]}}', encoding="utf-8")
    run = Run(folder)
    before = run.logged, run.val, run.state, run.about, run.finished
    assert run.val == {"acc": [(1, 1.0)], "m": [(1, 2.0)]}
    for file in [*folder.rglob("*.json")]:
        file.unlink()
    (folder / "epoch_1.pth").touch()
    assert (run.logged, run.val, run.state, run.about, run.finished) == before
    assert Run(folder).val == {}
    assert Run(folder).state == State("interrupted")


def test_the_last_checkpoint(tmp_path):
    for name in ("epoch_9", "epoch_10", "epoch_best"):
        (tmp_path / f"{name}.pth").touch()
    assert Run(tmp_path).checkpoint == (10, tmp_path / "epoch_10.pth")


@pytest.mark.parametrize("name", ["result", "cell", "measured", "failed"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / f"{name}.json").write_text("{", encoding="utf-8")
    run = Run(tmp_path)
    with pytest.raises(UserError, match=rf"{tmp_path}/{name}.json cannot be read: .*move it away"):
        _ = run.state, run.val, run.about


def test_runs_of_a_sweep_and_others_are_found_alike(log, tmp_path):
    vis = log('{"acc": 1.0, "step": 1}', "", run="r18_s3") / "20200101_000000" / "vis_data"
    config = "randomness = dict(seed=3)\ntrain_cfg = dict(max_epochs=1)\n"
    (vis / "config.py").write_text(config, encoding="utf-8")
    cell = tmp_path / "small" / "mixup-s3"
    cell.mkdir(parents=True)
    about = dict(sweep="small", axes=dict(mixup="mixup", seed="3"), steps=5)
    (cell / "cell.json").write_text(json.dumps(about), encoding="utf-8")
    plain, of_sweep = runs_under([tmp_path])
    assert plain.axes == {"sweep": "", "run": "r18", "seed": "3"}
    assert of_sweep.axes == {"sweep": "small", "mixup": "mixup", "seed": "3"}
    assert (plain.finished, of_sweep.finished) == (True, False)
    (alone,) = runs_under([cell])
    assert alone.axes == about["axes"]
