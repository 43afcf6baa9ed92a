"""Process-wide default settings."""

from __future__ import annotations

__all__ = ["Defaults", "defaults"]


class Defaults:
    """Settings for all requests of a program; change them before making requests.

    Attributes:
        detect_hook: Look for a running event loop or a GUI toolkit when a request without a hook is made (contract
            8.2).
        keep_alive: Reuse connections (contract 17.10).
        tcp_keepalive: After how many seconds without a word the system asks whether the peer of a connection is still
            there; 0 turns it off (contract 15.4).
        fsync: Flush a finished download to the disk before it counts as successful.
    """

    __slots__ = ("detect_hook", "fsync", "keep_alive", "tcp_keepalive")

    def __init__(self) -> None:
        self.detect_hook: bool = True
        self.keep_alive: bool = True
        self.tcp_keepalive: float = 30.0
        self.fsync: bool = False

    def __repr__(self) -> str:
        return f"<urlrequest.defaults: {', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)}>"


defaults: Defaults = Defaults()
