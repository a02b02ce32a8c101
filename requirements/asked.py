"""What make asks before it installs: is PYTHON one of ours, is TORCH a place, are they those that
the environment was made with? Every Python can run it, or it could not say that it is too old.

    python requirements/asked.py ENVIRONMENT [--python] [--torch PLACE] [--note]

--python: this Python was named, and not taken for want of another; --note: write down what the
environment was made with.
"""

import os
import re
import sys

FIRST, LAST = (3, 11), (3, 14)


def main(venv, options):
    torch = options[options.index("--torch") + 1] if "--torch" in options else ""
    version = "%d.%d" % sys.version_info[:2]
    note = os.path.join(venv, ".asked")
    if "--note" in options:
        if torch or not os.path.exists(note):
            with open(note, "w", encoding="utf-8") as file:
                file.write("%s\n%s\n" % (version, torch))
        return
    if torch and "/" not in torch and not re.match(r"(cpu|xpu|cu\d+|rocm[\d.]+)$", torch):
        sys.exit(
            "TORCH=%s is no place to take torch from: a build of download.pytorch.org (cpu, cu130, "
            "rocm6.4, xpu), the address of an index, or the path of a folder with wheels" % torch
        )
    if "://" not in torch and "/" in torch and not os.path.isdir(torch):
        sys.exit("TORCH=%s: there is no such folder" % torch)
    if os.path.exists(note):
        with open(note, encoding="utf-8") as file:
            made_with, made_from = file.read().split("\n")[:2]
        for name, asked, made in (
            ("Python", version if "--python" in options else "", made_with),
            ("torch from", torch, made_from or "pip's index"),
        ):
            if asked and asked != made:
                sys.exit(
                    "%s was made with %s %s, asked for is %s: name another folder (VENV=.venv2), "
                    "or make clean first" % (venv, name, made, asked)
                )
    elif not FIRST <= sys.version_info[:2] <= LAST:
        sys.exit(
            "dmmix runs on Python %d.%d to %d.%d, this one (%s) is %s: name another, such as "
            "make PYTHON=python3.12 ..." % (FIRST + LAST + (sys.executable, version))
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
