"""dmmix lr: a curve, a suggestion, and nothing else."""

import json
import re
from itertools import pairwise

import pytest

from tests.cli.messages import error_of
from tests.cli.photos import SMALL, write_photos

pytestmark = pytest.mark.openmmlab


def test_a_curve_and_a_suggestion(call, tmp_path):
    got = call(
        "lr", "quickstart/digits_vanilla", "--work-dir", "found", "--lowest", 1e-4,
        "--highest", 100, "--steps", 200,
    )  # fmt: skip
    assert got.status == 0, got.err
    files = sorted(path.name for path in (tmp_path / "found").iterdir())
    assert files == ["lr_range.json", "lr_range.png"]
    assert {path.name for path in tmp_path.iterdir()} == {"found"}
    found = json.loads((tmp_path / "found" / "lr_range.json").read_text(encoding="utf-8"))
    rates = found["rates"]
    factors = [after / before for before, after in pairwise(rates)]
    assert factors == pytest.approx([1e6 ** (1 / 199)] * len(factors))
    assert len(found["losses"]) == len(found["smoothed"]) == len(rates)
    assert found["exploded"]
    assert rates[0] <= found["suggestion"] < rates[-1]
    line = got.out.splitlines()[-1]
    said = re.fullmatch(
        r"suggested: optim_wrapper.optimizer.lr=(\S+), a tenth of \S+, where the smoothed loss was "
        r"lowest; it exploded at \S+",
        line,
    )
    assert said, line
    assert float(said[1]) == pytest.approx(found["suggestion"], rel=0.05)


@pytest.mark.parametrize("config", ["own/resnet18_64_cutmix_dm", "own/fixmatch_dm"])
def test_a_folder_of_images(call, tmp_path, config):
    write_photos(tmp_path / "photos")
    few = []
    if "fixmatch" in config:
        few = ["train_dataloader.batch_size=4", "train_dataloader.batch_sampler.mu=1"]
        few += ["--labels-per-class", 2]
    got = call("lr", config, "--data", "photos", "--steps", 20, *SMALL, *few)
    assert "the curve is in" in got.out, got.err
    assert "save_best" not in got.out + got.err
    assert "split.json" not in got.err
    (folder,) = (tmp_path / "work_dirs").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["lr_range.json", "lr_range.png"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--lowest", 0], "--lowest must be above 0 and below a tenth of --highest"),
        (["--lowest", 1e-1], "got 0.1 and 1"),
        (["--highest", "nan"], "got 1e-05 and nan"),
        (["--highest", "inf"], "got 1e-05 and inf"),
        (["--steps", 5], "--steps must be 20 or more, got 5"),
        (["--steps", "few"], "--steps: must be a whole number, 1 or more, got 'few'"),
        (["--data", "photos"], "--data goes with configs whose images are files"),
        (["--weights", "no.pth"], "no checkpoint no.pth"),
        (["--cfg-options", "optim_wrapper.optimizer.lr=0.0"], "lr must be above 0 to grow"),
        (["--cfg-options", "optim_wrapper=None"], "trains nothing: it has no optim_wrapper"),
    ],
)
def test_mistakes(call, dm, tmp_path, options, says):
    message = error_of(call("lr", dm, *options))
    assert says in message
    assert not (tmp_path / "work_dirs").exists()


def test_a_loss_that_never_falls(call, dm, tmp_path):
    """The curve is there to look at."""
    got = call("lr", dm, "--lowest", 20, "--highest", 1000, "--work-dir", "found")
    assert re.search("no suggestion: the loss was lowest at .* --lowest", error_of(got))
    assert (tmp_path / "found" / "lr_range.png").exists()
