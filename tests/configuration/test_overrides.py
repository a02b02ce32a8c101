"""Which keys ``--cfg-options`` takes."""

import pytest

from dmmix.configuration.overrides import parse_overrides
from tests.cli.messages import error_of

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("modle.head.loss.eta=1", "the config has no key 'modle'; did you mean 'model'?"),
        ("model.head.los.eta=1", "model.head has no 'los'; did you mean 'loss'?"),
        ("model.mixups.alpha=1", "model has no 'mixups'; did you mean 'mixup'?"),
        ("train_dataloader.dataset.subst.seed=1", "has no 'subst'; did you mean 'subset'?"),
        ("optim_wrapper.clip_gradient.max_norm=1", "did you mean 'clip_grad'?"),
        ("custom_hooks.7.seed=1", "custom_hooks has no '7'"),
        ("model.head.num_classes.x=1", "model.head.num_classes is 10 and has no parts"),
        ("model.head.loss.eta", "expected KEY=VALUE, got 'model.head.loss.eta'"),
    ],
)
def test_overrides_of_what_is_not_there(call, dm, option, says):
    message = error_of(call("train", dm, "--dry-run", "--cfg-options", option))
    assert "--cfg-options" in message
    assert message.endswith(says)


@pytest.mark.parametrize("path", ["C:\\new data\\tiny", "\\\\server\\photos", "/data/a folder"])
def test_a_path_of_any_platform_is_an_override(path):
    assert parse_overrides([("data.root", path)]) == {"data.root": path}
