"""`file:` URLs: the same callbacks, progress and `file_path` for files on the disk as for URLs on the web."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from urlrequest import UrlRequest


class FileConnection:
    """A connection to a file on the disk; it is its own response."""

    status, reason = 200, "OK"

    def __init__(self, host: str, port: int | None = None, timeout: float | None = None) -> None:
        if host not in {"", "localhost"}:
            raise ValueError(f"file: URLs are for files of this machine, not of {host}")

    def request(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:
        self.path = Path(url2pathname(url.partition("?")[0]))
        self.file = self.path.open("rb")
        self.read, self.close = self.file.read, self.file.close

    def getresponse(self) -> FileConnection:
        return self

    def getheaders(self) -> list[tuple[str, str]]:
        kind = mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"
        return [("Content-Type", kind), ("Content-Length", str(os.fstat(self.file.fileno()).st_size))]

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return {key.lower(): value for key, value in self.getheaders()}.get(name.lower(), default)

    def close(self) -> None:
        """Do nothing: no file is open yet."""


class FileRequest(UrlRequest):
    """A `UrlRequest` that also serves `file:` URLs."""

    def get_connection_for_scheme(self, scheme: str) -> type:
        """Return the connection class for a scheme."""
        return FileConnection if scheme == "file" else super().get_connection_for_scheme(scheme)
