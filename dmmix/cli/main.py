"""``dmmix VERB ...``: finds the verb and leaves the rest of the line to it."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

from dmmix.suggestions import suggestion_or_all
from dmmix.version import __version__

#: By verb, the module whose ``main`` it is, and what it does.
VERBS = {
    "quickstart": ("quickstart", "the first run: three trainings on digits, a table, two pictures"),
    "train": ("train", "train a classifier"),
    "lr": ("lr", "suggest a learning rate"),
    "probe": ("probe", "train a linear classifier on the features of a frozen network"),
    "test": ("test", "test a trained classifier"),
    "predict": ("predict", "say what is in images, with a trained classifier"),
    "export": ("export", "a trained classifier for programs without dmmix: ONNX and others"),
    "sweep": ("sweep", "train a grid of configs"),
    "report": ("report", "one table of many runs"),
    "curves": ("curves", "how runs got there, as a picture"),
    "mixed-accuracy": ("mixed_accuracy", "how finished runs read mixed images"),
    "browse": ("browse", "draw what each mix makes of a config's data"),
    "data check": ("check", "look a folder of images over"),
    "data prepare": ("prepare", "unpack a data set, and look whether it is whole"),
    "data split": ("split", "make or check the index file of a label subset"),
    "data to-npz": ("to_npz", "write the images of a config to one file"),
    "mixes": ("catalogue", "list the mixes"),
    "losses": ("catalogue", "list the losses"),
    "methods": ("catalogue", "list the semi-supervised and transfer methods"),
    "recipes": ("catalogue", "list the configs and sweeps that come with dmmix"),
}


def main() -> None:
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        print(f"dmmix {__version__}")
        return
    taken = 2 if any(verb.startswith(f"{words[0]} ") for verb in VERBS) else 1
    verb = " ".join(words[:taken])
    if taken == 2 and words[1:] in ([], ["-h"], ["--help"]):
        print(_usage(f"{words[0]} "))
        sys.exit(0 if words[1:] else 2)
    if verb not in VERBS:
        hint = suggestion_or_all(verb, VERBS, most=1)
        print(f"error: no command {verb!r}{hint}", file=sys.stderr)
        sys.exit(2)
    sys.argv = [f"dmmix {verb}", *words[taken:]]
    # Of mmcv-lite, whose detection parts nothing here uses.
    warnings.filterwarnings("ignore", "Fail to import ``MultiScaleDeformableAttention``")
    sys.exit(import_module(f"dmmix.cli.{VERBS[verb][0]}").main())


def _usage(start: str = "") -> str:
    shown = {verb: about for verb, (_, about) in VERBS.items() if verb.startswith(start)}
    width = max(map(len, shown))
    lines = [f"  {verb:{width}}  {about}" for verb, about in shown.items()]
    lines = [f"usage: dmmix {start}VERB ... (dmmix {start}VERB --help tells the rest)", "", *lines]
    if not start:
        name = "cifar100/resnet18_cutmix_dm"
        lines += ["", f"Configs and sweeps that come with dmmix need no path: {name}."]
    return "\n".join(lines)
