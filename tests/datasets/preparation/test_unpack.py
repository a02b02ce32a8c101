"""Archives that nobody vouches for: nothing leaves the folder, and nothing is overrun."""

import contextlib
import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from dmmix.datasets.preparation import PreparationError
from dmmix.datasets.preparation import unpack as module
from dmmix.datasets.preparation.errors import RefusedEntryError
from dmmix.datasets.preparation.unpack import unpack
from tests.datasets.preparation.archives import entry, files_in, tar_of
from tests.machine import needs_modes_and_owners

#: They would be written outside of the folder.
OUTSIDE = ["../out", "a/../../out", "../../../../../../../../etc/out"]
#: They are not, and where they would be is up to tarfile and zipfile: inside.
STRANGE = ["a/..", "/etc/out", "//out", "C:/out", "a\\..\\out", "..\\out", "a/./b//c"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "inside" / "folder"


def everything_but(tmp_path, *known):
    return sorted(p for p in tmp_path.rglob("*") if p.is_file() and p not in known)


def refused(path, folder, says, limit=10**6, error=RefusedEntryError, **options):
    with pytest.raises(error, match=says):
        unpack(str(path), str(folder), limit, **options)


def zip_of(path, *members):
    """A zip of (name or ZipInfo, bytes)."""
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return str(path)


def zip_entry(name, kind=0):
    info = zipfile.ZipInfo("x")
    info.filename = name  # the constructor would put it right
    info.external_attr = (kind | 0o644) << 16
    return info


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out(tmp_path, folder, name):
    path = tar_of(tmp_path / "a.tar", entry("fine"), entry(name))
    refused(path, folder, r"a\.tar: entry .* outside the destination")
    assert everything_but(tmp_path, tmp_path / "a.tar") == [folder / "fine"]
    path = zip_of(tmp_path / "a.zip", ("other", b""), (zip_entry(name), b"content"))
    refused(path, folder, r"a\.zip: entry .* leads out of the folder")
    known = tmp_path / "a.tar", tmp_path / "a.zip"
    assert everything_but(tmp_path, *known) == [folder / "fine"]  # all were looked at first


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_strange_names_stay_inside(tmp_path, folder, name, kind):
    archive = tmp_path / f"a.{kind}"
    if kind == "tar":
        tar_of(archive, entry("fine"), entry(name))
    else:
        zip_of(archive, ("fine", b""), (zip_entry(name), b"content"))
    with contextlib.suppress(PreparationError):
        unpack(str(archive), str(folder), 10**6)
    outside = [p for p in everything_but(tmp_path, archive) if not p.is_relative_to(folder)]
    assert outside == []
    assert not Path("/etc/out").exists()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry("link", tarfile.SYMTYPE, link="../out"), r"is a link to '\.\./out'"),
        (entry("link", tarfile.SYMTYPE, link="fine"), "is a link to 'fine'"),
        (entry("link", tarfile.LNKTYPE, link="/etc/passwd"), "is a link to '/etc/passwd'"),
        (entry("device", tarfile.CHRTYPE), "is a device"),
        (entry("device", tarfile.BLKTYPE), "is a device"),
        (entry("pipe", tarfile.FIFOTYPE), "is a device"),
    ],
)
def test_tar_entries(tmp_path, folder, bad, says):
    path = tar_of(tmp_path / "a.tar", entry("fine"), bad)
    refused(path, folder, rf"a\.tar: entry .* {says}")
    assert everything_but(tmp_path, tmp_path / "a.tar") == [folder / "fine"]
    assert (folder / "fine").read_bytes() == b"content"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR])
def test_links_and_devices_of_a_zip_are_plain_files(tmp_path, folder, kind):
    path = zip_of(tmp_path / "a.zip", (zip_entry("thing", kind), b"/etc/passwd"))
    unpack(path, str(folder), 10**6)
    assert not (folder / "thing").is_symlink()
    assert files_in(folder) == {"thing": b"/etc/passwd"}


def test_a_file_where_a_folder_should_be(tmp_path, folder):
    path = tar_of(tmp_path / "a.tar", entry("fine"), entry("fine/more"))
    refused(path, folder, "fine", 10**6, PreparationError)
    assert everything_but(tmp_path, tmp_path / "a.tar") == [folder / "fine"]


