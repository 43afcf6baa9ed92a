"""`data:` URLs (RFC 2397): the content is in the URL itself, such as `data:text/plain;base64,aGVsbG8=`."""

from __future__ import annotations

import io
from base64 import b64decode
from typing import Any
from urllib.parse import unquote_to_bytes

from urlrequest import UrlRequest


class DataConnection(io.BytesIO):
    """A connection that needs no server: it is its own response."""

    status, reason = 200, "OK"

    def __init__(self, host: str, port: int | None = None, timeout: float | None = None) -> None:
        super().__init__()

    def request(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:
        self.kind, comma, content = url.partition(",")
        if not comma:
            raise ValueError("a data: URL needs a comma before its content")
        decoded = unquote_to_bytes(content)
        if self.kind.endswith(";base64"):
            self.kind, decoded = self.kind.removesuffix(";base64"), b64decode(decoded, validate=True)
        super().__init__(decoded)

    def getresponse(self) -> DataConnection:
        return self

    def getheaders(self) -> list[tuple[str, str]]:
        kind = self.kind or "text/plain;charset=US-ASCII"
        return [("Content-Type", kind), ("Content-Length", str(len(self.getbuffer())))]

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return {key.lower(): value for key, value in self.getheaders()}.get(name.lower(), default)


class DataRequest(UrlRequest):
    """A `UrlRequest` that also serves `data:` URLs."""

    def get_connection_for_scheme(self, scheme: str) -> type:
        """Return the connection class for a scheme."""
        return DataConnection if scheme == "data" else super().get_connection_for_scheme(scheme)
