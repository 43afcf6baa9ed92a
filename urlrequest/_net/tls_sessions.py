"""Cache of TLS sessions: a new connection to a known server saves one round trip and the check of the certificate.

What was checked holds for the context and the host name that it was checked with, so both are part of the key; so are
the checks that the owner of a context may still switch on or off (CVE-2022-27782: a key without them).

Thread safety. `_lock` guards `_sessions`; only workers take it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from time import time

from urlrequest._concurrency.sync import ScopedLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Hashable
    from typing import Any

__all__ = ["drop_session", "find_session", "keep_session", "needs_session", "reset_after_fork", "session_key"]

MAX_SESSIONS = 128  # sessions; each holds the server's certificates, some 5 KiB
MAX_AGE = 3600.0  # seconds; servers may promise days, but the certificate is to be checked again sooner

# There CPython never frees a session that is read from a socket: 7 KiB for each connection (gh-116810).
_READING_LEAKS = sys.version_info < (3, 12, 8) or sys.version_info[:3] == (3, 13, 0)

_lock = ScopedLock()
_sessions: OrderedDict[Hashable, tuple[Any, float]] = OrderedDict()  # key -> session, its end on time.time()


def session_key(context: ssl.SSLContext, host: str, port: int | None) -> Hashable:
    """Return what a connection must have in common with an earlier one to resume its session."""
    return context, context.verify_mode, context.check_hostname, host, port


def needs_session(key: Hashable, *, is_resumed: bool) -> bool:
    """Whether to read and keep the session of a connection.

    The newest one is the best: TLS 1.3 wants each to be used once. Where reading leaks, one is used until it ends, or
    until the server does not resume it.

    Args:
        is_resumed: The connection has resumed the session that is kept.
    """
    return not (_READING_LEAKS and is_resumed and find_session(key) is not None)


def keep_session(key: Hashable, session: ssl.SSLSession | None) -> None:
    """Keep the session of a connection, if the server gave it one that can be resumed."""
    if session is None or not (session.has_ticket or session.id):
        return
    seconds = min(MAX_AGE, session.timeout, session.ticket_lifetime_hint or MAX_AGE)
    end = time() + seconds
    with _lock:
        _sessions[key] = (session, end)
        _sessions.move_to_end(key)
        while len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)


def find_session(key: Hashable) -> Any:
    """Return a session to resume, or None."""
    with _lock:
        session, end = _sessions.get(key, (None, 0.0))
    return session if time() < end else None


def drop_session(key: Hashable) -> None:
    """Forget a session with which a handshake failed."""
    with _lock:
        _sessions.pop(key, None)


def reset_after_fork() -> None:
    """Start with an empty cache and a free lock, which a thread of the parent may have held."""
    global _lock
    _lock = ScopedLock()
    _sessions.clear()
