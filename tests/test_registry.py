"""A name that is not quite right, in a config that Python builds."""

import re

import pytest

from dmmix.mixups import build_mix
from dmmix.registry import MIXUPS, MODELS

pytestmark = pytest.mark.openmmlab

HEAD = dict(type="DMLinearClsHead", num_classes=3, in_channels=4)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (
            lambda: build_mix(dict(type="CutMixx")),
            KeyError,
            "CutMixx is not in .*; did you mean 'CutMix'",
        ),
        (lambda: MIXUPS.build(dict(type="dmmix.PuzzleMx")), KeyError, "did you mean 'PuzzleMix'"),
        (
            lambda: build_mix(dict(type="CutMix", alhpa=1)),
            TypeError,
            "'alhpa'.*; did you mean 'alpha'",
        ),
        (
            lambda: build_mix(dict(type="RandomMix", mixups=[dict(type="Mixup", alpa=1)])),
            TypeError,
            "'alpa'.*; did you mean 'alpha'",
        ),
        (lambda: MODELS.build(dict(type="FixMach")), KeyError, "did you mean 'FixMatch'"),
        (
            lambda: MODELS.build(dict(HEAD, loss=dict(type="dmmix.DecoupledMixupLos"))),
            KeyError,
            "did you mean 'DecoupledMixupLoss'",
        ),
        (
            lambda: MODELS.build(dict(HEAD, loss=dict(type="dmmix.DecoupledMixupLoss", etaa=1))),
            TypeError,
            "'etaa'.*; did you mean 'eta'",
        ),
        (
            lambda: MODELS.build(dict(type="MixupCrossEntropyLoss", eta=0.1)),
            TypeError,
            "'eta'.*if it is inherited with another type, put _delete_=True",
        ),
    ],
)
def test_the_near_name_is_told(build, error, says):
    with pytest.raises(error) as caught:
        build()
    (text,) = caught.value.args
    assert re.search(says, text), text
    assert text.count("did you mean") <= 1


def test_errors_of_other_kinds_are_left_alone():
    with pytest.raises(TypeError, match=r"alpha must be a finite number above 0, got 'x'$"):
        build_mix(dict(type="CutMix", alpha="x"))
