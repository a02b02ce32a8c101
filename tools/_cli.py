"""What the tools share: options, configs, and errors that a user can act on.

Nothing here imports torch or the OpenMMLab stack before it must: ``--help`` and most mistakes are
answered before that (docs/benchmarks/startup.md).
"""

from __future__ import annotations

import argparse
import atexit
import difflib
import gc
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _output import write_any_character
from _override_values import parse_value
from _static_check import arguments, find_mistake, suggestion

#: Arguments of mmengine's runner; a test compares them with the installed one.
_RUNNER_KEYS = {
    *("auto_scale_lr", "cfg", "custom_hooks", "data_preprocessor", "default_hooks"),
    *("default_scope", "env_cfg", "experiment_name", "launcher", "load_from", "log_level"),
    *("log_processor", "model", "optim_wrapper", "param_scheduler", "randomness", "resume"),
    *("test_cfg", "test_dataloader", "test_evaluator", "train_cfg", "train_dataloader"),
    *("val_cfg", "val_dataloader", "val_evaluator", "visualizer", "work_dir"),
}
#: Keys of a config that mmengine, mmpretrain or dmmix read besides the runner's arguments.
_OTHER_KEYS = {
    "activation_checkpointing",
    "auto_scale_lr",
    "compile",
    "custom_imports",
    "data_preprocessor",
    "default_scope",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "overwrite",
    "runner_type",
    "step",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
    "vis_backends",
}
#: What to do about an argument that came along with another type.
INHERITED = (
    "if it is inherited from a config with another type, put _delete_=True beside the new type, "
    "which drops all that is inherited there"
)


write_any_character()


class UserError(Exception):
    """A mistake in what was asked for; its text is all that the user is shown."""


def config_options(description: str) -> argparse.ArgumentParser:
    """A parser with what every tool takes that reads a config."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action="extend",
        type=_key_and_value,
        metavar="KEY=VALUE",
        help="overrides, such as model.head.loss.eta=1.0 or model.mixup.alpha=0.5",
    )
    parser.add_argument("--traceback", action="store_true", help="show the whole stack of an error")
    return parser


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value


def common_options(description: str) -> argparse.ArgumentParser:
    """A parser with the options that train.py and test.py take."""
    parser = config_options(description)
    parser.add_argument("--work-dir", help="where logs, checkpoints and results go")
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started this process",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line; sets ``LOCAL_RANK`` where the launcher did not."""
    args = parser.parse_args()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def read_config(args: argparse.Namespace) -> Any:
    """The config with ``--cfg-options`` merged.

    Raises:
        UserError: no such file, or one that cannot be read; a key that nothing reads; a type or an
            argument that is certainly none.
    """
    cfg = _read_config(args.config)
    _check_top_level(cfg)
    if cfg.get("model") is None:
        raise UserError(f"{args.config}: a config needs 'model', this one has {sorted(cfg)}")
    if args.cfg_options:
        overrides = _parse_overrides(args.cfg_options)
        _check_overrides(cfg, overrides)
        cfg.merge_from_dict(overrides)
    mistake = find_mistake(cfg)
    if mistake:
        raise UserError(mistake)
    _import_custom_modules(cfg)
    return cfg


def load_config(args: argparse.Namespace) -> Any:
    """:func:`read_config`, with ``work_dir`` and ``launcher`` set for a runner."""
    cfg = read_config(args)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    cfg.launcher = args.launcher
    return cfg


def check_checkpoint(path: str) -> None:
    """Raises UserError unless the checkpoint is there, or is on another machine."""
    if "://" not in path and not Path(path).is_file():
        raise UserError(f"no checkpoint {path}{_near_files(path)}")


def build_runner(cfg: Any) -> Any:
    """The runner of the config; dmmix's own unless ``runner_type`` names another."""
    from mmengine.registry import RUNNERS

    import dmmix.engine

    dmmix.engine.init_cpu_processes(cfg.launcher, cfg)
    if cfg.get("runner_type") is None:
        runner = dmmix.engine.DmmixRunner.from_cfg(cfg)
    else:
        runner = RUNNERS.build(cfg)
    _check_optimizer(cfg)
    return runner


@contextmanager
def config_scope(cfg: Any) -> Iterator[None]:
    """The registries that the config means: those of its ``default_scope``."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", "mmpretrain")):
        yield


def build_dataset(cfg: Any, dataset: Any) -> Any:
    """The dataset of a part of the config, such as ``cfg.train_dataloader.dataset``."""
    from dmmix.datasets import unwrap
    from dmmix.registry import DATASETS

    with config_scope(cfg):
        return unwrap(DATASETS.build(dataset))


def leave_processes() -> None:
    """The orderly end of a run that was started by a launcher."""
    import dmmix.engine

    dmmix.engine.leave_processes()


def first_step_watch(runner: Any) -> Callable[[], bool]:
    """A function that says whether ``runner`` has trained or tested its first batch."""
    from mmengine.hooks import Hook

    class Watch(Hook):
        done = False

        def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
            self.done = True

        after_test_iter = after_train_iter

    watch = Watch()
    runner.register_hook(watch)
    return lambda: watch.done


@contextmanager
def starting() -> Iterator[None]:
    """While modules are imported and a runner is built, the garbage collector rests.

    They make a million objects and next to no garbage; going through them again and again took a
    quarter of the time to the first iteration. They stay to the end of the process, so no later
    collection looks at them either.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        if not gc.get_freeze_count():  # once a process: what is frozen, garbage too, stays
            gc.freeze()
            atexit.register(gc.unfreeze)  # the end takes it apart: triton reports what is left
    finally:
        if collecting:
            gc.enable()


