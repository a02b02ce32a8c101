"""The lines without make of docs/install.md, as on a machine that is not ours: another Python,
torch and all else from the package index alone, a folder with a space in its name, a locale that is
not UTF-8.

    python .ci/fresh.py 3.12 mm,test,docs --one-case -m "not slow"
    python .ci/fresh.py 3.13 openmmlab,test -m openmmlab

What follows the extras is given to pytest. The checkout and its environment are kept in the user's
cache for the next run. Where this Python is missing, or the disk too full, it says so and ends with
status 3.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
#: Bytes that the CUDA libraries and the rest take, with what pip needs while it installs.
ROOM = 10 * 2**30
#: How the network is reached; everything else of this machine stays behind.
NETWORK = re.compile(
    r"(https?|all|no)_proxy$|SSL_CERT_(FILE|DIR)$|REQUESTS_CA_BUNDLE$", re.IGNORECASE
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("version", help="of Python, such as 3.12")
    parser.add_argument("extras", help="mm,test,docs or openmmlab,test")
    args, options = parser.parse_known_args()
    version, extras = args.version, args.extras
    python = find_python(version)
    if python is None:
        skip(f"Python {version} is not on this machine")
    checkout = CACHE / "dmmix" / f"fresh {version} {extras.split(',')[0]}"
    checkout.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(checkout).free
    if free < ROOM and not (checkout / ".venv").exists():
        skip(f"{free / 2**30:.1f} GiB are free, the index's torch needs {ROOM / 2**30:.0f}")
    update(checkout)
    environment = clean_environment(python)
    # As strict as Windows, or stricter: text is ASCII unless who opens it says otherwise. torch's
    # own compiler does not say, so this is not for the tests.
    ascii_only = {**environment, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for line in plain_lines((checkout / "docs/install.md").read_text(encoding="utf-8")):
        command = for_this_platform(line, python, extras)
        tests = "pytest" in command
        if tests:
            command += options
        elif command[-1] == "quickstart":
            if not extras.startswith("mm,"):
                continue
            command += ["--seeds", "1", "--epochs", "20"]  # make quickstart has run all of it
        print(f"\n{shlex.join(command)}", flush=True)
        began = time.monotonic()
        subprocess.run(command, cwd=checkout, env=environment if tests else ascii_only, check=True)
        print(f"({time.monotonic() - began:.0f} s)", flush=True)


def skip(why: str) -> None:
    print(f"{why}: skipped", file=sys.stderr)
    sys.exit(3)


def find_python(version: str) -> str | None:
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def update(checkout: Path) -> None:
    """Makes it this commit; the environment in it stays, and what Python compiled."""
    git = ["git", "-C", str(checkout)]
    if not (checkout / ".git").exists():
        subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "fetch", "-q", "--depth=1", ROOT.as_uri(), "HEAD"], check=True)
    subprocess.run([*git, "reset", "-q", "--hard", "FETCH_HEAD"], check=True)
    subprocess.run([*git, "clean", "-fdxq", "-e", ".venv", "-e", "__pycache__"], check=True)


def clean_environment(python: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if NETWORK.search(name)}
    if "SSL_CERT_FILE" in kept:  # pip before 24.2, which comes with Python, knows no other
        kept.setdefault("REQUESTS_CA_BUNDLE", kept["SSL_CERT_FILE"])
    path = [str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    return {
        **kept,
        "PATH": os.pathsep.join(path),
        "HOME": str(Path.home()),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
    }


def plain_lines(page: str) -> list[str]:
    """The commands of the block for Windows."""
    (block,) = re.findall(r"^```bat\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return block.splitlines()


def for_this_platform(line: str, python: str, extras: str) -> list[str]:
    """The words of a command for Windows, as they are here."""
    words = shlex.split(line.replace("\\", "/").replace(".venv/Scripts/", ".venv/bin/"))
    if words[0] == "py":
        words[:2] = [python]
    return [re.sub(r"^\.\[.*\]$", f".[{extras}]", word) for word in words]


if __name__ == "__main__":
    main()
