"""Labels of ImageNet's validation images, from its development kit."""

from __future__ import annotations

import os

from dmmix.compat.atomic import atomic_open

from .errors import PreparationError

__all__ = ["write_val_list"]


def write_val_list(root: str) -> None:
    """Writes ``meta/val.txt``, a file and its class a line, for images in one folder.

    The kit numbers classes in an order of its own; here they are numbered by their sorted WordNet
    ids, which is the order of the folders of the training images. Raises PreparationError where a
    file is missing or cannot be read.
    """
    from scipy.io import loadmat

    data = os.path.join(root, "devkit", "data")
    meta = os.path.join(data, "meta.mat")
    truth = os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")
    for path in (meta, truth):
        if not os.path.isfile(path):
            raise PreparationError(f"{path} is missing")
    try:
        synsets = loadmat(meta, squeeze_me=True)["synsets"].reshape(-1)
        wnids = {int(s["ILSVRC2012_ID"]): str(s["WNID"]) for s in synsets if not s["num_children"]}
        with open(truth, encoding="utf-8") as file:
            numbers = [int(line) for line in file.read().split()]
        place = {wnid: label for label, wnid in enumerate(sorted(wnids.values()))}
        labels = [place[wnids[number]] for number in numbers]
    except Exception as error:  # a damaged mat file raises whatever it runs into
        raise PreparationError(f"{data}: the labels cannot be read: {error!r}") from error
    names = sorted(n for n in os.listdir(os.path.join(root, "val")) if n.endswith(".JPEG"))
    if len(names) != len(labels):
        raise PreparationError(f"{root}/val has {len(names):,} images, {truth} {len(labels):,}")
    with atomic_open(os.path.join(root, "meta", "val.txt"), "w") as file:
        file.writelines(f"{name} {label}\n" for name, label in zip(names, labels, strict=True))
