"""A file from a server, by pooch; what broke off is kept, and gone on with."""

from __future__ import annotations

import os
import ssl
from typing import Any
from urllib.parse import urljoin

from .errors import DownloadError, PreparationError
from .progress import bar

_CHUNK = 1 << 16
_RETRIES = 9  # a second after the first, ten after the last
_SCHEMES = ("https://",)
_TIMEOUT = 60  # seconds without a byte


def is_url(source: str) -> bool:
    """Whether it is no path."""
    return "://" in source


def download(url: str, path: str, size: int, checked: bool = True) -> None:
    """Fetches ``url`` to ``path``, which appears when it is whole.

    What is there of it (``path`` + ``.part``) is gone on with, by a request for the rest (HTTP
    Range): where a connection breaks, and where the same command is started again.

    Args:
        url: https only, also where the server sends one on.
        path: of the file; its folder is made if missing.
        size: about as many bytes it has.
        checked: its checksum will be compared. Otherwise nothing would tell that the server has
            another file by now, and what is there of an earlier call is not used.

    Raises:
        DownloadError: no such address, no network, ...
        PreparationError: another address than https, no room on the disk, no pooch.
    """
    _check_scheme(url)
    try:
        import pooch
        from requests.exceptions import RequestException
    except ImportError as error:
        raise PreparationError(
            f"{url}: a download needs pooch, which is not installed: pip install pooch"
        ) from error
    folder, name = os.path.split(path)
    part = _Part(path + ".part", size)
    try:
        if not checked and part.size():
            os.unlink(part.path)
        shop = pooch.create(folder, "", registry={name: None}, urls={name: url})
        shop.retry_if_failed = _RETRIES
        shop.fetch(name, downloader=part)
    except RequestException as error:
        raise DownloadError(
            f"{url}: {_text(_cause(error))}; {part.size():,} bytes are kept in {part.path}: the "
            "same command goes on from there"
        ) from error
    except OSError as error:
        raise PreparationError(f"{error.filename or path}: {error.strerror or error}") from error


def _check_scheme(url: str) -> None:
    if not url.startswith(_SCHEMES):
        raise PreparationError(f"{url}: only https:// can be downloaded")


def _cause(error: BaseException) -> BaseException:
    """What an error of requests is about: it stands inside of others."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    return _cause(inner) if isinstance(inner, Exception) else error


def _text(error: BaseException) -> str:
    return next((part for part in error.args if isinstance(part, str)), repr(error))


class _Part:
    """What is there of a file; pooch calls it to have the rest fetched."""

    def __init__(self, path: str, total: int) -> None:
        self.path = path
        self.total = total

    def size(self) -> int:
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        from requests.exceptions import HTTPError, RequestException
        from urllib3.exceptions import NewConnectionError

        try:
            self._fetch(url)
        except RequestException as error:
            answer: Any = error.response
            if isinstance(error, HTTPError) and answer.status_code < 500:
                said = f"the server says {answer.status_code} {answer.reason}"
                raise DownloadError(f"{url}: {said}") from error
            cause = _cause(error)
            if isinstance(cause, NewConnectionError | ssl.SSLError):
                raise DownloadError(f"{url}: no connection ({_text(cause)})") from error
            raise  # pooch waits, and calls again
        os.replace(self.path, output_file)

    def _fetch(self, url: str) -> None:
        from pooch import HTTPDownloader
        from requests.exceptions import RequestException

        have = self.size()
        headers = {"User-Agent": "dmmix", "Accept-Encoding": "identity", "Range": f"bytes={have}-"}
        title = f"fetching {os.path.basename(self.path).removesuffix('.part')}"
        with open(self.path, "ab") as file, bar(title, self.total) as advance:

            def look(answer: Any, **_: Any) -> None:
                """At each answer, those that send on among them, before it is read."""
                if answer.is_redirect:
                    _check_scheme(urljoin(answer.url, answer.headers["Location"]))
                # A .tar.gz may be said to be a tar file, compressed for the way.
                answer.raw.headers.pop("Content-Encoding", None)
                if answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                    advance(have)
                elif answer.status_code in (200, 206, 416):  # it has another file than before
                    file.truncate(0)
                    if answer.status_code != 200:
                        raise RequestException("the server has another file than before")

            fetch = HTTPDownloader(
                chunk_size=_CHUNK, timeout=_TIMEOUT, headers=headers, hooks={"response": look}
            )
            fetch(url, _Counted(file, advance), None)


class _Counted:
    """A file that tells how much is written to it."""

    def __init__(self, file: Any, advance: Any) -> None:
        self._file, self._advance = file, advance
        self.flush = file.flush

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._advance(len(data))
