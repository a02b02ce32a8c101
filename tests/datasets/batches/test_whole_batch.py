"""whole_batch: the batch as it is."""

import pytest
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS

from dmmix.datasets import whole_batch
from dmmix.registry import FUNCTIONS

pytestmark = pytest.mark.openmmlab


def test_the_batch_passes():
    batch = {"inputs": object()}
    assert whole_batch(batch) is batch


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (MMENGINE_FUNCTIONS, "whole_batch"),
        (MMENGINE_FUNCTIONS, "dmmix.whole_batch"),
        (FUNCTIONS, "whole_batch"),
    ],
)
def test_it_is_registered_where_mmengine_looks(registry, name):
    assert registry.get(name) is whole_batch


def test_single_samples_are_refused():
    with pytest.raises(TypeError, match=r"got a list of 2 samples.*default_collate"):
        whole_batch([{}, {}])
