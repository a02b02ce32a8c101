"""What tools/train.py and test.py answer without importing torch or the OpenMMLab stack.

Times depend on the machine; what is imported does not. tools/benchmarks/startup.py has the times.
"""

import gc
import importlib
import inspect
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.openmmlab

#: Each takes a tenth of a second or more; mmengine.config alone is fine where a config is read.
HEAVY = {
    *("cv2", "matplotlib", "mmcv", "mmpretrain", "scipy", "sklearn", "sympy", "timm", "torch"),
    *("torchvision", "triton"),
}


@pytest.fixture
def dm(root):
    return root / "configs" / "quickstart" / "digits_cutmix_dm.py"


@pytest.fixture
def start(root, tool_environment, tmp_path):
    """Runs a tool in an empty folder: its exit status, its messages, the packages imported."""

    def run(tool, *arguments):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", root / "tools" / tool, *map(str, arguments)],
            env=tool_environment,
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


@pytest.mark.parametrize("tool", ["train.py", "test.py"])
def test_help_imports_nothing(start, tool):
    status, shown, packages = start(tool, "--help")
    assert status == 0
    assert "--cfg-options KEY=VALUE" in shown
    assert not packages & {*HEAVY, "mmengine", "numpy", "dmmix"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["absent.py"], "no config file absent.py"),
        (["absent.py", "--cfg-options", "lr"], "expected KEY=VALUE, got 'lr'"),
    ],
)
def test_a_wrong_path_or_option_imports_nothing(start, arguments, says):
    status, shown, packages = start("train.py", *arguments)
    assert status == 2
    assert says in shown
    assert not packages & {*HEAVY, "mmengine", "numpy"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("_base_ = './absent.py'", "no base file"),
        ("_base_ = 'mmpretrain::resnet/absent.py'", 'absent.py" does not exist'),
        ("_base_ = {dm!r}\noptim_wraper = dict()", "did you mean 'optim_wrapper'?"),
        ("_base_ = {dm!r}\nmodel = dict(typ='X'", "was never closed"),
        ("lr = 0.1", "a config needs 'model'"),
        ("_base_ = {dm!r}\nmodel = dict(mixup=dict(type='CutMixx'))", "did you mean 'CutMix'?"),
        ("_base_ = {dm!r}\nmodel = dict(mixup=dict(alfa=1))", "CutMix has no argument 'alfa'"),
    ],
)
def test_mistakes_of_a_config_file(start, dm, tmp_path, text, says):
    (tmp_path / "child.py").write_text(text.format(dm=str(dm)), encoding="utf-8")
    status, shown, packages = start("train.py", "child.py")
    assert status == 2
    assert says in shown
    assert not packages & HEAVY
    assert sorted(file.name for file in tmp_path.iterdir()) == ["child.py"]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("modle.head.loss.eta=1", "did you mean 'model'?"),
        ("model.head.num_classes.x=1", "has no parts"),
        ("model.head.loss.type=DecoupledMixupLos", "did you mean 'DecoupledMixupLoss'"),
        ("train_cfg.max_epoch=1", "did you mean 'max_epochs'"),
        ("optim_wrapper.optimizer.type=SGDD", "did you mean 'SGD'"),
        ("custom_hooks.0.type=MixedAcuracyHook", "did you mean 'MixedAccuracyHook'?"),
    ],
)
def test_mistakes_of_overrides(start, dm, option, says):
    status, shown, packages = start("train.py", dm, "--cfg-options", option)
    assert status == 2
    assert says in shown
    assert not packages & HEAVY


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["absent.pth"], "no checkpoint absent.pth"),
        (["weights.pth", "--out", "x.txt"], "--out for metrics must end in"),
    ],
)
def test_mistakes_of_testing(start, dm, tmp_path, arguments, says):
    (tmp_path / "weights.pth").write_text("no weights", encoding="utf-8")
    status, shown, packages = start("test.py", dm, *arguments)
    assert status == 2
    assert says in shown
    assert not packages & HEAVY


