from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._net import tls_sessions
from urlrequest._net.tls_sessions import drop_session, find_session, keep_session, needs_session, reset_after_fork

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_sessions() -> Iterator[None]:
    reset_after_fork()
    yield
    reset_after_fork()


class Session:
    """Stands for an ssl.SSLSession."""

    def __init__(self, *, has_ticket: bool = True, session_id: bytes = b"", timeout: int = 300, hint: int = 0) -> None:
        self.has_ticket, self.id, self.timeout, self.ticket_lifetime_hint = has_ticket, session_id, timeout, hint


def keep(key: str, session: Session | None) -> None:
    keep_session(key, session)  # type: ignore[arg-type]  # as much of a session as is needed


def test_tls_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the session that was kept first is dropped."""
    monkeypatch.setattr(tls_sessions, "MAX_SESSIONS", 2)
    kept: Any = Session()
    for key in "abc":
        keep(key, kept)

    assert [None, kept, kept] == [find_session(key) for key in "abc"]


@pytest.mark.parametrize(
    ("timeout", "hint", "seconds"), [(300, 0, 300), (7200, 0, 3600), (7200, 100, 100), (300, 7200, 300)]
)
def test_tls_sessions_end(monkeypatch: pytest.MonkeyPatch, timeout: int, hint: int, seconds: int) -> None:
    """A session is used until the earliest of its own end, that of its ticket, and an hour."""
    kept = Session(timeout=timeout, hint=hint)
    now = tls_sessions.time()
    monkeypatch.setattr(tls_sessions, "time", lambda: now)
    keep("a", kept)
    monkeypatch.setattr(tls_sessions, "time", lambda: now + seconds - 1)
    assert find_session("a") is kept
    monkeypatch.setattr(tls_sessions, "time", lambda: now + seconds)
    assert find_session("a") is None


@pytest.mark.parametrize("session", [None, Session(has_ticket=False)], ids=["none", "nothing to resume"])
def test_what_cannot_be_resumed_is_not_kept(session: Session | None) -> None:
    """A connection without a session, or with one that the server will not know again, leaves nothing."""
    keep("a", session)

    assert find_session("a") is None


def test_a_session_with_an_id_alone_is_kept() -> None:
    """Before TLS 1.3, servers may remember a session by its number instead of giving a ticket."""
    kept = Session(has_ticket=False, session_id=b"1")
    keep("a", kept)

    assert find_session("a") is kept


def test_dropped_sessions_are_gone() -> None:
    """A session that a handshake failed with is not tried again; dropping twice is no error."""
    keep("a", Session())
    drop_session("a")
    drop_session("a")

    assert find_session("a") is None


def test_a_forked_child_starts_afresh() -> None:
    """In a forked child the cache is empty, and the lock is free though a thread of the parent held it."""
    keep("a", Session())
    with tls_sessions._lock:
        reset_after_fork()
        assert not tls_sessions._lock.locked()

    assert find_session("a") is None


@pytest.mark.parametrize(
    ("leaks", "is_kept", "is_resumed", "expected"),
    [
        (False, True, True, True),
        (True, False, False, True),
        (True, False, True, True),
        (True, True, False, True),
        (True, True, True, False),
    ],
)
def test_fault_131_sessions_are_read_where_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, leaks: bool, is_kept: bool, is_resumed: bool, expected: bool
) -> None:
    """Fault 131: where reading a session leaks, that is done once until it ends or is refused."""
    monkeypatch.setattr(tls_sessions, "_READING_LEAKS", leaks)
    if is_kept:
        keep("a", Session())

    assert expected == needs_session("a", is_resumed=is_resumed)
