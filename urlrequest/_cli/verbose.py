"""What the command says on standard error: complaints, and with -v the heads and the timings.

`ShownRequest` writes the heads on the worker, the moment they are sent and received, so that somebody who waits sees
what for. The rest runs on the main thread.

Invariant:
    Credentials and control characters are never written.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from urlrequest import HTTPConnection, HTTPSConnection, UrlRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from urlrequest._engine.plan import PreparedRequest
    from urlrequest._http.redirect import Hop

__all__ = ["ShownRequest", "complain", "describe_error", "printable", "show_timings", "without_userinfo"]

_SECRET_NAMES = re.compile(r"authorization|cookie|api-?key|passw|secret|token", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/?#\s]*@")
# What OpenSSL puts around its reasons: [SSL: WRONG_VERSION_NUMBER] ... (_ssl.c:1006)
_OPENSSL_NOISE = re.compile(r"\[[A-Z0-9]+: [A-Z0-9_]+\] | \(_ssl\.c:[0-9]+\)")


def complain(text: str) -> None:
    """Say what is wrong."""
    _say(f"urlrequest: {printable(text)}")


def describe_error(error: BaseException) -> str:
    """An error in one line: what was attempted, where, the figure."""
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
    """A text without what could steer a terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def without_userinfo(text: str) -> str:
    """A text with the credentials of all URLs in it hidden."""
    return _USERINFO.sub("//***@", text)


def show_timings(timings: Mapping[str, float]) -> None:
    """Tell the seconds of each step, in milliseconds."""
    _say("* " + ", ".join(f"{step} {seconds * 1000:.1f} ms" for step, seconds in timings.items()))


def _say(text: str) -> None:
    """Write a line in one go: the worker and the main thread both do."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # standard error is closed: there is nobody to tell


def _shown_value(name: str, value: str) -> str:
    if not _SECRET_NAMES.search(name):
        return without_userinfo(value)
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space and name.lower().endswith("authorization") else "***"


def _show_head(mark: str, first_line: str, fields: Iterable[tuple[str, Any]]) -> None:
    lines = [first_line, *(f"{name}: {_shown_value(name, str(value))}" for name, value in fields), ""]
    _say("\n".join(f"{mark} {printable(line)}".rstrip() for line in lines))


class _Shown(HTTPConnection):
    """A connection that shows what it sends and receives. Everything here runs on the worker."""

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


class _ShownTls(_Shown, HTTPSConnection):
    pass


class ShownRequest(UrlRequest):
    """A request that shows all heads, and the redirects between them. What it overrides runs on the worker."""

    _hop: Hop | None = None

    def redirect_followed(self, hop: Hop) -> None:
        super().redirect_followed(hop)
        self._hop = hop

    def request_prepared(self, prepared: PreparedRequest) -> None:
        super().request_prepared(prepared)
        hop, self._hop = self._hop, None
        if hop is not None:
            _say(f"* {hop.status}: {printable(hop.url)} leads to {printable(prepared.target.url)}")

    def get_connection_for_scheme(self, scheme: str) -> type:
        shown: dict[type, type] = {HTTPConnection: _Shown, HTTPSConnection: _ShownTls}
        return shown[super().get_connection_for_scheme(scheme)]
