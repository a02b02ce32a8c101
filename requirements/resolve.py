"""Makes the files of pins from the requirements, and shows that they hold wherever we promise.

    python requirements/resolve.py             # makes them; a pin stays while it fits
    python requirements/resolve.py --upgrade   # makes them of the newest versions
    python requirements/resolve.py --check     # what CI does, and nothing is written

constraints.txt: one resolution by uv covers all Pythons and platforms; a pin that differs between
them has markers. hashed_build.txt and hashed.txt are those of ``make test`` with the hashes of the
index's files. oldest.txt has each requirement at its lower bound, for the oldest Python.
``--check`` makes them once more, then resolves what each command installs for each Python and
platform by itself, from wheels that the index has for it. Settings and wheels of this machine do
not count.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
INDEX = "https://pypi.org/simple"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: By the name that README uses, what uv calls them.
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
#: By the command that installs them, the requirements files.
COMMANDS = {
    "make quickstart": ("base", "mm", "headless", "build"),
    "make test": ("base", "mm", "test", "docs", "headless", "build"),
    "make test-openmmlab": ("base", "openmmlab", "test", "headless", "build"),
}
#: By the command that installs the lower bounds, the pins that hold there.
OLDEST = {
    "make test-oldest": ("oldest", "oldest_torch"),
    "make test-oldest-but-torch": ("oldest", "chosen"),
}
#: They come as source, of Python alone; all else has to be there built.
SOURCES = ("onedl-mmcv", "onedl-mmpretrain")
#: oldest.txt leaves them to the torch that goes with it.
OF_TORCH = ("torch", "torchvision", "triton", "sympy")
#: Files that are made, in this order, and those that are chosen by hand.
MADE = ("constraints", "hashed_build", "hashed", "oldest")
CHOSEN = ("chosen", "oldest_torch")


class Case(NamedTuple):
    """What has to resolve."""

    command: str
    python: str
    platform: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="the newest versions that fit")
    parser.add_argument("--check", action="store_true", help="show that it holds; write nothing")
    args = parser.parse_args()
    if args.check and args.upgrade:
        parser.error("--upgrade makes files, --check looks at those that are there: take one")
    if find_spec("uv") is None:
        sys.exit("resolving needs uv: pip install -c requirements/constraints.txt uv")
    if args.check:
        sys.exit(check(HERE))
    make(HERE, args.upgrade)
    print(f"{', '.join(f'{name}.txt' for name in MADE)} are made: see what changed, then make test")


def make(folder: Path, upgrade: bool = False) -> None:
    """Writes the pins; those that ``folder`` has stay where they fit, unless ``upgrade``.

    Raises:
        SystemExit: nothing satisfies the requirements; with what uv says of it.
    """
    every = sorted({file.stem for file in HERE.glob("*.txt")} - {*MADE, *CHOSEN})
    chosen = ["--annotation-style", "line", "--constraint", str(HERE / "chosen.txt")]
    universal = ["--universal", "--python-version", PYTHONS[0]]
    hashed = [*universal, "--generate-hashes", "--no-annotate"]
    hashed += ["--constraint", str(folder / "constraints.txt")]
    lowest = ["--resolution", "lowest-direct", *built_for(PYTHONS[0], "Linux x86-64")]
    for name in OF_TORCH:
        lowest += ["--no-emit-package", name]
    ranges = [file for file in every if file != "build"]
    for name in sorted({name for file in ranges for name in names(HERE / f"{file}.txt")}):
        lowest += ["--upgrade-package", name]  # its pin is its bound, wherever that goes
    arguments = {
        "constraints": [*universal, *chosen, *files(every)],
        "hashed_build": [*hashed, *files(["build"])],
        # Of OpenCV the build without windows, which works everywhere.
        "hashed": [*hashed, "--no-emit-package", "opencv-python", *files(COMMANDS["make test"])],
        "oldest": [*lowest, *chosen, *files(ranges)],
    }
    for name in MADE:
        command = ["--custom-compile-command", "make constraints", *arguments[name]]
        command += ["--output-file", str(folder / f"{name}.txt"), *["--upgrade"] * upgrade]
        if said := uv(command):
            sys.exit(f"{said}\n\nrequirements/*.txt do not resolve; {name}.txt stays as it was.")


def check(folder: Path) -> int:
    """0 where the pins are what the requirements give and hold in every case, else 1."""
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in MADE:
            shutil.copy(folder / f"{name}.txt", scratch)
        make(Path(scratch))
        for name in MADE:
            was, now = pinned(folder / f"{name}.txt"), pinned(Path(scratch) / f"{name}.txt")
            if was != now:
                lines = [f"  + {line}" for line in sorted(now - was)]
                lines += [f"  - {line}" for line in sorted(was - now)]
                faults.append(
                    f"{name}.txt is not what the requirements files give: make constraints\n"
                    + "\n".join(lines)
                )
    cases = [Case(*case) for case in product(COMMANDS, PYTHONS, PLATFORMS)]
    cases += [Case(command, PYTHONS[0], "Linux x86-64") for command in OLDEST]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda case: resolve(case, folder), cases))
    failed = {case for case, words in zip(cases, said, strict=True) if words}
    for command, python in product(COMMANDS, PYTHONS):
        words = [
            f"{name} {'FAILS' if Case(command, python, name) in failed else 'resolves'}"
            for name in PLATFORMS
        ]
        print(f"{command}, Python {python}: {', '.join(words)}")
    for case, words in zip(cases, said, strict=True):
        if words:
            faults.append(f"{case.command} with Python {case.python} on {case.platform}:\n{words}")
    print("\n\n".join(["", *faults]) if faults else f"All {len(cases)} resolve from {INDEX} alone.")
    return 1 if faults else 0


def pinned(file: Path) -> set[str]:
    """Its pins, without comments and hashes: the index may have new files of an old version."""
    lines = (line.split("#")[0] for line in file.read_text(encoding="utf-8").splitlines())
    return {line.strip(" \\") for line in lines if line.strip() and "--hash" not in line}


def names(file: Path) -> list[str]:
    """The packages that a requirements file asks for."""
    return re.findall(r"^[\w-]+", file.read_text(encoding="utf-8"), re.MULTILINE)


def files(stems: Sequence[str]) -> list[str]:
    return [str(HERE / f"{stem}.txt") for stem in stems]


def built_for(python: str, platform: str) -> list[str]:
    """For this Python and platform, with nothing that would have to be compiled."""
    options = ["--python-version", python, "--python-platform", PLATFORMS[platform]]
    options += ["--only-binary", ":all:"]
    for name in SOURCES:
        options += ["--no-binary", name]
    return options


def resolve(case: Case, folder: Path) -> str:
    """What uv has against it; nothing where it resolves."""
    command = built_for(case.python, case.platform)
    for name in OLDEST.get(case.command, ("constraints",)):
        command += ["--constraint", str((HERE if name in CHOSEN else folder) / f"{name}.txt")]
    wanted = COMMANDS.get(case.command, ("base", "mm", "test", "docs", "headless"))
    return uv([*command, *files(wanted)])


def uv(arguments: Sequence[str]) -> str:
    """Runs ``uv pip compile``; returns what it says where it fails."""
    command = [sys.executable, "-m", "uv", "--config-file", str(HERE / "uv.toml")]
    command += ["--no-python-downloads", "pip", "compile", "--quiet", *arguments]
    done = subprocess.run(
        command,
        env=without_settings(os.environ),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return (done.stderr or done.stdout or "uv failed") if done.returncode else ""


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what points pip or uv to packages; how the network is reached stays."""
    kept = {k: v for k, v in environment.items() if not k.startswith(("PIP_", "UV_"))}
    # The oldest system that torch is built for.
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "MACOSX_DEPLOYMENT_TARGET": "14.0"}


if __name__ == "__main__":
    main()
