"""Downloads from a server on this machine: broken, gone on with, changed in between."""

import dataclasses
import gzip
import http.server
import os
import re
import socket
import sys
import threading
from pathlib import Path

import pytest

from dmmix.datasets.preparation import DownloadError, PreparationError, prepare
from dmmix.datasets.preparation import download as module
from dmmix.datasets.preparation import fetch as fetch_archive
from dmmix.datasets.preparation.download import download
from tests.datasets.preparation.archives import files_in, publish

CONTENT = bytes(range(256)) * 4000


class Server:
    """Sends ``content``; ``breaks`` lists after how many bytes the next answers end."""

    def __init__(self):
        self.content, self.breaks, self.asked = CONTENT, [], []
        self.ranges, self.status, self.headers = True, 200, {}

    def answer(self, handler):
        wanted = handler.headers["Range"]
        self.asked.append(wanted)
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if self.ranges else 0
        rest, status = self.content[start:], 206 if start else self.status
        if start and not rest:
            status = 416
        handler.send_response(status)
        if start:
            last = f"{start}-{len(self.content) - 1}" if rest else "*"
            handler.send_header("Content-Range", f"bytes {last}/{len(self.content)}")
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        handler.wfile.write(rest[: self.breaks.pop(0) if self.breaks else None])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.setattr(module, "_SCHEMES", ("https://", "http://127.0.0.1:"))
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.answer(self)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        state.url = f"http://127.0.0.1:{httpd.server_port}/data.bin"
        yield state
        httpd.shutdown()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "data.bin"


def fetch(server, path, **options):
    download(server.url, str(path), len(CONTENT), **options)


def only_it(path):
    return [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_connection_that_breaks(server, path):
    server.breaks = [300_000, 70_000, 400_000]  # written in pieces of 64 KiB
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.asked == ["bytes=0-", "bytes=262144-", "bytes=327680-", "bytes=720896-"]
    assert only_it(path)


@pytest.fixture
def half(server, path):
    """A download that was given up after 262,144 bytes."""
    server.breaks = [262_144, *[0] * 9]
    says = r"Connection broken: .*; 262,144 bytes are kept in .*data\.bin\.part: the same"
    with pytest.raises(DownloadError, match=says):
        fetch(server, path)
    assert len(server.asked) == 10
    assert not path.exists()
    server.asked.clear()


@pytest.mark.parametrize(("checked", "asked"), [(True, 262_144), (False, 0)])
def test_it_goes_on_later(half, server, path, checked, asked):
    """Not where nobody would see that the file is another."""
    fetch(server, path, checked=checked)
    assert server.asked == [f"bytes={asked}-"]
    assert path.read_bytes() == CONTENT
    assert only_it(path)


def test_a_server_that_knows_no_ranges(half, server, path):
    server.ranges = False
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_another_range_than_was_asked_for(half, server, path):
    server.headers = {"Content-Range": "bytes 5-9/10"}
    server.ranges, server.status = False, 206
    with pytest.raises(DownloadError, match="the server has another file than before"):
        fetch(server, path)
    assert not path.exists()


@pytest.mark.parametrize("more", [b"", b"x"])
def test_as_much_was_there_as_there_is(half, server, path, more):
    Path(f"{path}.part").write_bytes(CONTENT + more)
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_an_archive_is_kept_as_it_was_sent(server, path):
    """Servers say of a .tar.gz that it is a tar file, compressed for the way."""
    server.content = gzip.compress(os.urandom(len(CONTENT)))
    server.headers, server.breaks = {"Content-Encoding": "x-gzip"}, [262_144]
    fetch(server, path)
    assert server.asked == ["bytes=0-", "bytes=262144-"]
    assert path.read_bytes() == server.content


@pytest.mark.parametrize(
    ("status", "says", "asked"),
    [(404, "the server says 404 Not Found", 1), (503, r"503 .*262,144 bytes are kept", 10)],
)
def test_no_such_page_and_a_server_in_trouble(half, server, path, status, says, asked):
    server.status, server.ranges = status, False
    with pytest.raises(DownloadError, match=says):
        fetch(server, path)
    assert len(server.asked) == asked  # the second one is asked again
    assert Path(f"{path}.part").stat().st_size == 262_144


def test_nobody_answers(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"no connection .*"):
        download(f"https://127.0.0.1:{port}/data.bin", str(path), 1)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://x.org/y"])
def test_other_addresses(path, url):
    with pytest.raises(PreparationError, match="only https:// can be downloaded"):
        download(url, str(path), 1)
    assert not path.parent.exists()


@pytest.mark.parametrize("to", ["http://x.org/y", "ftp://x.org/y"])
def test_a_server_that_sends_on_to_another_address(server, path, to):
    server.status, server.headers = 302, {"Location": to}
    with pytest.raises(PreparationError, match=f"{to}: only https:// can be downloaded"):
        fetch(server, path)
    assert not path.exists()


def test_without_a_folder_or_pooch(server, tmp_path, path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PreparationError, match="file"):
        fetch(server, tmp_path / "file" / "data.bin")
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(PreparationError, match="needs pooch, which is not installed"):
        download("https://x.org/y", str(path), 1)


def test_a_data_set_from_its_address(server, tmp_path, monkeypatch):
    data_set, shop, made = publish("cub200", tmp_path, monkeypatch)
    data = tmp_path / "data"
    with pytest.raises(PreparationError, match=r"CUB_200_2011\.tgz: wrong checksum.*remove"):
        prepare(data_set, [server.url], str(data))
    (data / ".downloads" / "CUB_200_2011.tgz").unlink()
    server.content = (shop / "CUB_200_2011.tgz").read_bytes()
    server.breaks = [1000]
    prepare(data_set, [server.url], str(data))
    assert files_in(data / "CUB_200_2011") == files_in(made)
    assert sorted(p.name for p in data.iterdir()) == [".downloads", "CUB_200_2011"]


def test_an_archive_of_cifar_from_its_address(server, tmp_path, monkeypatch):
    """As its class fetches it."""
    data_set, shop, made = publish("cifar100", tmp_path, monkeypatch)
    (archive,) = data_set.archives
    archive = dataclasses.replace(archive, url=server.url)
    with pytest.raises(PreparationError, match=r"wrong checksum.*\(remove it"):
        fetch_archive(archive, str(tmp_path / "root"))
    (tmp_path / "root" / archive.name).unlink()
    server.content = (shop / archive.name).read_bytes()
    fetch_archive(archive, str(tmp_path / "root"))
    assert files_in(tmp_path / "root" / "cifar-100-python") == files_in(made / "cifar-100-python")
