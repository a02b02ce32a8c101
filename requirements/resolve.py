"""Makes constraints.txt from the requirements files, and shows that it holds wherever we promise.

    python requirements/resolve.py             # makes it; a pin stays while it fits
    python requirements/resolve.py --upgrade   # makes it of the newest versions
    python requirements/resolve.py --check     # what CI does, and nothing is written

One resolution by uv covers all Pythons and platforms: a pin that differs between them has markers.
``--check`` makes it once more, then resolves what each command installs for each Python and
platform by itself, from wheels that the index has for it. Settings and wheels of this machine do
not count.
"""

from __future__ import annotations

import argparse
import os
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
PINS = HERE / "constraints.txt"
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
    "make quickstart": ("base", "mm", "build"),
    "make test": ("base", "mm", "test", "docs", "build"),
    "make test-openmmlab": ("base", "openmmlab", "test", "build"),
}
#: They come as source, of Python alone; all else has to be there built.
SOURCES = ("onedl-mmcv", "onedl-mmpretrain")


class Case(NamedTuple):
    """What has to resolve."""

    command: str
    python: str
    platform: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="the newest versions that fit")
    parser.add_argument("--check", action="store_true", help="show that it holds; write nothing")
    parser.add_argument("--constraints", type=Path, default=PINS, help="another constraints file")
    args = parser.parse_args()
    if args.check and args.upgrade:
        parser.error("--upgrade makes a file, --check looks at the one that is there: take one")
    if find_spec("uv") is None:
        sys.exit("resolving needs uv: pip install -c requirements/constraints.txt uv")
    if args.check and not args.constraints.is_file():
        parser.error(f"--constraints {args.constraints}: there is no such file")
    if args.check:
        sys.exit(check(args.constraints))
    make(args.constraints, args.upgrade)
    print(f"{args.constraints} is made: look at what changed, then make test")


def make(out: Path, upgrade: bool = False) -> None:
    """Writes the pins; those that ``out`` has stay where they fit, unless ``upgrade``.

    Raises:
        SystemExit: nothing satisfies the requirements; with what uv says of it.
    """
    command = ["--universal", "--python-version", PYTHONS[0], "--annotation-style", "line"]
    command += ["--custom-compile-command", "make constraints", "--output-file", str(out)]
    every = sorted(set(HERE.glob("*.txt")) - {PINS, HERE / "chosen.txt"})
    command += ["--constraint", str(HERE / "chosen.txt"), *map(str, every)]
    said = uv(command + ["--upgrade"] * upgrade)
    if said:
        sys.exit(f"{said}\n\nrequirements/*.txt do not resolve; {PINS.name} stays as it was.")


def check(pins: Path) -> int:
    """0 where the pins are what the requirements give and hold in every case, else 1."""
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / "constraints.txt"
        again.write_bytes(pins.read_bytes())
        make(again)
        if pinned(again) != pinned(pins):
            lines = [f"  + {line}" for line in sorted(pinned(again) - pinned(pins))]
            lines += [f"  - {line}" for line in sorted(pinned(pins) - pinned(again))]
            faults.append(
                f"{pins} is not what the requirements files give: make constraints\n"
                + "\n".join(lines)
            )
    cases = [Case(*case) for case in product(COMMANDS, PYTHONS, PLATFORMS)]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda case: resolve(case, pins), cases))
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
    """Its pins, without the comments."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line}


def resolve(case: Case, pins: Path) -> str:
    """What uv has against it; nothing where it resolves."""
    command = ["--constraint", str(pins), "--python-version", case.python]
    command += ["--python-platform", PLATFORMS[case.platform], "--only-binary", ":all:"]
    for name in SOURCES:
        command += ["--no-binary", name]
    return uv([*command, *(str(HERE / f"{name}.txt") for name in COMMANDS[case.command])])


def uv(arguments: Sequence[str]) -> str:
    """Runs ``uv pip compile``; returns what it says where it fails."""
    command = [sys.executable, "-m", "uv", "--no-config", "--no-python-downloads"]
    command += ["pip", "compile", "--quiet", "--default-index", INDEX, *arguments]
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