def test_an_old_python_is_told(tmp_path, folder, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    path = tar_of(tmp_path / "a.tar", entry("fine"))
    refused(path, folder, r"take 3\.11\.4 or later", 10**6, PreparationError)


@needs_modes_and_owners
def test_modes_and_owners_are_not_taken_over(tmp_path, folder):
    info, data = entry("tool")
    info.mode, info.uid = 0o4777, 12345
    unpack(tar_of(tmp_path / "a.tar", (info, data)), str(folder), 10**6)
    found = (folder / "tool").stat()
    assert found.st_mode & 0o7111 == 0
    assert found.st_uid == os.getuid()


@pytest.mark.parametrize(
    ("entries", "files"),
    [
        ([entry("a/b/1"), entry("a", tarfile.DIRTYPE), entry("./a/3")], ["a/3", "a/b/1"]),
        ([entry("a/._1"), entry("__MACOSX/a/1"), entry("a/1")], ["a/1"]),  # notes of a Mac
    ],
)
def test_what_comes_out(tmp_path, folder, entries, files):
    unpack(tar_of(tmp_path / "a.tar", *entries), str(folder), 10**6)
    assert files_in(folder) == dict.fromkeys(files, b"content")


def test_bombs_by_what_they_declare(tmp_path, folder):
    zipped = tmp_path / "a.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as file:
        for k in range(3):
            file.writestr(f"{k}", bytes(400))
    refused(zipped, folder, r"a\.zip: more than 1,000 bytes would come out", 1000)
    assert everything_but(tmp_path, zipped) == []
    info, _ = entry("large")
    info.size = 10**15
    raw = tmp_path / "b.tar"
    raw.write_bytes(info.tobuf() + bytes(1024))
    refused(raw, folder, "more than 1,000 bytes", 1000)
    # What is left out counts, too.
    path = tar_of(tmp_path / "c.tar", *(entry(f"__MACOSX/{k}", data=bytes(400)) for k in range(3)))
    refused(path, folder, "more than 1,000 bytes", 1000)


def test_bombs_by_what_comes_out(tmp_path, folder):
    """The directory of the zip says 10 bytes, the data is a million."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("large", bytes(10**6))
    data = path.read_bytes()
    path.write_bytes(data.replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(path, folder, r"a\.zip is cut off or damaged", 1000, PreparationError)
    assert sum(len(content) for content in files_in(folder).values()) <= 10


def test_too_many_entries(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(module, "_MOST_FILES", 5)
    path = tar_of(tmp_path / "a.tar", *(entry(str(k)) for k in range(8)))
    refused(path, folder, "it has more than 5 entries")


def test_encrypted(tmp_path, folder):
    path = tmp_path / "a.zip"
    zip_of(path, ("secret", b"content"))
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + at] |= 1
    path.write_bytes(data)
    refused(path, folder, r"secret.* is encrypted", 10**6, PreparationError)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_content_that_is_damaged(tmp_path, folder, kind):
    names = [entry(str(k), data=os.urandom(3000)) for k in range(9)]
    path = tmp_path / f"a.{kind}"
    tar_of(path, *names)
    if kind == "tar.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    if kind == "zip":
        zip_of(path, *((info.name, data) for info, data in names))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    refused(path, folder, rf"a\.{kind} is cut off or damaged: ", 10**6, PreparationError)
    if kind != "tar":  # which has no checksums
        path.write_bytes(whole[:5000] + b"damage" + whole[5006:])
        refused(
            path, folder / "other", rf"a\.{kind} is cut off or damaged: ", 10**6, PreparationError
        )


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\3\4", b"<html>not found</html>" * 99])
def test_what_is_no_archive(tmp_path, folder, data):
    path = tmp_path / "a.tgz"
    path.write_bytes(data)
    refused(path, folder, r"a\.tgz is ", 10**6, PreparationError)


def inner_tar(*entries):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for info, content in entries:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def test_tars_in_a_tar(tmp_path, folder):
    path = tar_of(
        tmp_path / "a.tar",
        entry("x/n1.tar", data=inner_tar(entry("1.JPEG"), entry("2.JPEG"))),
        entry("n2.tar", data=inner_tar(entry("1.JPEG"))),
    )
    unpack(path, str(folder), 10**6, tars=True)
    assert sorted(files_in(folder)) == ["n1/1.JPEG", "n1/2.JPEG", "n2/1.JPEG"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry("n2.tar", data=inner_tar(entry("../out"))), "outside the destination"),
        (entry("n2.tar", data=inner_tar(entry("l", tarfile.SYMTYPE, link="/"))), "is a link"),
        (entry("readme.txt"), "is no tar file"),
        (entry("..tar", data=inner_tar(entry("1.JPEG"))), "is no tar file of a class"),
        (entry("...tar", data=inner_tar(entry("1.JPEG"))), "is no tar file of a class"),
    ],
)
def test_bad_tars_in_a_tar(tmp_path, folder, bad, says):
    path = tar_of(tmp_path / "a.tar", entry("n1.tar", data=inner_tar(entry("1.JPEG"))), bad)
    with pytest.raises(RefusedEntryError, match=says):
        unpack(path, str(folder), 10**6, tars=True)
    found = [p for p in everything_but(tmp_path, tmp_path / "a.tar") if p.name != ".finished"]
    assert found == [folder / "n1" / "1.JPEG"]