@contextmanager
def reported_errors(
    show_traceback: bool, running: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Turns an error into one message on standard error and exit status 2.

    Once ``running()`` is true the mistake is not one of the config any more, and the error goes
    its usual way; but numbers that are not finite, and a full disk, are told in one message all
    the same.
    """
    try:
        yield
    except Exception as error:
        if running() and not _tells_all(error):
            raise
        if _of_all_ranks(error) and int(os.environ.get("RANK", 0)):
            sys.exit(2)
        if show_traceback:
            traceback.print_exc()
        print(f"\nerror: {explain(error)}", file=sys.stderr)
        if not show_traceback and not isinstance(error, UserError) and not _tells_all(error):
            print("(--traceback shows where)", file=sys.stderr)
        sys.exit(2)


def _tells_all(error: Exception) -> bool:
    """Whether the error's text says what to do, and its stack nothing more."""
    files = sys.modules.get("dmmix.compat.errors")
    return (files is not None and isinstance(error, files.DiskFullError)) or _of_all_ranks(error)


def _of_all_ranks(error: Exception) -> bool:
    """Whether all ranks raise it alike."""
    faults = sys.modules.get("dmmix.engine.faults")
    return faults is not None and isinstance(error, faults.NonFiniteError)


def explain(error: BaseException) -> str:
    """The error's text; for an unknown type of a config with the names that come close."""
    text = str(error)
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # str() of a KeyError is a repr
    if text.startswith("Caught ") and "\nOriginal Traceback" in text:  # of a loader's worker
        text = text.strip().splitlines()[-1].partition(": ")[2]
    unknown = re.search(r"'?(\S+) is not in the (.+?) registry", text)
    if unknown:
        return _unknown_type(*unknown.groups())
    if isinstance(error, UserError) or (isinstance(error, Exception) and _tells_all(error)):
        return text
    # mmengine prefixes where it was: class `X` in path/to/x.py: ...
    text = re.sub(r"class `(\w+)` in \S+: ", r"\1: ", text)
    text = re.sub(r"\. Did you mean '\w+'\?", "", text)  # Python 3.13 makes a suggestion itself
    argument = re.search(r"got an unexpected keyword argument '(\w+)'", text)
    if argument and "did you mean" not in text and "_delete_" not in text:
        near = suggestion(argument[1], _arguments_of_failed_build(error))
        text += near or f"; {INHERITED}"
    return f"{type(error).__name__}: {text}"


def _unknown_type(name: str, registry: str) -> str:
    """With suggestions from the registries of that name: dmmix's, mmpretrain's, mmengine's."""
    from mmengine import registry as mmengine
    from mmpretrain import registry as mmpretrain

    from dmmix import registry as ours

    known: set[str] = set()
    for module in (mmengine, mmpretrain, ours):
        for candidate in vars(module).values():
            if (
                isinstance(candidate, mmengine.Registry)
                and candidate.name == registry.split("::")[-1]
            ):
                known |= set(candidate.module_dict)
    near = suggestion(name.split(".")[-1], known)
    return f"unknown type {name!r}: not in the {registry} registry{near}"


def _arguments_of_failed_build(error: BaseException) -> set[str]:
    """What the class takes that mmengine was building when ``error`` was raised."""
    from dmmix.registry import keywords_of

    built = [local["obj_cls"] for local in _locals_of(error) if "obj_cls" in local][-1:]
    # Loops are built without a registry: by the name of a class where it was called.
    named = re.match(r"(\w+)\.__init__\(\)", str(error))
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if named and frames:
        built.append(frames[-1].f_globals.get(named[1]))
    return {name for leaf in built if inspect.isclass(leaf) for name in keywords_of(leaf)}


def _locals_of(error: BaseException, *functions: str) -> list[dict]:
    """Local variables along the stack of ``error``, outermost first; of these functions only."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [f.f_locals for f in frames if not functions or f.f_code.co_name in functions]


def _check_optimizer(cfg: Any) -> None:
    """mmengine itself says of an unknown one that None is not callable."""
    from mmengine.registry import OPTIMIZERS

    optimizer = (cfg.get("optim_wrapper") or {}).get("optimizer")
    kind = optimizer.get("type") if isinstance(optimizer, dict) else None
    with OPTIMIZERS.switch_scope_and_registry(None) as optimizers:
        if isinstance(kind, str) and optimizers.get(kind) is None:
            raise UserError(_unknown_type(kind, f"{optimizers.scope}::optimizer"))


def _read_config(path: str) -> Any:
    """The config as the file has it; what it wants imported is not yet."""
    installed = path.startswith("mmpretrain::")
    if not installed and not Path(path).is_file():
        raise UserError(f"no config file {path}{_near_files(path)}")
    from mmengine.config import Config

    from dmmix.compat.plain_files import plain_yaml

    plain_yaml()
    try:
        # As mmengine.hub.get_config() does, which imports torch.
        file = Config._get_cfg_path(path, "")[0] if installed else path
        return Config.fromfile(file, import_custom_modules=False)
    except Exception as error:
        raise UserError(_unreadable(path, error)) from error


def _import_custom_modules(cfg: Any) -> None:
    from mmengine.utils import import_modules_from_strings

    custom = cfg.get("custom_imports")
    if not custom:
        return
    try:
        import_modules_from_strings(**custom)
    except Exception as error:
        raise UserError(f"{cfg.filename}: custom_imports: {explain(error)}") from error


def _unreadable(path: str, error: Exception) -> str:
    """What is wrong with a config file or with one that it inherits from, and where."""
    # mmengine follows `_base_` by recursion: the innermost file is the one with the mistake.
    files = [str(f["filename"]) for f in _locals_of(error, "fromfile", "_file2dict")] or [path]
    at = os.path.normpath(files[-1])
    if isinstance(error, FileNotFoundError) and not Path(at).is_file():
        parents = [file for file in files if Path(file).is_file()]
        if not parents:
            return f"mmpretrain has no config {path.partition('::')[2]}"
        return f"{parents[-1]}: no base file {at}{_near_files(at)}"
    if isinstance(error, SyntaxError):
        if error.lineno is None and isinstance(error.__context__, SyntaxError):
            error = error.__context__  # mmengine raises another, without the line
        return f"{at}, line {error.lineno}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == at]
    return f"{at}{f', line {lines[-1]}' if lines else ''}: {explain(error)}"


def _check_top_level(cfg: Any) -> None:
    """A misspelt key would be ignored in silence: mmengine reads what it knows."""
    known = _RUNNER_KEYS | _OTHER_KEYS
    for key in cfg:
        # Other names are the config's own helpers; train_pipeline is mmpretrain's most common.
        if key in known or key.endswith("_pipeline"):
            continue
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.85)
        if near:
            raise UserError(f"{cfg.filename}: unknown key {key!r}, did you mean {near[0]!r}?")
        # Once where it is set, once more where another file or line takes it.
        if len(re.findall(rf"\b{re.escape(key)}\b", re.sub(r"#.*", "", cfg.text))) < 2:
            print(f"warning: {cfg.filename}: nothing reads the key {key!r}", file=sys.stderr)


def _parse_overrides(options: list[tuple[str, str]]) -> dict[str, Any]:
    parsed = {}
    for key, text in options:
        try:
            parsed[key] = parse_value(str(text))
        except ValueError as error:
            raise UserError(f"--cfg-options {key}: {error}") from error
    return parsed


def _check_overrides(cfg: Any, options: dict) -> None:
    known = _RUNNER_KEYS | _OTHER_KEYS
    for dotted in options:
        first, *rest = dotted.split(".")
        if first not in cfg and first not in known:
            raise UserError(
                f"--cfg-options {dotted}: the config has no key {first!r}"
                + suggestion(first, set(cfg) | known)
            )
        here = cfg.get(first)
        # The last part may be new: an argument that the config leaves at its default.
        for depth, part in enumerate(rest[:-1], start=1):
            path = ".".join([first, *rest[: depth - 1]])
            new = _arguments(here, path)
            if part in new:  # so may a dict that is an argument
                here = None
                break
            here = _child(here, part, dotted, path, new)
        if rest and here is not None and not isinstance(here, dict | list | tuple):
            path = ".".join([first, *rest[:-1]])
            raise UserError(f"--cfg-options {dotted}: {path} is {here!r} and has no parts")


def _arguments(part: Any, path: str) -> set[str]:
    """Arguments of a part of the config that it leaves at their defaults."""
    if not isinstance(part, dict):
        return set()
    default = {"optim_wrapper": "OptimWrapper"}.get(path)
    return arguments(part.get("type", default)) - set(part)


def _child(parent: Any, part: str, dotted: str, path: str, new: set[str]) -> Any:
    if isinstance(parent, list | tuple) and part.isdigit() and int(part) < len(parent):
        return parent[int(part)]
    if isinstance(parent, dict) and part in parent:
        return parent[part]
    names = {*parent, *new} if isinstance(parent, dict) else set()
    raise UserError(f"--cfg-options {dotted}: {path} has no {part!r}" + suggestion(part, names))


def _near_files(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f": no folder {folder}"
    if Path(path).is_dir():
        return ": it is a folder"
    names = [file.name for file in folder.glob(f"*{Path(path).suffix}") if file.is_file()]
    near = difflib.get_close_matches(Path(path).name, names, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(str(folder / n) for n in near)}?" if near else ""
