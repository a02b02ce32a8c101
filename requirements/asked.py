"""What make asks before it installs: is PYTHON one of ours, is TORCH a place, are they those that
the environment was made with? Every Python can run it, or it could not say that it is too old.

    python requirements/asked.py ENVIRONMENT TORCH [--python]

--python: this Python was named, and not taken for want of another.
"""

import os
import re
import sys

FIRST, LAST = (3, 11), (3, 14)


def main(venv, torch, named=False):
    if " " in venv:
        sys.exit("VENV=%s has a space in its name, which make cannot do: take another" % venv)
    check_torch(torch)
    this = sys.version_info[:2]
    there = read(venv, "pyvenv.cfg")
    found = re.search(r"^version(?:_info)? *= *(\d+)\.(\d+)", there or "", re.MULTILINE)
    made_with = (int(found.group(1)), int(found.group(2))) if found else None
    if made_with and named and made_with != this:
        another(venv, "Python %d.%d" % made_with, "%d.%d" % this)
    if not FIRST <= (made_with or this) <= LAST:
        if made_with:
            another(venv, "Python %d.%d" % made_with, "%d.%d to %d.%d" % (FIRST + LAST))
        sys.exit(
            "dmmix runs on Python %d.%d to %d.%d, this one (%s) is %d.%d: name another, such as "
            "make PYTHON=python3.12 ..." % (FIRST + LAST + (sys.executable,) + this)
        )
    made_from = read(venv, ".torch")
    if torch and made_from is not None and made_from.strip() != torch:
        another(venv, "torch from " + (made_from.strip() or "pip's index"), torch)


def check_torch(torch):
    if "/" not in torch and not re.match(r"(cpu|xpu|cu\d+|rocm[\d.]+|)$", torch):
        sys.exit(
            "TORCH=%s is no place to take torch from: a build of download.pytorch.org (cpu, cu130, "
            "rocm6.4, xpu), the address of an index, or the path of a folder with wheels" % torch
        )
    if "://" not in torch and "/" in torch and not os.path.isdir(torch):
        sys.exit("TORCH=%s: there is no such folder" % torch)


def another(venv, made, asked):
    sys.exit(
        "%s was made with %s, asked for is %s: name another folder (VENV=.venv2), or make clean "
        "first" % (venv, made, asked)
    )


def read(venv, name):
    path = os.path.join(venv, name)
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--python" in sys.argv[3:])
