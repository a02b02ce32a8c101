"""The keys at the top of a config."""

import inspect
import re

import pytest
from mmengine.runner import Runner

from dmmix.configuration.keys import RUNNER_KEYS


@pytest.mark.openmmlab
def test_the_keys_of_a_runner():
    """Written down, since to ask mmengine's runner takes the import of torch."""
    assert set(inspect.signature(Runner.__init__).parameters) - {"self"} == RUNNER_KEYS


def test_a_key_that_nothing_reads_is_named(call, child, dm):
    file = child(
        "width = 3\nlearning_rate = 1.0\n"
        "model = dict(head=dict(num_classes=10))\nclasses = 10\n"
        "custom_hooks = []\nstep = dict(compile=False)"
    )
    done = call("train", file, "--dry-run")
    assert done.status == 0
    told = re.findall(r"^warning: .*: nothing reads the key '(\w+)'$", done.err, re.MULTILINE)
    assert told == ["width", "learning_rate", "classes"]
    assert "nothing reads" not in call("train", dm, "--dry-run").err
