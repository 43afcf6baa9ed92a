"""Options: what the user asked for, as it was passed. Nothing is checked here; see `_plan`."""

from __future__ import annotations

from collections import namedtuple

__all__ = ["PLAIN", "Options"]


class Options(
    namedtuple(  # noqa: PYI024 - each may be anything, and `typing` is slow to import
        "Options",
        [
            "url", "decode", "ca_file", "verify",
            "req_body", "req_headers", "chunk_size", "method", "file_path", "proxy_host", "proxy_port", "proxy_headers",
            "user_agent", "cookies", "auth", "client_cert", "ssl_context", "follow_redirects", "retries", "trust_env",
            "params", "json", "files", "progress_interval", "max_size", "resume", "checksum",
            "base_url", "session_headers", "session_cookies",
        ],
    )
):  # fmt: skip
    """The constructor's arguments as the user passed them (contract 2.1); first what most requests differ in."""

    __slots__ = ()

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


PLAIN = Options(*[None] * len(Options._fields))._replace(decode=True, verify=True, chunk_size=8192, resume=False)
