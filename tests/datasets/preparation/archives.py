"""Archives of tiny data sets, as publishers pack them, and the table's entries for them."""

import dataclasses
import hashlib
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from scipy.io import savemat

from dmmix.datasets.preparation import DATA_SETS, verify
from dmmix.testing.layouts import make_layout

CLASSES, PER_CLASS = 3, 4


def pack_tar(path, folder, top="", mode="w:gz", names=None):
    with tarfile.open(path, mode) as tar:
        for name in names or sorted(os.listdir(folder)):
            tar.add(Path(folder, name), arcname=os.path.join(top, name))


def pack_zip(path, folder, top):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for parent, _, names in sorted(os.walk(folder)):
            where = os.path.join(top, os.path.relpath(parent, folder))
            file.writestr(f"{os.path.normpath(where)}/", "")
            for name in sorted(names):
                file.write(Path(parent, name), os.path.normpath(os.path.join(where, name)))


def publish(name, tmp_path, monkeypatch):
    """Makes the archives of a tiny data set; its entry in the table, the folder, the layout."""
    made = Path(make_layout(name, tmp_path / "made", classes=CLASSES, per_class=PER_CLASS))
    shop = tmp_path / "shop"
    shop.mkdir()
    entry = DATA_SETS[name]
    counts = dict.fromkeys(entry.counts, CLASSES * PER_CLASS)
    if name == "tiny_imagenet":
        pack_zip(shop / entry.archives[0].name, made, made.name)
    elif name == "stanford_cars":
        labels = made / "devkit" / "cars_test_annos_withlabels.mat"
        shutil.move(labels, shop / labels.name)
        for archive, folder in (("car_devkit", "devkit"), ("cars_train",) * 2, ("cars_test",) * 2):
            pack_tar(shop / f"{archive}.tgz", made, names=[folder])
        shutil.copy(shop / labels.name, labels)
    elif name == "imagenet":
        pack_imagenet(shop, made)
    elif name.startswith("cifar"):
        pack_tar(shop / entry.archives[0].name, made)
        folder, files = verify._CIFAR[name]
        sums = {n: digest(made / folder / n) for n in files}
        monkeypatch.setitem(verify._CIFAR, name, (folder, sums))
    else:
        pack_tar(shop / entry.archives[0].name, made, top=made.name)
    archives = tuple(
        dataclasses.replace(
            a,
            checksum=f"sha256:{digest(shop / a.name, 'sha256')}",
            size=(shop / a.name).stat().st_size,
            unpacked=10**7,
        )
        for a in entry.archives
    )
    classes = entry.classes if name.startswith("cifar") else CLASSES
    entry = dataclasses.replace(entry, archives=archives, counts=counts, classes=classes)
    monkeypatch.setitem(DATA_SETS, name, entry)
    return entry, shop, made


def pack_imagenet(shop, made):
    wnids = sorted(os.listdir(made / "train"))
    with tarfile.open(shop / "ILSVRC2012_img_train.tar", "w") as outer:
        for wnid in wnids:
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as tar:
                for name in sorted(os.listdir(made / "train" / wnid)):
                    tar.add(made / "train" / wnid / name, arcname=name)
            info = tarfile.TarInfo(f"{wnid}.tar")
            info.size = len(inner.getvalue())
            outer.addfile(info, io.BytesIO(inner.getvalue()))
    pack_tar(shop / "ILSVRC2012_img_val.tar", made / "val", mode="w")
    # The kit counts classes in another order, from 1, and has a synset that is no class.
    order = wnids[::-1]
    lines = sorted((made / "meta" / "val.txt").read_text(encoding="utf-8").splitlines())
    truth = [order.index(wnids[int(line.split()[1])]) + 1 for line in lines]
    kit = made.parent / "kit" / "data"
    kit.mkdir(parents=True)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text(
        "".join(f"{t}\n" for t in truth), encoding="utf-8"
    )
    rows = [(i + 1, wnid, 0) for i, wnid in enumerate(order)] + [(4, "n00001740", 3)]
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    pack_tar(shop / "ILSVRC2012_devkit_t12.tar.gz", kit.parent, top="ILSVRC2012_devkit_t12")


def digest(path, kind="md5"):
    return hashlib.new(kind, Path(path).read_bytes()).hexdigest()


def files_in(root, skip=()):
    """Relative path and content of all files."""
    root = Path(root)
    paths = [p for p in root.rglob("*") if p.is_file() and p.relative_to(root).parts[0] not in skip]
    return {str(p.relative_to(root)): p.read_bytes() for p in paths}


def tar_of(path, *entries):
    """A tar of (TarInfo, bytes)."""
    with tarfile.open(path, "w") as tar:
        for info, data in entries:
            info.size = len(data) if info.isreg() and not info.size else info.size
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def entry(name, kind=tarfile.REGTYPE, data=b"content", link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, data if kind == tarfile.REGTYPE else b""
