"""What the commands answer without importing torch or the OpenMMLab stack.

Times depend on the machine; what is imported does not. tools/benchmarks/startup.py has the times.
"""

import re
import subprocess
import sys

import pytest

from dmmix.cli.main import VERBS

pytestmark = [pytest.mark.openmmlab, pytest.mark.slow]

#: Each takes a tenth of a second or more; mmengine.config alone is fine where a config is read.
HEAVY = {
    *("cv2", "matplotlib", "mmcv", "mmpretrain", "scipy", "sklearn", "sympy", "timm", "torch"),
    *("torchvision", "triton"),
}
#: With what is imported where a config is read.
LIGHT = {*HEAVY, "mmengine", "numpy"}


@pytest.fixture(scope="module")
def environment(tool_environment, tmp_path_factory):
    """With a cache of its own, in which the index of types is: to make it takes all imports."""
    cache = str(tmp_path_factory.mktemp("cache"))
    found = {**tool_environment, "LOCALAPPDATA": cache, "XDG_CACHE_HOME": cache}
    code = "from dmmix.configuration.type_index import type_index; type_index()"
    subprocess.run([sys.executable, "-c", code], env=found, check=True, capture_output=True)
    return found


@pytest.fixture
def start(environment, tmp_path):
    """Runs a command in an empty folder: its exit status, its messages, the packages imported."""

    def run(verb, *arguments):
        words = ["-m", "dmmix", *verb.split(), *map(str, arguments)]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            encoding="utf-8",
        )
        names = re.findall(r"^import time: .*\| +([\w.]+)$", done.stderr, re.M)
        assert "argparse" in names  # the list is there
        messages = re.sub(r"^import time: .*\n", "", done.stderr, flags=re.M)
        return done.returncode, messages + done.stdout, {name.split(".")[0] for name in names}

    return run


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_nothing(start, verb):
    status, shown, packages = start(verb, "--help")
    assert status == 0
    assert f"usage: dmmix {verb} " in shown
    assert not packages & LIGHT


#: What is typed beside ``child.py`` and a file of weights that is none, what is said, and what is
#: not imported for it. A config file has the text that stands in the place of its name.
MISTAKES = [
    (["train", "absent.py"], "no config file absent.py", LIGHT),
    (["train", "absent.py", "--cfg-options", "lr"], "expected KEY=VALUE, got 'lr'", LIGHT),
    *(
        (["train", f"child: {text}"], says, HEAVY)
        for text, says in [
            ("_base_ = './absent.py'", "no base file"),
            ("_base_ = 'mmpretrain::resnet/absent.py'", 'absent.py" does not exist'),
            ("_base_ = {dm!r}\noptim_wraper = dict()", "did you mean 'optim_wrapper'?"),
            ("_base_ = {dm!r}\nmodel = dict(typ='X'", "was never closed"),
            ("lr = 0.1", "a config needs 'model'"),
            ("_base_ = {dm!r}\nmodel = dict(mixup=dict(type='CutMixx'))", "did you mean 'CutMix'?"),
            ("_base_ = {dm!r}\nmodel = dict(mixup=dict(alfa=1))", "CutMix has no argument 'alfa'"),
        ]
    ),
    *(
        (["train", "{dm}", "--cfg-options", option], says, HEAVY)
        for option, says in [
            ("modle.head.loss.eta=1", "did you mean 'model'?"),
            ("model.head.num_classes.x=1", "has no parts"),
            ("model.head.loss.type=DecoupledMixupLos", "did you mean 'DecoupledMixupLoss'"),
            ("train_cfg.max_epoch=1", "did you mean 'max_epochs'"),
            ("optim_wrapper.optimizer.type=SGDD", "did you mean 'SGD'"),
            ("custom_hooks.0.type=MixedAcuracyHook", "did you mean 'MixedAccuracyHook'?"),
        ]
    ),
    (["test", "{dm}", "absent.pth"], "no checkpoint absent.pth", HEAVY),
    (["test", "{dm}", "weights.pth", "--out", "x.txt"], "--out for metrics must end in", HEAVY),
]


@pytest.mark.parametrize(("words", "says", "heavy"), MISTAKES)
def test_a_mistake_is_told_before_anything_heavy_is_imported(
    start, dm, tmp_path, words, says, heavy
):
    there = {"weights.pth": "no weights"}
    words = [word.format(dm=str(dm)) for word in words]
    if words[1].startswith("child: "):
        there["child.py"] = words[1].removeprefix("child: ")
        words[1] = "child.py"
    for name, text in there.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    status, shown, packages = start(*words)
    assert status == 2
    assert says in shown
    assert not packages & heavy
    assert {file.name for file in tmp_path.iterdir()} == {*there}
