"""Downloads from a server on this machine: broken, gone on with, changed in between."""

import http.server
import re
import socket
import threading
from pathlib import Path

import pytest

from dmmix.datasets.preparation import DownloadError, PreparationError, prepare
from dmmix.datasets.preparation import download as module
from dmmix.datasets.preparation.download import download
from tests.datasets.preparation.archives import files_in, publish

CONTENT = bytes(range(256)) * 4000


class Server:
    """Sends ``content``; ``breaks`` lists after how many bytes the next answers end."""

    def __init__(self):
        self.content, self.breaks, self.asked = CONTENT, [], []
        self.etag, self.ranges, self.status = '"1"', True, 200

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        if wanted and self.ranges and handler.headers.get("If-Range") in (None, self.etag):
            start = int(re.match(r"bytes=(\d+)-", wanted)[1])
        if start >= len(self.content) and start:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            last = len(self.content) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(self.content)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else None
        handler.wfile.write(self.content[start:end])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "_WAIT", 0)
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


def only_it(path):
    return [p.name for p in path.parent.iterdir()] == [path.name]


def test_at_once(server, path):
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT
    assert server.asked == [None]
    assert only_it(path)


def test_a_connection_that_breaks(server, path, capsys):
    server.breaks = [300_000, 1, 400_000]
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=300001-", "bytes=700001-"]
    assert "trying again" in capsys.readouterr().out
    assert only_it(path)


def test_it_gives_up_and_goes_on_later(server, path):
    server.breaks = [300_000, *[0] * 5]
    with pytest.raises(DownloadError, match=r"300,000 bytes are kept in .*data\.bin\.part: "):
        download(server.url, str(path))
    assert not path.exists()
    assert len(server.asked) == 6
    server.asked.clear()
    download(server.url, str(path))
    assert server.asked == ["bytes=300000-"]
    assert path.read_bytes() == CONTENT


def half(server, path):
    """A download that was stopped after 300,000 bytes."""
    server.breaks = [300_000, *[0] * 5]
    with pytest.raises(DownloadError):
        download(server.url, str(path))
    server.asked.clear()


def test_a_file_that_changed_on_the_server(server, path):
    half(server, path)
    server.content, server.etag = CONTENT[::-1] + b"more", '"2"'
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT[::-1] + b"more"


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_a_server_that_does_not_say_which_version_it_is(server, path, etag):
    server.etag = etag
    half(server, path)
    server.breaks.clear()
    download(server.url, str(path))
    assert server.asked == [None]  # from the start: the bytes might not go together
    assert path.read_bytes() == CONTENT


def test_a_part_of_an_unknown_version(server, path):
    path.parent.mkdir()
    Path(f"{path}.part").write_bytes(b"x" * 1000)
    download(server.url, str(path))
    assert server.asked == [None]
    assert path.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges(server, path):
    half(server, path)
    server.ranges = False
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT


def test_all_was_there_already(server, path):
    half(server, path)
    part = Path(f"{path}.part")
    part.write_bytes(CONTENT)
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_more_was_there_than_there_is(server, path):
    half(server, path)
    Path(f"{path}.part").write_bytes(CONTENT + b"x")
    download(server.url, str(path))
    assert path.read_bytes() == CONTENT


def test_no_such_page(server, path):
    server.status = 404
    with pytest.raises(DownloadError, match="the server says 404 Not Found"):
        download(server.url, str(path))
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_again(server, path):
    server.status = 503
    with pytest.raises(DownloadError, match="503"):
        download(server.url, str(path))
    assert len(server.asked) == 5


def test_nobody_answers(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"no connection .*refused"):
        download(f"http://127.0.0.1:{port}/data.bin", str(path))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y"])
def test_other_addresses(path, url):
    with pytest.raises(PreparationError, match="only http:// and https:// can be downloaded"):
        download(url, str(path))


def test_a_data_set_from_its_address(server, tmp_path, monkeypatch):
    data_set, shop, made = publish("cub200", tmp_path, monkeypatch)
    server.content = (shop / "CUB_200_2011.tgz").read_bytes()
    server.breaks = [1000]
    data = tmp_path / "data"
    prepare(data_set, [server.url], str(data))
    assert files_in(data / "CUB_200_2011") == files_in(made)
    assert sorted(p.name for p in data.iterdir()) == [".downloads", "CUB_200_2011"]


def test_a_download_that_is_another_file(server, tmp_path, monkeypatch):
    data_set, _, _ = publish("cub200", tmp_path, monkeypatch)
    with pytest.raises(PreparationError, match=r"CUB_200_2011\.tgz: wrong checksum.*remove"):
        prepare(data_set, [server.url], str(tmp_path / "data"))
