"""What must not be in a config is found: missing bases, keys and arguments that nothing reads."""

from pathlib import Path

import pytest
from mmengine.config import Config

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS
from dmmix.configuration.reading import read_config
from dmmix.models import BatchClassifier
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
RUNS = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.py")
    if path.relative_to(CONFIGS).parts[0] not in ("_base_", "sweeps")
)
BASES = sorted(str(path.relative_to(CONFIGS)) for path in (CONFIGS / "_base_").rglob("*.py"))
#: What base files may say besides what mmengine's runner reads: their own names for other files.
HELPERS = {"data_file", "data_root", "dataset_type", "mixup", "num_classes", "objective"}


def read(path, *overrides):
    return read_config(str(path), overrides)


@pytest.mark.parametrize("name", RUNS)
def test_a_config_reads_as_the_commands_read_it(name, capsys):
    """Which looks at every type and argument, and at top-level keys that nothing reads."""
    kind = MODELS.get(f"dmmix.{read(CONFIGS / name).model.type}")
    assert issubclass(kind, BatchClassifier)
    assert "nothing reads" not in capsys.readouterr().err


@pytest.mark.parametrize("name", BASES)
def test_a_base_file_says_nothing_that_nobody_reads(name):
    keys = {key for key in Config.fromfile(CONFIGS / name) if not key.startswith("_")}
    assert keys <= RUNNER_KEYS | OTHER_KEYS | HELPERS


@pytest.mark.parametrize(
    "method",
    [
        *("Supervised", "PseudoLabel", "PiModel", "MeanTeacher", "MixMatch", "ReMixMatch", "UDA"),
        *("FixMatch", "FlexMatch", "BSS", "CoTuning", "SelfTuning"),
    ],
)
def test_a_misspelt_argument_that_all_methods_share(method):
    says = f"{method} has no argument 'unlabeled_weight'; did you mean 'unlabelled_weight'"
    with pytest.raises(UserError, match=says):
        read(
            CONFIGS / "semi/quickstart/digits_fixmatch.py",
            ("model.type", method),
            ("model.unlabeled_weight", 2.0),
        )
