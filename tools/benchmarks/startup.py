"""How long ``tools/train.py`` takes to answer, and to its first iteration, beside mmpretrain's.

Whole processes take turns: the usage text, four mistakes, and a run up to the first logged
iteration, the latter also with mmpretrain's own ``tools/train.py`` (same network, same images from
a file of arrays, its CutMix). Medians of wall-clock and of CPU time (user and system, children
included); the last is steadier on a shared machine. Beside a checkout given with ``--before``, the
same of its tools.

    python tools/benchmarks/startup.py --rounds 15 --out startup.json
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from _report import commit_of, parser, table, write_report
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "configs/quickstart/digits_cutmix_dm.py"
FIRST_ITERATION = re.compile(rb"Epoch\(train\)\s+\[1\]\[\s*1/")
#: Options of tools/train.py after the config; the mistakes end with status 2.
MISTAKES = {
    "wrong config key": ["--cfg-options", "modle.mixup.alpha=1"],
    "wrong type": ["--cfg-options", "model.mixup.type=CutMixx"],
    "wrong argument": ["--cfg-options", "model.mixup.alfa=1"],
    "wrong value": ["--cfg-options", "model.mixup.alpha=-1"],
}
START = "first iteration"

#: mmpretrain's script as installed. Where torchvision's compiled operators are absent, importing it
#: needs a hand, which is the same that dmmix gives.
STOCK_PROGRAM = """
import runpy, sys
try:
    import torchvision
except RuntimeError:
    from dmmix.compat import torchvision
    torchvision.prepare()
runpy.run_path({script!r}, run_name="__main__")
"""
STOCK_DATA = """
import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

@DATASETS.register_module()
class ArrayDigits(BaseDataset):
    METAINFO = {{"classes": [str(digit) for digit in range(10)]}}

    def load_data_list(self):
        with np.load({arrays!r}) as file:
            images, labels = file["images"], file["labels"]
        return [dict(img=image, gt_label=int(label)) for image, label in zip(images, labels)]
"""
STOCK_CONFIG = """
_base_ = ["mmpretrain::_base_/default_runtime.py"]
custom_imports = dict(imports=["stock_data"])
model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNet_CIFAR", depth=18, in_channels=1, stem_channels=16, base_channels=16,
        num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,), style="pytorch",
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="LinearClsHead", num_classes=10, in_channels=64,
        loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
    ),
    train_cfg=dict(augments=dict(type="CutMix", alpha=0.2)),
)
data_preprocessor = dict(num_classes=10, mean=[78.0], std=[96.0], to_rgb=False)
train_dataloader = dict(
    batch_size=20, num_workers=0, persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ArrayDigits", ann_file="", pipeline=[
        dict(type="RandomCrop", crop_size=8, padding=1), dict(type="PackInputs"),
    ]),
)
val_dataloader = dict(
    batch_size=450, num_workers=0, persistent_workers=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ArrayDigits", ann_file="", test_mode=True, pipeline=[dict(type="PackInputs")]
    ),
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type="Accuracy", topk=(1,))
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=5)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(type="CosineAnnealingLR", T_max=100, eta_min=0.0, by_epoch=True)
"""


@dataclass
class Program:
    """A command line and what it has to come to."""

    arguments: list[str]
    environment: dict[str, str]
    expect: int | None  # exit status; None: it is stopped after its first iteration

    def run(self, *python_options: str) -> tuple[float, float, bytes]:
        """Seconds by the clock, seconds of the CPU, output.

        Raises:
            RuntimeError: it ends in another way than it should.
        """
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *python_options, *self.arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        lines = []
        for line in process.stdout:
            lines.append(line)
            if self.expect is None and FIRST_ITERATION.search(line):
                break
        clock = time.perf_counter() - start
        reached = bool(lines) and FIRST_ITERATION.search(lines[-1]) is not None
        if reached:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        output = b"".join(lines)
        as_expected = reached if self.expect is None else process.returncode == self.expect
        if not as_expected:
            command = " ".join(self.arguments)
            raise RuntimeError(f"{command}: {output[-3000:].decode(errors='replace')}")
        return clock, usage.ru_utime + usage.ru_stime, output


def main() -> None:
    options = parser(__doc__, rounds=15, device=False)
    options.add_argument("--before", type=Path, help="another checkout, measured in turn")
    options.add_argument("--cases", nargs="+", metavar="CASE", help="only those named like this")
    args = options.parse_args()
    if args.before is not None and not (args.before / "tools" / "train.py").is_file():
        options.error(f"--before: no tools/train.py in {args.before}")

    with tempfile.TemporaryDirectory() as scratch:
        programs = _programs(Path(scratch), args.before, args.threads)
        if args.cases:
            programs = {
                name: program
                for name, program in programs.items()
                if any(case in name for case in args.cases)
            }
        if not programs:
            options.error(f"--cases: none is named like {args.cases}")
        times = _measure(programs, args.rounds)
        profiles = {
            name: import_profile(program.run("-X", "importtime")[2].decode(errors="replace"))
            for name, program in programs.items()
            if program.expect is None
        }
    results = {name: _summary(pairs) for name, pairs in times.items()}
    ratios = _ratios(times)
    _show(results, ratios, profiles, args)
    if args.out:
        content = {
            "rounds": args.rounds,
            "before": args.before and commit_of(args.before),
            "results": results,
            "ratios": ratios,
            "import seconds": profiles,
        }
        write_report(args.out, content, threads=args.threads)


def _programs(scratch: Path, before: Path | None, threads: int) -> dict[str, Program]:
    programs = {}
    for suffix, root in {"": ROOT, ", before": before}.items():
        if root is None:
            continue
        environment = _environment([root.resolve()], threads)
        train, config = str(root / "tools" / "train.py"), str(root / CONFIG)
        orphan = scratch / "orphan.py"
        orphan.write_text("_base_ = './absent.py'\n", encoding="utf-8")
        absent = str(Path(config).with_name("digits_cutmix_dn.py"))
        cases = {"--help": (["--help"], 0), "wrong path": ([absent], 2)}
        cases["wrong base file"] = ([str(orphan)], 2)
        # --dry-run: a mistake that went unseen ends soon, and with another status.
        cases |= {case: ([config, "--dry-run", *rest], 2) for case, rest in MISTAKES.items()}
        work = ["--work-dir", str(scratch / f"ours{suffix}")]
        cases[START] = ([config, *work, "--cfg-options", "default_hooks.logger.interval=1"], None)
        for case, (arguments, expect) in cases.items():
            programs[case + suffix] = Program([train, *arguments], environment, expect)
    programs[f"{START}, mmpretrain"] = _stock(scratch, threads)
    return programs


def _stock(scratch: Path, threads: int) -> Program:
    """mmpretrain's script with the same network on the same images."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    arrays = scratch / "digits.npz"
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    np.savez(arrays, images=images[:100], labels=digits.target[:100])
    (scratch / "stock_data.py").write_text(STOCK_DATA.format(arrays=str(arrays)), encoding="utf-8")
    (scratch / "stock.py").write_text(STOCK_CONFIG, encoding="utf-8")
    folder = find_spec("mmpretrain").submodule_search_locations[0]
    script = str(Path(folder, ".mim", "tools", "train.py"))
    program = scratch / "stock_train.py"
    program.write_text(STOCK_PROGRAM.format(script=script), encoding="utf-8")
    options = ["--work-dir", str(scratch / "stock"), "--no-pin-memory", "--no-persistent-workers"]
    override = ["--cfg-options", "default_hooks.logger.interval=1"]
    arguments = [str(program), str(scratch / "stock.py"), *options, *override]
    return Program(arguments, _environment([ROOT, scratch], threads), None)


