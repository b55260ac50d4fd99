"""Requests by HTTP: which may be made, what their failures mean, and when to ask again."""

import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from am4cm_cli import __version__
from am4cm_cli.errors import Am4cmError

LOCAL = {"localhost", "127.0.0.1", "::1"}
"""Hosts that need no encryption."""
PIECE = 1 << 20
"""Bytes at a time, at most."""
PASSING = {408, 425, 429}
"""Refusals that time may mend, besides the server's own failures."""
LONGEST_WAIT = 300.0
"""Seconds, however long a server asks for."""


class DownloadError(Am4cmError):
    """A data set cannot be fetched, or is not what its publisher says."""


class UnreachableError(DownloadError):
    """The server does not give what was asked for; a person may have other ways."""


class BrokenOffError(Exception):
    """A failure that another try may mend; never reaches the user as it is."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        """Keep the reason, and the seconds that the server asks to wait."""
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on with a server that fails."""

    tries: int = 9
    """In a row, without anything gained."""
    pause: float = 1.0
    """Seconds before the second try; doubled before each further one."""
    longest_pause: float = 60.0
    """Seconds."""
    timeout: float = 60.0
    """Seconds of silence that count as broken off."""


class Tries:
    """Counts the tries of one request and pauses between them."""

    def __init__(self, url: str, patience: Patience) -> None:
        self.url, self.patience = url, patience
        self.failed = 0

    def gained(self) -> None:
        """Start counting again: the last try brought something."""
        self.failed = 0

    def pause(self, error: BrokenOffError) -> None:
        """Wait before the next try.

        Raises:
            UnreachableError: there is none left.
        """
        self.failed += 1
        if self.failed >= self.patience.tries:
            raise UnreachableError(
                f"{self.url}: {error}, {self.failed} times in a row. Try again later: the same "
                "command goes on where it stopped."
            ) from error
        growing = self.patience.pause * 2 ** (self.failed - 1)
        time.sleep(max(min(growing, self.patience.longest_pause), error.wait))


def check_url(url: str) -> None:
    """Raise DownloadError unless a URL is encrypted or of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL)):
        return
    raise DownloadError(f"{url}: expected a URL that begins with https://; give another --record.")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects lead to other allowed URLs alone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def open_url(url: str, *, timeout: float, **headers: str) -> Iterator[HTTPResponse]:
    """Ask for a URL and yield the answer, its body still to be read.

    Args:
        url: https, or http on this machine.
        timeout: seconds of silence that count as broken off.
        headers: further ones.

    Raises:
        BrokenOffError: another try may help.
        DownloadError: none will.
    """
    check_url(url)
    # Sizes and ranges must be those of the file itself.
    headers |= {"User-Agent": f"am4cm/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (see check_url)
    try:
        response = urllib.request.build_opener(_CheckedRedirects).open(request, timeout=timeout)
    except HTTPError as error:
        with closing(error):
            raise _refusal(url, error) from error
    except (OSError, HTTPException) as error:
        raise _failure(url, error) from error
    with closing(response):
        yield response


def read_pieces(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body as it comes; where it ends early, so does this.

    Raises:
        BrokenOffError: the connection failed; what was yielded is good.
    """
    while True:
        try:
            # Not read(): it would lose what came before a failure.
            piece = response.read1(PIECE)
        except (OSError, HTTPException) as error:
            raise BrokenOffError(f"the connection broke off ({_reason(error)})") from error
        if not piece:
            return
        yield piece


def _refusal(url: str, error: HTTPError) -> Exception:
    found = f"the server answers {error.code} {error.reason}"
    if error.code >= 500 or error.code in PASSING:
        wait = error.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isascii() and wait.isdigit() else 0.0
        return BrokenOffError(found, wait=min(seconds, LONGEST_WAIT))
    return UnreachableError(
        f"{url}: {found}; expected a file. Look whether it has moved, and give its new --record."
    )


def _failure(url: str, error: Exception) -> Exception:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{url}: its certificate is not trusted ({cause.verify_message}). Mend the clock or "
            "the certificates of this machine; am4cm does not download without them."
        )
    return BrokenOffError(f"no connection ({_reason(error)})")


def _reason(error: Exception) -> object:
    cause = error.reason if isinstance(error, URLError) else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