def test_the_keys_of_a_runner(load_tool):
    """Written down, since to ask mmengine's runner takes the import of torch."""
    from mmengine.runner import Runner

    load_tool("train")
    cli = importlib.import_module("_cli")
    assert set(inspect.signature(Runner.__init__).parameters) - {"self"} == cli._RUNNER_KEYS


# The check against the sources


@pytest.fixture
def check(load_tool):
    load_tool("train")
    return importlib.import_module("_static_check")


@pytest.fixture
def find_mistake(check, tmp_path):
    from mmengine.config import Config

    def find(text):
        (tmp_path / "config.py").write_text(text, encoding="utf-8")
        return check.find_mistake(
            Config.fromfile(str(tmp_path / "config.py"), import_custom_modules=False)
        )

    return find


def registries():
    import dmmix.datasets
    import dmmix.engine
    import dmmix.models  # noqa: F401
    from dmmix import registry

    for name in filter(str.isupper, registry.__all__):
        here = getattr(registry, name)
        while here is not None:
            here.import_from_location()
            yield here
            here = here.parent


def test_everything_registered_is_known(check):
    sources = check._Sources()
    seen = 0
    for registry in registries():
        for name, kind in registry.module_dict.items():
            if kind.__module__.split(".")[0] not in (*check._PACKAGES, "torch"):
                continue  # of another test, or of a package that is installed besides
            if check._bare(name) == name:  # not torchvision/..., which is left to the build
                assert sources.mention(name), (registry, name)
                seen += 1
    assert seen > 500


def test_known_arguments_are_never_too_few(check):
    """Against what Python says of the classes themselves."""
    sources = check._Sources()
    compared = 0
    for registry in registries():
        for name, kind in registry.module_dict.items():
            known = sources.arguments(name) if inspect.isclass(kind) else None
            if known is None or kind.__module__.split(".")[0] not in check._PACKAGES:
                continue
            parameters = inspect.signature(kind.__init__).parameters.values()
            named = {
                p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            }
            assert named - {"self"} <= known, kind
            compared += 1
    assert compared > 300


def test_the_sources_are_read_once_a_process(find_mistake, check, monkeypatch):
    made, read = [], check._Sources
    monkeypatch.setattr(check, "_Sources", lambda: made.append(1) or read())
    check._sources.cache_clear()
    assert "lr" in check.arguments("SGD")
    assert check.arguments("Absent") == set()
    assert "eta" in check.arguments("DecoupledMixupLoss")
    assert "'CutMix'" in find_mistake("model = dict(type='CutMixx')")
    assert len(made) == 1


def test_what_arguments_gives_is_the_callers_own(check):
    check.arguments("SGD").clear()
    assert "lr" in check.arguments("SGD")


@pytest.mark.parametrize(
    "text",
    [
        # Registered elsewhere: by a module of the user's, in the config itself, in another scope.
        "custom_imports = dict(imports=['mine'])\nmodel = dict(type='Absent')",
        "import mine\nmodel = dict(type='Absent')",
        "default_scope = 'mmdet'\nmodel = dict(type='Absent')",
        "model = dict(type='mmdet.Absent')",
        "model = dict(type='torch.nn.Absent')",
        "model = dict(type='ImageClassifier', backbone=dict(type='Absent', _scope_='mmdet'))",
        # A vocabulary of their own.
        "test_dataloader = dict(dataset=dict(pipeline=[dict(type='torchvision/Absent')]))",
        "test_dataloader = dict(dataset=dict(pipeline=["
        "dict(type='Albu', transforms=[dict(type='Absent')])]))",
        # Arguments for whoever builds the part, or for a base class that is not looked at.
        "custom_hooks = [dict(type='EMAHook', priority='LOW', momentum=1e-4, ema_type='X')]",
        "param_scheduler = dict(type='LinearLR', convert_to_iter_based=True, begin=0)",
        "model = dict(backbone=dict(type='VisionTransformer', arch='b'))",  # it has an out_type
        "train_cfg = dict(by_epoch=False, max_iters=10)",
        "val_cfg = dict()",
        "model = dict(type='ImageClassifier', nothing_that_comes_close=1)",
        # Not of a form that is looked at.
        "model = dict(type=3)",
        "model = [1, None]",
        "param_scheduler = None",
    ],
)
def test_what_is_not_certain_is_left_to_the_build(find_mistake, text):
    assert find_mistake(text) is None


