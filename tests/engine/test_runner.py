"""DmmixRunner: which checkpoint a run goes on from."""

import os
import re

import pytest
import torch
from mmengine.config import Config

from dmmix.compat import CheckpointError, CorruptCheckpointError, UnsafeCheckpointError
from dmmix.engine import DmmixRunner
from dmmix.engine.auto_resume import find_candidates
from tests.engine.small import Net, log_of, toy_runner
from tests.machine import needs_symbolic_links
from tests.touch import Touch

pytestmark = pytest.mark.openmmlab


def resumed_epoch(runner):
    """Load as train() would, without training; return where it would go on."""
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    runner.load_or_resume()
    return runner.epoch


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    toy_runner(folder, epochs=3).train()
    return folder


@pytest.fixture
def work(three_epochs, tmp_path):
    """A folder as three epochs of training leave it: epoch_1 to epoch_3 and last_checkpoint."""
    for number in (1, 2, 3):
        source = three_epochs / f"epoch_{number}.pth"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    last(tmp_path, str(tmp_path / "epoch_3.pth"))
    return tmp_path


def truncate(path, keep=0.6):
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])


def last(work, name):
    (work / "last_checkpoint").write_text(name, encoding="utf-8")


def weights_alone(work):
    torch.save(Net().state_dict(), work / "epoch_3.pth")


def two_are_broken(work):
    truncate(work / "epoch_3.pth")
    (work / "epoch_2.pth").write_bytes(b"garbage")


#: What is done to the folder, the epoch that is resumed, and what is told.
FOLDERS = [
    (lambda work: None, 3, None),
    (lambda work: last(work, str(work / "epoch_2.pth")), 2, None),
    *(
        (lambda work, keep=keep: truncate(work / "epoch_3.pth", keep), 2, "epoch_3.pth: .*damaged")
        for keep in (0.0, 0.6, 0.99)
    ),
    (two_are_broken, 1, "epoch_3.pth: .*damaged"),
    (weights_alone, 2, "it holds no meta"),
    (lambda work: (work / "last_checkpoint").unlink(), 3, None),
    (lambda work: last(work, ""), 3, None),
    (lambda work: last(work, "at/epoch_9.pth"), 3, "9.pth, .*not exist"),
]


@pytest.mark.parametrize(("spoil", "epoch", "says"), FOLDERS)
def test_which_one_is_resumed_and_what_is_told(work, spoil, epoch, says):
    spoil(work)
    runner = toy_runner(work, resume=True)
    assert resumed_epoch(runner) == epoch
    lines = log_of(runner).splitlines()
    told = [line for line in lines if "Skipping" in line or "not exist" in line]
    assert bool(told) is (says is not None)
    assert all("WARNING" in line for line in told)
    assert says is None or re.search(says, told[0])


def test_all_broken_is_an_error_that_lists_them(work):
    for path in work.glob("*.pth"):
        truncate(path)
    with pytest.raises(CheckpointError) as caught:
        toy_runner(work, resume=True).train()
    for number in (1, 2, 3):
        assert f"epoch_{number}.pth" in str(caught.value)
    assert "start from scratch" in str(caught.value)
    assert len(list(work.glob("*.pth"))) == 3  # nothing was written over them


def test_a_pointer_to_nothing_is_an_error(tmp_path):
    last(tmp_path, "unmounted/epoch_3.pth")
    with pytest.raises(CheckpointError, match=r"unmounted/epoch_3\.pth: does not exist"):
        resumed_epoch(toy_runner(tmp_path, resume=True))


def test_without_any_checkpoint_training_starts(tmp_path):
    (tmp_path / ".epoch_1.pth.0123456789ab.tmp").write_bytes(b"PK\x03\x04")  # of a killed write
    runner = toy_runner(tmp_path, epochs=1, resume=True)
    runner.train()
    assert runner.epoch == 1
    assert "training starts from scratch" in log_of(runner)


def test_a_refused_one_is_never_skipped(work):
    content = torch.load(work / "epoch_1.pth", weights_only=False)
    torch.save({**content, "extra": Touch(work / "trace")}, work / "epoch_3.pth")
    with pytest.raises(UnsafeCheckpointError, match=r"epoch_3\.pth"):
        toy_runner(work, resume=True).train()
    assert not (work / "trace").exists()


@pytest.mark.parametrize("resume", [True, False])
def test_a_named_checkpoint(work, resume):
    """With its counters only where it is resumed; a broken one is never passed over."""
    path = work / "epoch_1.pth"
    options = dict(resume=resume, load_from=str(path))
    assert resumed_epoch(toy_runner(work, **options)) == int(resume)
    truncate(path)
    with pytest.raises(CorruptCheckpointError, match=r"epoch_1\.pth is damaged"):
        resumed_epoch(toy_runner(work, **options))


@pytest.mark.parametrize("resume", [True, False])
def test_a_named_checkpoint_that_is_missing_is_reported_before_anything_is_built(tmp_path, resume):
    class Costly(dict):
        def __getattribute__(self, name):
            raise AssertionError("the model was touched")

    with pytest.raises(FileNotFoundError, match=r"absent\.pth"):
        DmmixRunner(
            Costly(), str(tmp_path / "w"), load_from=str(tmp_path / "absent.pth"), resume=resume
        )
    assert not (tmp_path / "w").exists()


