"""A file from a server, taken up again where it was left."""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Any

from .errors import DownloadError, PreparationError
from .progress import bar, say

__all__ = ["download", "is_url"]

_CHUNK = 1 << 18
_TRIES = 5
_TIMEOUT = 60  # seconds without a byte
_HOPELESS = (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError)
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
_WAIT = 2.0  # seconds before the second try, doubled for each further one


def is_url(source: str) -> bool:
    """Whether it is no path."""
    return "://" in source


def download(url: str, path: str) -> None:
    """Fetches ``url`` to ``path``, which appears when it is whole.

    What is there of an earlier try (``path`` + ``.part``) is kept and gone on with, by a request
    for the rest (HTTP Range), if the server still has the same file (ETag or date). Connections
    that break are taken up again, five times without a byte of progress at most.

    Raises:
        DownloadError: no such address, no network, ...
        PreparationError: no room on the disk, ...
    """
    if not url.startswith(("http://", "https://")):
        raise PreparationError(f"{url}: only http:// and https:// can be downloaded")
    part = path + ".part"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tries = 0
    while True:
        before = _size(part)
        try:
            if _fetch(url, part):
                break
            problem: object = f"the connection ended after {_size(part):,} bytes"
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise DownloadError(
                    f"{url}: the server says {error.code} {error.reason}"
                ) from error
            problem = error
        except (OSError, http.client.HTTPException) as error:  # no answer, or none any more
            problem = getattr(error, "reason", error)
            if isinstance(problem, _HOPELESS):
                raise DownloadError(f"{url}: no connection ({problem})") from error
            number: Any = getattr(error, "errno", None)
            if number in _OF_THE_DISK:
                raise PreparationError(f"{part}: {os.strerror(number)}") from error
        tries = 0 if _size(part) > before else tries + 1
        if tries >= _TRIES:
            raise DownloadError(
                f"{url}: {problem}; {_size(part):,} bytes are kept in {part}: the same command "
                "goes on from there"
            )
        say(f"  {problem}, trying again")
        time.sleep(_WAIT * 2 ** max(tries - 1, 0))
    os.replace(part, path)
    _forget(part)


def _fetch(url: str, part: str) -> bool:
    """Appends what the server sends; whether that was all of it."""
    have = _size(part)
    request = urllib.request.Request(
        url, headers={"User-Agent": "dmmix", "Accept-Encoding": "identity"}
    )
    stamp = _read_stamp(part)
    if have and stamp:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", stamp)
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # it has no byte there
            raise
        whole = re.search(r"\*/(\d+)", error.headers.get("Content-Range") or "")
        if whole and int(whole[1]) == have:
            return True
        _forget(part)
        os.unlink(part)
        return _fetch(url, part)
    with answer:
        start, total = _range(answer, have)
        if start != have and os.path.exists(part):
            say("  the server starts from the beginning")
        _write_stamp(part, answer)
        with bar(os.path.basename(part)[:-5], total) as advance:
            advance(start)
            with open(part, "r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    advance(len(chunk))
    return total is None or _size(part) == total


def _range(answer: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """First byte that is sent, and how many there are in all."""
    length = answer.headers.get("Content-Length")
    if answer.status == 206:
        found = re.match(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range") or "")
        if found and int(found[1]) == have:
            return have, int(found[2])
        raise http.client.HTTPException("the server sends another part than was asked for")
    return 0, int(length) if length and length.isdigit() else None


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _stamp_file(part: str) -> str:
    return part + ".version"


def _write_stamp(part: str, answer: http.client.HTTPResponse) -> None:
    """Remembers which version of the file this is; a weak ETag does not promise the same bytes."""
    tag = answer.headers.get("ETag")
    stamp = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
    with open(_stamp_file(part), "w", encoding="utf-8") as file:
        file.write(stamp or "")


def _read_stamp(part: str) -> str:
    try:
        with open(_stamp_file(part), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _forget(part: str) -> None:
    if os.path.exists(_stamp_file(part)):
        os.unlink(_stamp_file(part))
