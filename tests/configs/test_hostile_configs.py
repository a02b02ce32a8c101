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
#: What is accepted, and why that is right: (where, what it was changed to, reason).
RIGHT = [
    (r"randomness\.seed", "None", "a seed is drawn"),
    (r"base_batch_size|base_batch_size.*", "None|float", "it is read where enable=True"),
    (r"padding", "None|dict", "none"),
    (r"labels_per_class", "None", "all labels"),
    (r"init_cfg\.\d+\.val|bias|std", "float|negative|huge", "a number for the weights"),
    (r"layer(\.\d+)?", ".*", "mmengine initialises what has the name; to name nothing is no error"),
    (r"milestones|T_max|end|begin|eta_min|gamma|start_factor", "float|negative", "a schedule"),
    (r"(lr|weight_decay|momentum|eps|alpha|eta|t|xi|loss_weight|magnitude\w*(\.\d)?|mean\.0|std\.0"
     r"|prob|.*_weight|temperature|threshold|.*_mult|min_lr)", "float|huge|negative|None", "a number"),
]  # fmt: skip


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
        assert result.sort == "told" or (result.sort == "accepted" and right(change)), result
