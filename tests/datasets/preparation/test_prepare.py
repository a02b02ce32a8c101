"""Archives become the folders that the dataset classes read, whatever happens in between."""

import dataclasses
import os
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from dmmix.compat.lock import Lock
from dmmix.datasets import CIFAR10, CIFAR100
from dmmix.datasets.preparation import (
    DATA_SETS,
    PreparationError,
    check,
    prepare,
    run,
    unpack,
    verify,
)
from dmmix.datasets.preparation import instructions as instructions_of
from tests.datasets.preparation.archives import files_in, publish

NAMES = sorted(DATA_SETS)


@pytest.fixture
def shop_of(tmp_path, monkeypatch):
    return lambda name: publish(name, tmp_path, monkeypatch)


@pytest.fixture
def data(tmp_path):
    """``--to``."""
    return tmp_path / "data"


def same(data_set, data, made):
    """But for ImageNet's lists, which come from its kit."""
    skip = ("meta", "devkit") if data_set.name == "imagenet" else ()
    return files_in(data / data_set.folder, skip) == files_in(made, skip)


def fails(says, data_set, source, data, **options):
    sources = source if isinstance(source, list) else [source]
    with pytest.raises(PreparationError, match=says) as error:
        prepare(data_set, list(map(str, sources)), str(data), **options)
    return str(error.value)


def other(data_set, **changes):
    """Its one archive with something else stated."""
    (archive,) = data_set.archives
    return dataclasses.replace(data_set, archives=(dataclasses.replace(archive, **changes),))


@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_the_layout(shop_of, data, name):
    data_set, shop, made = shop_of(name)
    found = prepare(data_set, [str(shop)], str(data))
    target = data / data_set.folder
    assert found[0].startswith(f"{target}: ")
    if name == "imagenet":
        assert (target / "meta" / "val.txt").read_text(encoding="utf-8") == (
            made / "meta/val.txt"
        ).read_text(encoding="utf-8")
        shutil.copy(made / "meta" / "train.txt", target / "meta")
    assert same(data_set, data, made)
    assert sorted(os.listdir(data)) == [data_set.folder]  # nothing is left behind
    assert check(data_set, str(target), decode=True) == (found, [])
    assert prepare(data_set, [], str(data))[0] == "it is there already"


def test_archives_one_by_one(shop_of, data):
    data_set, shop, made = shop_of("stanford_cars")
    names = [archive.name for archive in data_set.archives]
    for name in names[:-1]:
        fails(r"still needs .*cars_test\.tgz \(test images\)", data_set, shop / name, data)
        assert not (data / "stanford_cars").exists()
    prepare(data_set, [str(shop / names[-1])], str(data))
    assert same(data_set, data, made)


def test_what_is_inside_of_a_folder_that_is_replaced_is_asked_for_again(shop_of, data):
    data_set, shop, _ = shop_of("stanford_cars")
    kit, labels = (shop / archive.name for archive in data_set.archives[:2])
    fails("still needs", data_set, [kit, labels], data)
    os.utime(kit, (1, 1))  # another file
    fails(r"still needs cars_test_annos_withlabels\.mat", data_set, kit, data)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", ["cub200", "imagenet", "tiny_imagenet"])
@pytest.mark.parametrize("after", [1, 8, 14])
def test_an_unpacking_that_was_killed_goes_on(shop_of, data, monkeypatch, name, after):
    data_set, shop, made = shop_of(name)
    written = []

    def killed(path):
        if not Path(path).is_file():
            return
        written.append(path)
        if len(written) == after:
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])  # in the middle of it
            raise Killed

    extract_tar, extract_zip = tarfile.TarFile.makefile, zipfile.ZipFile._extract_member
    with monkeypatch.context() as patched:
        patched.setattr(
            tarfile.TarFile, "makefile", lambda *args: (extract_tar(*args), killed(args[-1]))
        )
        patched.setattr(
            zipfile.ZipFile, "_extract_member", lambda *args: killed(extract_zip(*args))
        )
        with pytest.raises(Killed):
            prepare(data_set, [str(shop)], str(data))
    assert not (data / data_set.folder).exists()
    for path in written[:-1]:  # where they are by now
        for found in data.rglob(os.path.basename(path)):
            os.utime(found, (1, 1))
    prepare(data_set, [str(shop)], str(data))
    assert same(data_set, data, made)
    times = [path.stat().st_mtime for path in (data / data_set.folder).rglob("*")]
    assert times.count(1) >= len(written) - 1  # they were not written again


def test_tars_that_are_finished_are_passed_over(shop_of, data, monkeypatch):
    data_set, shop, made = shop_of("imagenet")
    untar, seen = unpack._untar, []

    def watched(tar, folder, guard):
        seen.append(os.path.basename(folder))
        if len(seen) == 5:  # the kit, val, and two classes are done
            raise Killed
        untar(tar, folder, guard)

    monkeypatch.setattr(unpack, "_untar", watched)
    with pytest.raises(Killed):
        prepare(data_set, [str(shop)], str(data))
    seen[:] = []
    prepare(data_set, [str(shop)], str(data))
    assert seen == ["n01484850"]
    assert same(data_set, data, made)


def test_another_archive_is_begun_from_the_start(shop_of, data, monkeypatch):
    data_set, shop, made = shop_of("cub200")
    archive = shop / data_set.archives[0].name
    raw = data / ".cub200.unpacking" / f"raw-{archive.name}"
    (raw / "CUB_200_2011").mkdir(parents=True)
    (raw / "CUB_200_2011" / "stranger").write_text("of another archive", encoding="utf-8")
    prepare(data_set, [str(archive)], str(data))
    assert same(data_set, data, made)


