"""What the command prints on standard error: errors, and with -v the headers and the timings.

`print_head()` runs on the worker thread, when headers are sent and received, so that a waiting user sees what the
command waits for. The rest runs on the main thread.

Invariant:
    VERBOSE-1  Credentials, the values of queries and control characters are never printed.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress

from urlrequest._http.target import parse_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = [
    "describe_error",
    "print_error",
    "print_line",
    "print_received",
    "print_redirect",
    "print_sent",
    "printable",
    "show_timings",
    "shown_url",
    "without_secrets",
]

HIDDEN = "***"

# Headers of a request whose values are no secret. Any other one may hold a key, whatever its name is.
_OPEN_NAMES = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "origin",
        "pragma",
        "range",
        "referer",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    }
)
_SECRET_NAMES = re.compile(
    r"authorization|authentication|cookie|key|passw|secret|session|signature|token", re.IGNORECASE
)
_USERINFO = re.compile(r"//[^/?#\s]*@")
_QUERY = re.compile(r"(/[^/?#\s]*\?)[^\s#'\"]+")
# What OpenSSL puts around its reasons: [SSL: WRONG_VERSION_NUMBER] ... (_ssl.c:1006)
_OPENSSL_NOISE = re.compile(r"\[[A-Z0-9]+: [A-Z0-9_]+\] | \(_ssl\.c:[0-9]+\)")
# Parameters that errors of the library name, and the options that set them.
_OPTIONS = {"ca_file": "--cacert", "client_cert": "--cert", "max_size": "--max-size"}
_PARAMETER = re.compile(rf"\b(?:{'|'.join(_OPTIONS)})\b")


def print_error(text: str) -> None:
    """Print an error message."""
    print_line(f"urlrequest: {printable(text)}")


def describe_error(error: BaseException) -> str:
    """Describe an error in one line: what was attempted, where, and the figure."""
    reason = getattr(error, "verify_message", None)
    if reason:  # ssl.SSLCertVerificationError
        hint = "; --cacert names the certificates to trust" if "ca_file" in str(error) else ""  # of an unknown issuer
        return f"the certificate is not trusted: {reason}{hint}"
    text, path = str(error), None
    if isinstance(error, OSError) and error.strerror:
        text, path = str(error.strerror).replace("file_path", "it"), error.filename
    text = _PARAMETER.sub(lambda match: _OPTIONS[match[0]], text)
    if path is not None:
        text = f"{path}: {text}"
    return _OPENSSL_NOISE.sub("", without_secrets(text)) or type(error).__name__


def printable(text: str) -> str:
    """Return a text with its control characters escaped, so that it cannot control a terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def without_secrets(text: str) -> str:
    """Return a text with the credentials and queries of all URLs in it hidden."""
    return _QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"//{HIDDEN}@", text))


def shown_url(url: str) -> str:
    """Return a URL for messages: normalised, without userinfo and fragment, and with its query hidden."""
    try:
        return printable(without_secrets(parse_target(url).url))
    except ValueError:
        return printable(without_secrets(url))


def show_timings(timings: Mapping[str, float]) -> None:
    """Print the duration of each step, given in seconds, in milliseconds."""
    print_line("* " + ", ".join(f"{step} {seconds * 1000:.1f} ms" for step, seconds in timings.items()))


def print_line(text: str) -> None:
    """Print a line by one write, since both the worker and the main thread print."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # standard error is closed


def print_sent(method: str, target: str, fields: Iterable[tuple[str, Any]]) -> None:
    """Print the head of a request; of headers that may hold a key only the names."""
    _print_head(">", f"{method} {without_secrets(target)} HTTP/1.1", fields, is_sent=True)


def print_received(version: str, status: int, reason: str, fields: Iterable[tuple[str, Any]]) -> None:
    """Print the head of a response; of headers whose names sound like secrets only the names."""
    _print_head("<", f"HTTP/{version} {status} {reason}", fields, is_sent=False)


def print_redirect(status: int, url: str, location: str) -> None:
    """Print where a redirect leads; `location` is as it was received."""
    from urllib.parse import urljoin  # few runs show redirects

    location = location.strip(" \t").encode("latin-1", "replace").decode("utf-8", "replace")
    with suppress(ValueError):  # the request itself reports the error
        location = urljoin(url, location)
    print_line(f"* {status}: {shown_url(url)} leads to {shown_url(location)}")


def _print_head(mark: str, first_line: str, fields: Iterable[tuple[str, Any]], *, is_sent: bool) -> None:
    shown = (f"{name}: {_shown_value(name, str(value), is_sent=is_sent)}" for name, value in fields)
    print_line("\n".join(f"{mark} {printable(line)}".rstrip() for line in [first_line, *shown, ""]))


def _shown_value(name: str, value: str, *, is_sent: bool) -> str:
    is_secret = name.lower() not in _OPEN_NAMES if is_sent else _SECRET_NAMES.search(name)
    if not is_secret:
        return without_secrets(value)
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {HIDDEN}" if space and name.lower().endswith("authorization") else HIDDEN
