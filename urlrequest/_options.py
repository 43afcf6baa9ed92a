"""Options: what the user asked for, as it was passed. Nothing is checked here; see `_plan`."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PLAIN", "Options"]


class Options(NamedTuple):
    """The constructor's arguments as the user passed them (contract 2.1); first what most requests differ in."""

    url: Any
    decode: Any = True
    ca_file: Any = None
    verify: Any = True
    req_body: Any = None
    req_headers: Any = None
    chunk_size: Any = 8192
    method: Any = None
    file_path: Any = None
    proxy_host: Any = None
    proxy_port: Any = None
    proxy_headers: Any = None
    user_agent: Any = None
    cookies: Any = None
    auth: Any = None
    client_cert: Any = None
    ssl_context: Any = None
    follow_redirects: Any = None
    retries: Any = None
    trust_env: Any = None
    params: Any = None
    json: Any = None
    files: Any = None
    progress_interval: Any = None
    max_size: Any = None
    resume: Any = False
    checksum: Any = None
    base_url: Any = None
    session_headers: Any = None
    session_cookies: Any = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but a URL: then there is nothing to check, and nothing of the user's to keep."""
        return self[4:] == PLAIN[4:]

    def detached(self) -> Options:
        """The same with containers of our own: the user may change theirs while the request runs."""
        if self.req_body is self.req_headers is self.proxy_headers is self.cookies is self.params is self.files is None:
            return self
        copies = {
            name: value.copy()
            for name in ("req_body", "req_headers", "proxy_headers", "cookies", "params", "files")
            if isinstance(value := getattr(self, name), dict | list)
        }
        return self._replace(**copies) if copies else self


PLAIN = Options(None)
