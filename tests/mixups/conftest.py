"""What the tests of registered mixes share."""

import uuid

import pytest
from mmengine.logging import MessageHub


@pytest.fixture
def no_runner():
    """A message hub of its own, in which no runner has said anything."""
    hub = MessageHub.get_instance(f"test-{uuid.uuid4().hex}")
    yield hub
    MessageHub._instance_dict.pop(hub.instance_name)


@pytest.fixture
def runner(no_runner):
    """Plays a runner in training: ``runner(seed=.., iter=.., epoch=..)``."""

    def says(**info):
        no_runner.update_info_dict(dict(loop_stage="train", **info))

    says(seed=0, iter=0, epoch=0)
    return says
