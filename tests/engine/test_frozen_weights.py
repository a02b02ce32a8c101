"""Weights that are not trained are told in one line, other warnings as ever."""

import logging
from contextlib import suppress

import pytest

from dmmix.engine import DmmixRunner
from dmmix.engine.optim_wrappers import count_frozen_weights
from tests.engine.test_semi_training import config

pytestmark = pytest.mark.openmmlab
SKIPPED = "is skipped since its requires_grad=False"


@pytest.fixture
def logger():
    made = logging.Logger("frozen", logging.INFO)
    made.messages = []
    handler = logging.Handler()
    handler.emit = lambda record: made.messages.append((record.levelname, record.getMessage()))
    made.addHandler(handler)
    return made


def test_one_line_counts_them_by_part_and_other_messages_pass(logger):
    with count_frozen_weights(logger):
        for name in ("teacher.a.weight", "teacher.b.bias", "backbone.conv.weight", ".scale"):
            logger.warning(f"{name} {SKIPPED}")
        logger.warning("head.fc is duplicate. It is skipped since bypass_duplicate=True")
    logger.warning(f"later.weight {SKIPPED}")
    (_, other), (level, told), (_, later) = logger.messages
    assert level == "INFO"
    assert told.endswith("teacher: 2, backbone: 1, scale: 1")
    assert other.startswith("head.fc is duplicate")
    assert later.startswith("later.weight")
    with suppress(KeyError), count_frozen_weights(logger):  # nothing is told after an error
        logger.warning(f"a.weight {SKIPPED}")
        raise KeyError
    assert len(logger.messages) == 3
    assert not logger.filters


def test_a_teacher_in_a_runner(root, tmp_path):
    cfg = config(root, tmp_path, "MeanTeacher")
    cfg.log_level = "INFO"
    run = DmmixRunner.from_cfg(cfg)
    run.optim_wrapper = run.build_optim_wrapper(run.optim_wrapper)
    (log,) = tmp_path.rglob("*.log")
    told = log.read_text(encoding="utf-8")
    count = sum(1 for _ in run.model.teacher.parameters())
    assert f"(requires_grad=False): teacher: {count}\n" in told
    assert SKIPPED not in told
    groups = run.optim_wrapper.optimizer.param_groups
    trained = {id(w) for group in groups for w in group["params"]}
    assert trained == {id(w) for w in run.model.parameters() if w.requires_grad}