def test_a_wrong_checksum(shop_of, data):
    data_set, shop, _ = shop_of("cub200")
    archive = shop / "CUB_200_2011.tgz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-100])
    fails(r"2011\.tgz: wrong checksum.*is it cut off\?", data_set, archive, data)
    archive.write_bytes(whole[:-1] + b"x")
    fails(r"instead of .*is it another file\?", data_set, archive, data)
    md5 = other(data_set, checksum=f"md5:{'0' * 32}")
    archive.write_bytes(whole)
    fails("wrong checksum", md5, archive, data)
    prepare(md5, [str(archive)], str(data), checksums=False)
    assert (data / "CUB_200_2011").is_dir()


@pytest.mark.parametrize("name", ["cub200", "tiny_imagenet", "imagenet"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_an_archive_that_is_cut_off(shop_of, data, name, share):
    data_set, shop, made = shop_of(name)
    archive = shop / data_set.archives[-1].name
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    fails(f"{archive.name} is cut off or damaged|images", data_set, shop, data, checksums=False)
    assert not (data / data_set.folder).exists()
    archive.write_bytes(whole)
    prepare(data_set, [str(shop)], str(data))
    assert same(data_set, data, made)


def test_a_check_that_fails_leaves_the_folder_unmade(shop_of, data):
    data_set, shop, _ = shop_of("cub200")
    more = dataclasses.replace(data_set, counts={"train": 13, "test": 12}, classes=4)
    lines = fails("", more, shop, data).splitlines()
    assert lines[0].endswith("3 classes, there should be 4")
    assert lines[1].endswith("12 train images, there should be 13")
    assert lines[-1] == f"so {data}/CUB_200_2011 is not made"
    assert not (data / "CUB_200_2011").exists()


def test_what_is_there_is_never_touched(shop_of, data):
    data_set, shop, _ = shop_of("cub200")
    (data / "CUB_200_2011").mkdir(parents=True)
    fails(r"is there, and not whole: .*move it away", data_set, shop, data)
    assert list((data / "CUB_200_2011").iterdir()) == []


def test_sources(shop_of, data, tmp_path):
    data_set, shop, _ = shop_of("stanford_cars")
    fails("there is no file nowhere", data_set, "nowhere", data)
    fails(r"has none of car_devkit\.tgz, ", data_set, tmp_path, data)
    (shop / "more.tgz").write_bytes(b"")
    fails(r"more\.tgz: which one is it\? stanford_cars", data_set, shop / "more.tgz", data)
    url = "http://x.org/files/birds.tgz?download=1"
    assert run.match(DATA_SETS["cub200"], [url]) == {"CUB_200_2011.tgz": url}


def test_only_one_process(shop_of, data):
    data_set, shop, _ = shop_of("cub200")
    data.mkdir()
    lock = Lock(data / ".cub200.unpacking.lock")
    assert lock.take()
    fails(rf"another process is at work.*{os.getpid()} on", data_set, shop, data)
    lock.release()
    prepare(data_set, [str(shop)], str(data))
    assert os.listdir(data) == ["CUB_200_2011"]


def test_a_place_or_content_that_will_not_do(shop_of, data, tmp_path, monkeypatch):
    data_set, shop, _ = shop_of("cub200")
    (tmp_path / "file").write_text("", encoding="utf-8")
    fails(r"file.*: Not a directory", data_set, shop, tmp_path / "file" / "data")
    birds = other(data_set, inner="birds")
    fails("has no folder birds; it has CUB_200_2011", birds, shop, data)
    usage = shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: usage)
    fails(r"0\.0 GB are free, CUB_200_2011\.tgz needs", data_set, shop, tmp_path / "full")


def test_what_is_published_is_compared_and_fetched_safely():
    archives = [archive for data_set in DATA_SETS.values() for archive in data_set.archives]
    lengths = dict(sha256=64, md5=32)
    for archive in archives:
        kind, _, digest = archive.checksum.partition(":")
        assert re.fullmatch(rf"[0-9a-f]{{{lengths[kind]}}}", digest)
        assert (archive.url or "https://").startswith("https://")
    weak = {archive.name for archive in archives if archive.checksum.startswith("md5:")}
    assert weak == {"car_devkit.tgz", "cars_train.tgz"}


@pytest.mark.parametrize("name", NAMES)
def test_instructions_name_all_that_is_needed(name):
    data_set = DATA_SETS[name]
    text = instructions_of(data_set, "data")
    for archive in data_set.archives:
        assert archive.name in text
        assert archive.checksum in text
        assert (archive.url or "") in text
    assert data_set.page in text
    assert f"dmmix data prepare {name} --to data --from" in text
    assert ("log in" in text) == (name == "imagenet")
    assert ("mirrors" in text) == (name == "stanford_cars")


def test_the_table_says_what_mmpretrain_says():
    for kind, name in ((CIFAR10, "cifar10"), (CIFAR100, "cifar100")):
        (archive,) = DATA_SETS[name].archives
        assert (archive.url, archive.name) == (kind.url, kind.filename)
        folder, files = verify._CIFAR[name]
        assert folder == kind.base_folder
        stated = dict(kind.train_list + kind.test_list)
        stated[kind.meta["filename"]] = kind.meta["md5"]
        assert files == stated
