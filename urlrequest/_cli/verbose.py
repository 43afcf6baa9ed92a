"""What the command prints on standard error: errors, and with -v the headers and the timings.

`VerboseRequest` prints the headers on the worker thread, when they are sent and received, so that a waiting user sees
what the command waits for. The rest runs on the main thread.

Invariant:
    VERBOSE-1  Credentials and control characters are never printed.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from urlrequest import HTTPConnection, HTTPSConnection, UrlRequest
from urlrequest._http.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["VerboseRequest", "describe_error", "print_error", "printable", "show_timings", "without_userinfo"]

_SECRET_NAMES = re.compile(r"authorization|cookie|api-?key|passw|secret|token", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/?#\s]*@")
# What OpenSSL puts around its reasons: [SSL: WRONG_VERSION_NUMBER] ... (_ssl.c:1006)
_OPENSSL_NOISE = re.compile(r"\[[A-Z0-9]+: [A-Z0-9_]+\] | \(_ssl\.c:[0-9]+\)")


def print_error(text: str) -> None:
    """Print an error message."""
    _print_line(f"urlrequest: {printable(text)}")


def describe_error(error: BaseException) -> str:
    """Describe an error in one line: what was attempted, where, and the figure."""
    reason = getattr(error, "verify_message", None)
    if reason:  # ssl.SSLCertVerificationError
        return f"the certificate is not trusted: {reason}"
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = str(error.strerror)
        if error.filename is not None:
            text = f"{error.filename}: {text.replace('file_path', 'it')}"
    return _OPENSSL_NOISE.sub("", without_userinfo(text)) or type(error).__name__


def printable(text: str) -> str:
    """Return a text with its control characters escaped, so that it cannot control a terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def without_userinfo(text: str) -> str:
    """Return a text with the credentials of all URLs in it hidden."""
    return _USERINFO.sub("//***@", text)


def show_timings(timings: Mapping[str, float]) -> None:
    """Print the duration of each step, given in seconds, in milliseconds."""
    _print_line("* " + ", ".join(f"{step} {seconds * 1000:.1f} ms" for step, seconds in timings.items()))


def _print_line(text: str) -> None:
    """Print a line by one write, since both the worker and the main thread print."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # standard error is closed


def _shown_value(name: str, value: str) -> str:
    if not _SECRET_NAMES.search(name):
        return without_userinfo(value)
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space and name.lower().endswith("authorization") else "***"


def _show_head(mark: str, first_line: str, fields: Iterable[tuple[str, Any]]) -> None:
    lines = [first_line, *(f"{name}: {_shown_value(name, str(value))}" for name, value in fields), ""]
    _print_line("\n".join(f"{mark} {printable(line)}".rstrip() for line in lines))


class _VerboseConnection(HTTPConnection):
    """A connection that prints the headers that it sends and receives. Everything here runs on the worker."""

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, *, encode_chunked: bool = False
    ) -> None:
        _show_head(">", f"{method} {without_userinfo(url)} HTTP/1.1", headers)
        super().request(method, url, body, headers, encode_chunked=encode_chunked)

    def getresponse(self) -> Any:
        response = super().getresponse()
        head = response.head
        _show_head("<", f"HTTP/{head.version} {head.status} {head.reason}", head.headers.fields())
        return response


class _VerboseTlsConnection(_VerboseConnection, HTTPSConnection):
    pass


class VerboseRequest(UrlRequest):
    """A request that prints all headers, and the redirects between them. Its method here runs on the worker."""

    def get_connection_for_scheme(self, scheme: str) -> type:
        history = self.history
        if history:  # it is called again after each redirect
            hop = history[-1]
            next_url = _next_url(hop.url, hop.headers.get("Location", ""))
            _print_line(f"* {hop.status}: {printable(hop.url)} leads to {printable(next_url)}")
        verbose: dict[type, type] = {HTTPConnection: _VerboseConnection, HTTPSConnection: _VerboseTlsConnection}
        return verbose[super().get_connection_for_scheme(scheme)]


def _next_url(url: str, location: str) -> str:
    """Return where a redirect leads, without credentials; `location` is as it was received."""
    location = location.strip(" \t").encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        location = urljoin(url, location)
        return parse_target(location).url
    except ValueError:
        return without_userinfo(location)  # the request itself reports the error
