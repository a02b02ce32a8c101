"""dmmix sweep as it is typed: the list of cells, a part of them, messages, a real training."""

import json
import shlex
import statistics
import subprocess
import sys

import pytest

from dmmix.experiments.launch.plan import CellRun

AXES = "axes = dict(mixup=['mixup', 'cutmix'], objective=['mce', 'dm_ce'], epochs=[5])\n"
NAMES = ["mixup-mce-5ep", "mixup-dm_ce-5ep", "cutmix-mce-5ep", "cutmix-dm_ce-5ep"]


@pytest.fixture
def sweep(call, sweep_file, tmp_path):
    """``sweep(TEXT, OPTION...)``: dmmix sweep on a file with this text."""
    return lambda text, *options: call(
        "sweep", sweep_file(text), "--work-dir", tmp_path / "work", *options
    )


def lines_of_cells(out):
    return {
        line.split()[0]: line.split()[1:] for line in out.splitlines() if " dmmix train " in line
    }


# --list, --only, --prepare


def test_list_has_every_cell_its_state_and_its_command(sweep, tmp_path):
    listed = sweep(AXES, "--list")
    assert (listed.status, listed.err) == (0, "")
    cells = lines_of_cells(listed.out)
    assert list(cells) == NAMES
    for name, (state, *command) in cells.items():
        assert state == "waiting"
        *train, config, work_dir, folder = shlex.split(" ".join(command))
        assert train == [sys.executable, "-m", "dmmix", "train"]
        # As it is typed in the folder where the list was made.
        assert config == f"work/{name}/config.py"
        assert (work_dir, folder) == ("--work-dir", f"work/{name}")
    assert "4 cells: 4 waiting" in listed.out
    several = sweep(AXES, "--list", "--processes", 2).out
    torchrun = "-m torch.distributed.run --standalone --nproc_per_node=2"
    assert several.count(f"{torchrun} -m dmmix train ") == 4
    assert several.count("--launcher pytorch") == 4
    assert not (tmp_path / "work").exists()


def test_list_says_how_far_the_cells_are(sweep, make_cells, stand_in, train):
    stand_in(
        "if folder.name == 'mixup-dm_ce-5ep':\n"
        "    sys.exit('error: no data')\n"
        "if folder.name == 'cutmix-mce-5ep':\n"
        "    log(1, 2)\n"
        "    sys.exit(1)\n"
        "log(1, 5)\n"
    )
    cells = make_cells(AXES, {"objective": ["mce"]}) + make_cells(AXES, {"mixup": ["mixup"]})[1:]
    train(cells)
    (cells[1].folder / "failed.json").unlink()
    shown = sweep(AXES, "--list").out
    assert f"{'mixup-mce-5ep':16}  finished" in shown
    assert f"{'mixup-dm_ce-5ep':16}  failed" in shown
    assert "(status 1, error: no data)" in shown
    assert f"{'cutmix-mce-5ep':16}  interrupted" in shown
    assert f"{'cutmix-dm_ce-5ep':16}  waiting" in shown
    assert "4 cells: 1 finished, 1 failed, 1 interrupted, 1 waiting" in shown
    changed = sweep(AXES + "overrides = dict(randomness=dict(seed=9))\n", "--list").out
    assert "(finished with another randomness)" in changed
    assert "(begun with another randomness)" in changed


def test_only(sweep, tmp_path):
    listed = sweep(AXES, "--list", "--only", "mixup=cutmix", "objective=dm_ce")
    assert list(lines_of_cells(listed.out)) == ["cutmix-dm_ce-5ep"]
    both = sweep(AXES, "--list", "--only", "mixup=cutmix", "--only", "mixup=mixup", "epochs=5")
    assert list(lines_of_cells(both.out)) == NAMES
    for option, said in {
        "mixup=cutmx": "error: --only: mixup has no 'cutmx'; did you mean 'cutmix'?",
        "mix=cutmix": "error: --only: no axis 'mix'; did you mean 'mixup'?",
    }.items():
        wrong = sweep(AXES, "--only", option)
        assert wrong.status == 2
        assert said in wrong.err
    assert "expected KEY=VALUE" in sweep(AXES, "--only", "cutmix").err
    assert not (tmp_path / "work").exists()


def test_prepare_writes_what_the_commands_read(sweep, make_cells):
    assert "4 of 4 cells written" in sweep(AXES, "--prepare").out
    for cell in make_cells(AXES):
        assert cell.config.read_text(encoding="utf-8") == cell.text()
        about = json.loads((cell.folder / "cell.json").read_text(encoding="utf-8"))
        assert about["cell"] == cell.name
        assert CellRun(cell).state.word == "waiting"


def test_without_a_work_dir_the_file_names_it(call, sweep_file):
    assert "work_dirs/grid/mixup-mce-5ep" in call("sweep", sweep_file(AXES, "grid"), "--list").out
    listed = call("sweep", "sweeps/quickstart_digits", "--list")  # that comes with dmmix
    assert (listed.status, listed.err) == (0, "")
    assert "work_dirs/quickstart_digits/mixup-mce-s0" in listed.out
    assert "12 cells: 12 waiting" in listed.out


# Messages


