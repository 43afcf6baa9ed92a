r"""The text of -w: %{name} becomes a value of the response, %% a percent sign, \n a line break; names are curl's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["unknown_name", "write_out"]

_PART = re.compile(r"%\{(?P<name>[^}]*)\}|%(?P<percent>%)|\\(?P<escape>[nrt])")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class _Result:
    """What the values are taken from."""

    def __init__(self, request: Any, method: str, file_name: str | None, sent: int, received: int, code: int) -> None:
        self.request = request
        self.method = method
        self.file_name = file_name
        self.sent = sent
        self.received = received
        self.code = code

    def header(self, name: str) -> str:
        return "" if self.request.resp_headers is None else self.request.resp_headers.get(name, "")

    def until(self, phase: str) -> str:
        """The time until the end of a phase, in seconds."""
        seconds = 0.0
        for name in _PHASES:
            seconds += self.request.timings.get(name, 0.0)
            if name == phase:
                break
        return f"{seconds:.6f}"

    def until_response(self) -> str:
        """The time until the first byte of the response: all phases but that of the body."""
        return f"{sum(seconds for name, seconds in self.request.timings.items() if name != 'total'):.6f}"

    def rate(self, size: int) -> str:
        total = self.request.timings.get("total", 0.0)
        return f"{size / total:.0f}" if total else "0"

    def redirect_url(self) -> str:
        if not 300 <= (self.request.resp_status or 0) < 400 or not self.header("Location"):
            return ""
        from urllib.parse import urljoin

        return urljoin(self.request.resp_url or "", self.header("Location"))


_PHASES = ["queue", "dns", "connect", "tls"]

_VALUES: dict[str, Callable[[_Result], object]] = {
    "http_code": lambda result: f"{result.request.resp_status or 0:03}",
    "response_code": lambda result: f"{result.request.resp_status or 0:03}",
    "content_type": lambda result: result.header("Content-Type"),
    "errormsg": lambda result: result.request.error or "",
    "exitcode": lambda result: result.code,
    "filename_effective": lambda result: result.file_name or "",
    "method": lambda result: result.method,
    "num_redirects": lambda result: len(result.request.history),
    "redirect_url": _Result.redirect_url,
    "scheme": lambda result: (result.request.resp_url or "").partition(":")[0].upper(),
    "size_download": lambda result: result.received,
    "size_upload": lambda result: result.sent,
    "speed_download": lambda result: result.rate(result.received),
    "speed_upload": lambda result: result.rate(result.sent),
    "time_namelookup": lambda result: result.until("dns"),
    "time_connect": lambda result: result.until("connect"),
    "time_appconnect": lambda result: result.until("tls") if "tls" in result.request.timings else "0.000000",
    "time_pretransfer": lambda result: result.until("tls"),
    "time_starttransfer": _Result.until_response,
    "time_total": lambda result: f"{result.request.timings.get('total', 0.0):.6f}",
    "url": lambda result: result.request.url,
    "url_effective": lambda result: result.request.resp_url or result.request.url,
}


def unknown_name(text: str) -> str | None:
    """Return the first name in a text that is none of a value, or None."""
    return next(
        (match["name"] for match in _PART.finditer(text) if match["name"] is not None and match["name"] not in _VALUES),
        None,
    )


def write_out(
    text: str, request: Any, *, method: str, file_name: str | None, sent: int, received: int, code: int
) -> str:
    """Fill in the values of a request that has finished.

    Args:
        method: Of the request.
        file_name: Where the body was saved, if it was.
        sent, received: Bytes of the bodies.
        code: The exit code.
    """
    result = _Result(request, method, file_name, sent, received, code)

    def fill(match: re.Match[str]) -> str:
        if match["name"] is not None:
            return str(_VALUES[match["name"]](result))
        return "%" if match["percent"] else _ESCAPES[match["escape"]]

    return _PART.sub(fill, text)