# The merged config in the work folder


def configured(config, work_dir):
    """Trains with a short config file, with another seed than the file has."""
    cfg = Config.fromfile(config)
    cfg.randomness = {"seed": 7}
    cfg.overwrite = True
    toy_runner(work_dir, epochs=1, cfg=cfg).train()


@pytest.fixture
def short(tmp_path):
    (tmp_path / "base.py").write_text("wanted = 'of the base'\n", encoding="utf-8")
    config = tmp_path / "cell" / "config.py"
    config.parent.mkdir()
    config.write_text("_base_ = '../base.py'\n", encoding="utf-8")
    return config


def test_a_config_elsewhere_is_written_under_its_name(short, tmp_path):
    configured(short, tmp_path / "work")
    written = Config.fromfile(tmp_path / "work" / "config.py")
    assert (written.wanted, written.randomness.seed) == ("of the base", 7)
    assert not (tmp_path / "work" / "config_full.py").exists()


@pytest.mark.parametrize(
    "how",
    [
        "plain",
        "relative",
        pytest.param("link to the folder", marks=needs_symbolic_links),
        pytest.param("link to the file", marks=needs_symbolic_links),
    ],
)
def test_the_config_that_was_read_is_not_written_over(short, tmp_path, monkeypatch, how):
    before, work, config = short.read_text(encoding="utf-8"), short.parent, short
    if how == "relative":
        monkeypatch.chdir(tmp_path)
        work, config = "cell/../cell", "cell/config.py"
    elif how == "link to the folder":
        work = tmp_path / "link"
        work.symlink_to(short.parent)
    elif how == "link to the file":
        config = tmp_path / "links" / "config.py"
        config.parent.mkdir()
        config.symlink_to(short)
    for _ in range(2):  # the second time over what the first has written
        configured(config, work)
        assert short.read_text(encoding="utf-8") == before
        written = Config.fromfile(short.parent / "config_full.py")
        assert (written.wanted, written.randomness.seed) == ("of the base", 7)


def test_another_config_of_the_work_folder_is_kept(short, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "config.py").write_text("of = 'an earlier run'\n", encoding="utf-8")
    for _ in range(2):  # the second time it is the same config
        configured(short, work)
        assert "of the base" in (work / "config.py").read_text(encoding="utf-8")
        assert "earlier" in (work / "config_1.py").read_text(encoding="utf-8")
    assert not (work / "config_2.py").exists()


def test_a_runner_without_a_config_file(tmp_path):
    runner = toy_runner(tmp_path, epochs=1)
    runner.train()
    assert [file.name for file in tmp_path.glob("*.py")] == [f"{runner.timestamp}.py"]


# The order of candidates, on empty files


def touch(folder, *names):
    for age, name in enumerate(names):  # later ones are newer
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
        os.utime(path, (1000 + age, 1000 + age))


def found(folder, *args):
    return [os.path.relpath(path, folder) for path in find_candidates(folder, *args)]


@pytest.mark.parametrize(
    ("files", "templates", "order"),
    [
        ("epoch_10.pth epoch_9.pth epoch_100.pth", [], "epoch_100.pth epoch_10.pth epoch_9.pth"),
        ("iter_500.pth epoch_1.pth epoch_2.pth", [], "epoch_2.pth epoch_1.pth iter_500.pth"),
        ("epoch_1.pth epoch_2.pth iter_500.pth", [], "iter_500.pth epoch_2.pth epoch_1.pth"),
        ("epoch_1.pth step-7.ckpt", ["step-{}.ckpt"], "step-7.ckpt epoch_1.pth"),
        ("best_accuracy_epoch_3.pth epoch_3-1a2b3c4d.pth .epoch_3.pth.0123456789ab.tmp", [], ""),
        ("epoch_x.pth epoch_3.pth.tmp weights.pth epoch_4.pth/file", [], ""),
    ],
)
def test_by_number_and_the_kind_written_last_first(tmp_path, files, templates, order):
    touch(tmp_path, *files.split())
    assert found(tmp_path, templates) == order.split()


def test_another_output_folder_is_searched_too(tmp_path):
    touch(tmp_path, "work/epoch_1.pth", "out/epoch_1.pth", "out/epoch_2.pth")
    last(tmp_path / "work", str(tmp_path / "out" / "epoch_3.pth"))
    assert [os.path.relpath(path, tmp_path) for path in find_candidates(tmp_path / "work")] == [
        "out/epoch_2.pth",
        "out/epoch_1.pth",
        "work/epoch_1.pth",
    ]


def test_file_names_of_the_checkpoint_hook_are_known(tmp_path):
    hook = {"type": "CheckpointHook", "interval": 1, "filename_tmpl": "e{}.pth"}
    named = {"checkpoint": hook}
    toy_runner(tmp_path, epochs=1, hooks=named).train()
    (tmp_path / "last_checkpoint").unlink()
    runner = toy_runner(tmp_path, hooks=named, resume=True)
    assert resumed_epoch(runner) == 1


def test_a_remote_one_is_not_fetched_because_a_file_names_it(tmp_path):
    touch(tmp_path, "epoch_1.pth")
    last(tmp_path, "s3://bucket/epoch_2.pth\n")
    with pytest.raises(CheckpointError, match=r"last_checkpoint names s3://bucket/epoch_2\.pth"):
        find_candidates(tmp_path)
