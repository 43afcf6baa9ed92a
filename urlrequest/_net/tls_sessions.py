"""TLS sessions kept for later: a new connection to a known server takes one round trip and no certificate check.

Checks that were made belong to the context and the name they were made for, so both are in the key (CVE-2022-27782 was
about a key without them); so is what the owner of a context may still change about its checks.

Thread safety. `_lock` guards `_sessions`; workers alone come here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Hashable
    from typing import Any

__all__ = ["forget_session", "keep_session", "kept_session", "session_key"]

SESSION_LIMIT = 128  # sessions; each holds the server's certificates, some 5 KiB
LONGEST_TIME = 3600.0  # seconds; servers may promise days, but a certificate is to be looked at again sooner

_lock = threading.Lock()
_sessions: OrderedDict[Hashable, tuple[Any, float]] = OrderedDict()  # key -> session and its end on time.time()


def session_key(context: ssl.SSLContext, host: str, port: int | None) -> Hashable:
    """What a session holds for."""
    return context, context.verify_mode, context.check_hostname, host, port


def keep_session(key: Hashable, session: ssl.SSLSession | None) -> None:
    """Keep a connection's session, if the server gave it one that can be resumed."""
    if session is None or not (session.has_ticket or session.id):
        return
    begin = time()
    seconds = min(LONGEST_TIME, session.timeout, session.ticket_lifetime_hint or LONGEST_TIME)
    with _lock:
        _sessions[key] = (session, begin + seconds)
        _sessions.move_to_end(key)
        while len(_sessions) > SESSION_LIMIT:
            _sessions.popitem(last=False)


def kept_session(key: Hashable) -> Any:
    """A session to resume, or None."""
    with _lock:
        session, end = _sessions.get(key, (None, 0.0))
    return session if time() < end else None


def forget_session(key: Hashable) -> None:
    """Do without a session that a handshake failed with."""
    with _lock:
        _sessions.pop(key, None)


def forget_sessions() -> None:
    """Start afresh. In a forked child, where a thread may have held the lock."""
    global _lock
    _lock = threading.Lock()
    _sessions.clear()