def _environment(paths: list[Path], threads: int) -> dict[str, str]:
    old = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, paths), *old]),
        "OMP_NUM_THREADS": str(threads),
    }


def _measure(programs: dict[str, Program], rounds: int) -> dict[str, list[tuple[float, float]]]:
    for program in programs.values():
        program.run()  # bytecode and the file cache
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    order = list(programs)
    for _ in track(range(rounds), description="starts", console=Console(stderr=True)):
        order = order[1:] + order[:1]  # nobody is always first
        for name in order:
            times[name].append(programs[name].run()[:2])
    return times


def _summary(pairs: list[tuple[float, float]]) -> dict[str, float]:
    clock, cpu = zip(*pairs, strict=True)
    return {"seconds": median(clock), "cpu_seconds": median(cpu), "worst_seconds": max(clock)}


def _ratios(times: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    """Ours over the other's, round by round, the median of it."""
    ratios = {}
    for name, others in times.items():
        case, _, other = name.partition(", ")
        if other and case in times:
            pairs = list(zip(times[case], others, strict=True))
            ratios[f"{case}, over {other}"] = {
                "seconds": median(ours[0] / theirs[0] for ours, theirs in pairs),
                "cpu_seconds": median(ours[1] / theirs[1] for ours, theirs in pairs),
            }
    return ratios


def import_profile(output: str) -> dict[str, float]:
    """Seconds that the modules of each top package took themselves, from ``-X importtime``."""
    seconds: Counter[str] = Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", output):
        seconds[name.split(".")[0]] += int(own) / 1e6
    return dict(seconds.most_common())


def _show(results: dict, ratios: dict, profiles: dict, args: argparse.Namespace) -> None:
    title = f"whole process, {args.rounds} rounds, {args.threads} thread(s)"
    shown = table(title, "case", "s", "CPU s", "worst s")
    for name, row in results.items():
        shown.add_row(name, *(f"{value:.2f}" for value in row.values()))
    for name, row in ratios.items():
        shown.add_row(f"ratio: {name}", *(f"{value:.3f}" for value in row.values()), "")
    console = Console()
    console.print(shown)
    for name, profile in profiles.items():
        shown = table(f"imports, {name}: {sum(profile.values()):.2f} s", "package", "own s")
        for package, seconds in list(profile.items())[:12]:
            shown.add_row(package, f"{seconds:.3f}")
        console.print(shown)


if __name__ == "__main__":
    main()