def test_the_optimisers_of_other_packages(find_mistake, check, monkeypatch):
    text = "optim_wrapper = dict(optimizer=dict(type='AdamW8bit', lr=0.1))"
    assert "did you mean 'AdamW'" in find_mistake(text)
    monkeypatch.setattr(check, "_has_other_optimizers", lambda: True)
    assert find_mistake(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "model = dict(type='dmmix.CutMixx')",
            "unknown type 'dmmix.CutMixx': model.type .*'CutMix'",
        ),
        (
            "custom_imports = dict(imports=['dmmix.models'])\nmodel = dict(type='Absentt')",
            "'Absentt'",
        ),
        (
            "val_evaluator = [dict(type='Accuracy'), dict(type='Acuracy')]",
            r"val_evaluator\.1\.type",
        ),
        ("default_hooks = dict(logger=dict(type='LogerHook'))", r"default_hooks\.logger\.type"),
        ("train_cfg = dict(by_epoch=False, max_iter=10)", "'max_iter'; did you mean 'max_iters'"),
        # Through a base class, or two.
        ("model = dict(backbone=dict(type='ResNet_CIFAR', dept=18))", "did you mean 'depth'"),
        ("model = dict(head=dict(type='DMLinearClsHead', num_clases=1))", "'num_classes'"),
        ("train_dataloader = dict(dataset=dict(type='Digits', pipline=[]))", "'pipeline'"),
        # A class of dmmix, of one of mmpretrain's of the same name.
        ("train_dataloader = dict(dataset=dict(type='CIFAR10', checksum=False))", "'checksums'"),
        ("train_dataloader = dict(dataset=dict(type='CIFAR100', data_rot=''))", "'data_root'"),
    ],
)
def test_what_is_certain(find_mistake, text, says):
    assert re.search(says, find_mistake(text))


# The garbage collector


def test_the_collector_rests_while_starting(load_tool):
    load_tool("train")
    cli = importlib.import_module("_cli")
    assert gc.isenabled()
    with cli.starting():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    with pytest.raises(ZeroDivisionError), cli.starting():
        raise ZeroDivisionError
    assert gc.isenabled()


# The benchmark


@pytest.fixture
def benchmark(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools" / "benchmarks"))
    monkeypatch.delitem(sys.modules, "startup", raising=False)
    yield importlib.import_module("startup")
    sys.modules.pop("startup", None)


def test_the_import_profile(benchmark):
    profile = benchmark.import_profile(
        "import time: self [us] | cumulative | imported package\n"
        "import time:      2000 |       2000 |   torch._C\n"
        "other output\n"
        "import time:      1000 |       3000 | torch\n"
        "import time:      5000 |       5000 | numpy\n"
    )
    assert profile == {"numpy": 0.005, "torch": 0.003}
    assert list(profile) == ["numpy", "torch"]


def test_ratios_are_of_the_same_round(benchmark):
    times = {
        "first": [(1.0, 2.0), (3.0, 3.0), (8.0, 1.0)],
        "first, mmpretrain": [(2.0, 2.0), (3.0, 6.0), (2.0, 1.0)],
        "--help": [(1.0, 1.0)] * 3,
    }
    assert benchmark._ratios(times) == {
        "first, over mmpretrain": {"seconds": 1.0, "cpu_seconds": 1.0}
    }


def test_a_program_that_ends_otherwise_is_an_error(benchmark, tool_environment):
    program = benchmark.Program(["-c", "print('oops'); raise SystemExit(3)"], tool_environment, 0)
    with pytest.raises(RuntimeError, match="oops"):
        program.run()


def test_the_benchmark_measures(benchmark, monkeypatch, capsys, tmp_path):
    import json

    out = tmp_path / "out.json"
    options = ["--rounds", "1", "--cases", "wrong path", "base", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["startup.py", *options])
    benchmark.main()
    assert "wrong path" in capsys.readouterr().out
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert set(results) == {"wrong path", "wrong base file"}
    assert all(row["cpu_seconds"] > 0 and row["seconds"] > 0 for row in results.values())
