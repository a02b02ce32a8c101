"""A random change of a config is right, or is told in a sentence that names the argument.

``DMMIX_HOSTILE_CONFIGS=340 pytest tests/configs/test_hostile_configs.py`` tries that many.
"""

import os
import re
from itertools import islice

import pytest

from tests.configs.hostile_configs import DIGITS, changes, outcome

COUNT = int(os.environ.get("DMMIX_HOSTILE_CONFIGS", "24"))
BATCH = 8
SEED = int(os.environ.get("DMMIX_HOSTILE_CONFIGS_SEED", "0"))
_NUMBERS = (
    "lr|weight_decay|momentum|eps|alpha|eta|prob|magnitude_range.*|magnitude_std|val|std|bias"
)
#: What is accepted, and why that is right: (end of the path, what it was changed to, reason).
RIGHT = [
    ("seed", "None", "a seed is drawn"),
    ("base_batch_size", "None|float|huge", "it is read where enable=True"),
    ("padding", "None", "none"),
    ("labels_per_class", "None", "all labels"),
    (r"layer(\.\d+)?", ".*", "mmengine initialises what has that name: none is no error there"),
    (_NUMBERS, "float|huge", "a number is asked for, and given"),
    ("magnitude_range.*|val|bias", "float|huge|negative", "likewise, of any sign"),
    (r"mean\.0|std\.0", "float|negative", "likewise"),
    ("milestones.*|T_max|begin|end|eta_min|gamma|start_factor", "float|huge|None", "of a schedule"),
    ("interval|max_epochs|max_iters|val_interval|batches", "huge", "longer than any run"),
]
#: What mmpretrain's networks count from the end, each in a way of its own.
LEFT = ("out_indices", "negative")


def right(change):
    where = ".".join(map(str, change.path))
    return any(
        re.search(rf"(^|\.)({path})$", where) and re.fullmatch(kinds, change.kind)
        for path, kinds, _ in RIGHT
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_random_changes(batch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for change in islice(changes(DIGITS, SEED + batch), BATCH):
        result = outcome(change, tmp_path)
        if (change.path[-2:-1], change.kind) == ((LEFT[0],), LEFT[1]):
            continue
        assert result.sort == "told" or (result.sort == "accepted" and right(change)), result