@pytest.mark.parametrize(
    "text", ["axes = dict(seed=[0]\n_b = 1", "axes = dict(sed=[0])", "_a = 1/0"]
)
def test_a_mistake_is_one_message_and_no_stack(text, sweep):
    wrong = sweep(text, "--list")
    assert wrong.status == 2
    assert "error: " in wrong.err
    assert "small.py" in wrong.err
    assert "Traceback" not in wrong.err
    assert "Traceback" in sweep(text, "--list", "--traceback").err
    for option in ("--jobs", "--processes"):
        assert f"error: {option} must be at least 1, got 0" in sweep(AXES, option, 0).err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("verb", ["sweep", "report"])
def test_a_reader_that_leaves_is_no_error(
    verb, unbuffered, make_cells, stand_in, train, sweep_file, tool_environment, tmp_path
):
    if verb == "sweep":
        options = [sweep_file(AXES), "--work-dir", tmp_path / "work", "--list"]
    else:
        stand_in("log(1, 5)\n")
        train(make_cells(AXES))
        options = [tmp_path / "work"]
    command = shlex.join(map(str, [sys.executable, "-m", "dmmix", verb, *options]))
    done = subprocess.run(
        # The reader has gone before anything is written.
        ["bash", "-c", f"(sleep 0.3; {command}; echo status $? >&2) | true"],
        env={**tool_environment, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=120,
        encoding="utf-8",
    )
    notes = done.stderr.splitlines()
    assert notes[-1] == "status 141"
    assert "error" not in done.stderr.lower()
    assert "BrokenPipe" not in done.stderr


# Trained


def test_the_status_of_a_sweep(sweep, stand_in):
    """With a cell that fails; with none; with all trained with another config."""
    stand_in("if folder.name.startswith('mixup-mce'):\n    sys.exit('no luck')\nlog(1, 5)\n")
    done = sweep(AXES, "--jobs", 2)
    assert done.status == 1
    assert "4 cells in" in done.out
    assert "2 at a time" in done.out
    assert "    no luck" in done.out
    assert "mixup-mce-5ep: failed with status 1" in done.out
    assert "(3 finished, 1 failed)" in done.out
    stand_in("log(1, 5)\n")
    assert sweep(AXES).status == 0
    other = AXES + "overrides = dict(randomness=dict(seed=9))\n"
    changed = sweep(other)
    assert changed.status == 1
    assert changed.out.count("finished with another randomness than the sweep has now") == 4
    assert sweep(other, "--accept-changed").status == 0


@pytest.mark.openmmlab
def test_a_cell_that_is_trained_by_hand_keeps_its_config(call, sweep, make_cells, stand_in, train):
    text = AXES.replace("[5]", "[1]") + (
        "overrides = dict(train_dataloader=dict(dataset=dict(dataset=dict(labels_per_class=2))))\n"
    )
    (cell,) = make_cells(text, {"mixup": ["mixup"], "objective": ["mce"]})
    stand_in("log(1, 1)\n")
    train([cell])
    options = ["--work-dir", cell.folder, "--no-validate", "--overwrite"]
    by_hand = call("train", cell.config, *options)
    assert by_hand.status == 0, by_hand.err
    assert (cell.folder / "epoch_1.pth").stat().st_size > 0  # it was trained
    assert cell.config.read_text(encoding="utf-8") == cell.text()
    assert "num_classes" in (cell.folder / "config_full.py").read_text(encoding="utf-8")
    shown = sweep(text, "--list", "--only", "mixup=mixup", "objective=mce").out
    assert shown.startswith("mixup-mce-1ep  finished ")
    assert "1 cells: 1 finished" in shown


@pytest.mark.slow
@pytest.mark.openmmlab
def test_a_real_sweep(start, sweep_file, make_cells, tmp_path):
    text = AXES.replace("5", "2").replace("['mixup', 'cutmix']", "['cutmix']")
    text += (
        "overrides = dict(train_dataloader=dict(dataset=dict(dataset=dict(labels_per_class=4))))"
    )
    file = sweep_file(text)
    options = [file, "--work-dir", tmp_path / "work"]
    said = start("sweep", *options, "--jobs", 2)
    assert "(2 finished)" in said
    for cell in make_cells(text):
        result = json.loads((cell.folder / "result.json").read_text(encoding="utf-8"))
        (log,) = cell.folder.glob("*/vis_data/scalars.json")
        records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        values = [record["accuracy/top1"] for record in records if "accuracy/top1" in record]
        assert len(values) == 2
        assert result["val"]["accuracy/top1"] == [[1, values[0]], [2, values[1]]]
        assert result["value"] == pytest.approx(statistics.fmean(values))
        parts = {"loss_mixup", *["loss_decoupled"] * ("dm_ce" in cell.name)}
        assert set(result["train"]) == {"loss", *parts, "mixed_top1", "mixed_top2"}
        assert cell.config.read_text(encoding="utf-8") == cell.text()
        assert (cell.folder / "epoch_2.pth").exists()
    listed = start("sweep", *options, "--list")
    assert "2 cells: 2 finished" in listed
    (log.parents[2] / "result.json").unlink()  # as if broken off at the very end
    assert "cutmix-dm_ce-2ep: training from epoch 2" in start("sweep", *options)
    again = json.loads((log.parents[2] / "result.json").read_text(encoding="utf-8"))
    assert again["value"] == result["value"]
    table = start("report", tmp_path / "work")
    assert f"{result['value']:.2f}" in table
