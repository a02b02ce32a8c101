"""A run is killed, again and again, at whatever moment, and ends as one that was not.

``DMMIX_KILLS=500 python -m pytest tests/engine/test_kills.py`` kills that many.
"""

import json
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from dmmix.compat.digest import DigestWriter
from tests.engine.small import differing
from tests.engine.test_resuming import BY_ITER, COSINE, LOOPS, WARM_UP, runner

pytestmark = [
    pytest.mark.openmmlab,
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forked"),
]

KILLS = int(os.environ.get("DMMIX_KILLS", 6))
PLACES = (
    *("before_train", "before_train_epoch", "before_train_iter", "after_train_iter"),
    *("after_train_epoch", "before_val", "before_val_iter", "after_val_epoch", "after_val"),
    *("before_save_checkpoint", "after_train"),
)
SETTINGS = {
    "epochs": {},
    "epochs, warm-up, workers": dict(
        schedule=(WARM_UP, dict(COSINE, begin=1)), loader=dict(num_workers=2)
    ),
    "epochs, checkpoints by iterations": dict(checkpoint=dict(by_epoch=False)),
    "epochs, no clean-up": dict(checkpoint=dict(max_keep_ckpts=2)),
    "iterations": LOOPS["iterations"],
    "iterations, workers that live on, no end": dict(
        LOOPS["iterations"],
        loop=dict(BY_ITER, val_interval=3),
        loader=dict(
            num_workers=1,
            persistent_workers=True,
            sampler=dict(type="InfiniteSampler", shuffle=True),
        ),
    ),
}


class Death(Hook):
    """Kills this process at a place that it comes to for the ``count``-th time."""

    def __init__(self, place, count, priority):
        self.priority = priority
        setattr(self, place, lambda *args, **kwargs: self._die())
        self._left = count

    def _die(self):
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def in_a_process(function):
    """Whether it came to its end; what it raised is a failure of the test."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.setpgid(0, 0)
            function()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # the workers of a killed process
    assert status in (0, signal.SIGKILL), f"the run failed, with status {status}"
    return status == 0


def train(folder, settings, resume, draws=None):
    made = runner(folder, resume=resume, **settings)
    if draws is not None:
        kind = draws.random()
        if kind < 0.25:  # in the middle of a file
            left = draws.randrange(1, 40_000)
            write = DigestWriter.write

            def dying(self, data):
                nonlocal left
                left -= len(data)
                if left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return write(self, data)

            DigestWriter.write = dying
        else:
            place = draws.choice(PLACES)
            priority = draws.choice(("HIGHEST", "NORMAL", "LOWEST"))
            made.register_hook(Death(place, draws.randrange(1, 9), priority))
    made.train()


def outcome(folder):
    """All that a run leaves: last checkpoint, names of all, best one and its score, validations."""
    last = Path((folder / "last_checkpoint").read_text(encoding="utf-8"))
    saved = torch.load(last, weights_only=True)
    info = saved["message_hub"]["runtime_info"]
    values = {}
    for file in sorted(folder.glob("*/vis_data/scalars.json")):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if "accuracy" in record:
                values[record["step"]] = record["accuracy"]
    return dict(
        weights=saved["state_dict"],
        optimizer=saved["optimizer"]["state"],
        schedules=saved["param_schedulers"],
        score=info["best_score"],
        best=Path(info["best_ckpt"]).name,
        files=sorted(file.name for file in folder.glob("*.pth")),
        torn=[file.name for file in folder.iterdir() if file.name.endswith((".tmp", ".json"))],
        validations=values,
    )


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_killed_run_ends_as_one_that_was_not(tmp_path, kind, record_property):
    settings = SETTINGS[kind]
    draws = random.Random(f"{kind} {KILLS}")
    assert in_a_process(lambda: train(tmp_path / "whole", settings, False))
    expected = outcome(tmp_path / "whole")
    wanted, kills, runs = -(-KILLS // len(SETTINGS)), 0, 0
    while kills < wanted:
        folder = tmp_path / f"run{runs}"
        runs += 1
        for start in range(100):
            seed = draws.random()
            last = start >= 3 or kills >= wanted  # few are killed more than three times
            resume, draw = start > 0, None if last else random.Random(seed)
            if in_a_process(lambda: train(folder, settings, resume, draw)):  # noqa: B023
                break
            kills += 1
        assert differing(expected, outcome(folder)) == [], f"after {kills} kills, run {runs}"
    record_property("kills", kills)
    record_property("runs", runs)
