"""perform(): the way of one request from hop to hop, without a `UrlRequest`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import HTTPConnection
from urlrequest._engine.options import PLAIN
from urlrequest._engine.perform import perform
from urlrequest._engine.pool import Pool
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import TooManyRedirects, UnsupportedScheme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from urlrequest.testing import Server


class Observer:
    """Notes what it is notified of, in order."""

    def __init__(self, **wishes: bool) -> None:
        self.notes: list[Any] = []
        self.wishes = wishes

    def connection_class(self, scheme: str) -> type:
        if scheme != "http":
            raise UnsupportedScheme(scheme)
        return HTTPConnection

    def wants_progress(self) -> bool:
        return False

    def wants_upload_progress(self) -> bool:
        return self.wishes.get("wants_upload_progress", False)

    def wants_chunks(self) -> bool:
        return False

    def may_leave(self) -> bool:
        return False

    def request_prepared(self, prepared: Any) -> None:
        self.notes.append(("prepared", prepared.method, prepared.target.path))

    def redirect_followed(self, hop: Any) -> None:
        self.notes.append(("followed", hop.status))

    def head_received(self, head: Any) -> None:
        self.notes.append(("head", head.status))

    def progress_made(self, run: Any) -> None:
        self.notes.append(("progress", run.first, run.total, run.is_upload))

    def download_noted(self, note: str) -> None:
        raise AssertionError(note)

    def begin_commit(self) -> bool:
        self.notes.append("commit")
        return True

    def decode_result(self, result: Any, resp: Any) -> Any:
        return result


@pytest.fixture
def shared() -> Iterator[Any]:
    """What a session shares; its connections are closed at the end."""
    pool = Pool()
    yield SimpleNamespace(pool=pool, cookie_store=None, tcp_keepalive=None)
    pool.close()


def run(server: Server, shared: Any, observer: Any, path: str = "", **options: Any) -> Any:
    scope = CancelScope()
    try:
        return perform(PLAIN._replace(url=server.url + path, **options), shared, scope, observer)
    finally:
        scope.release()


def test_one_hop(server: Server, shared: Any) -> None:
    """A request without redirects is prepared, sent, and received."""
    server.respond("/", b"text")
    observer = Observer()
    answer = run(server, shared, observer)

    assert "text" == answer.result
    assert [("prepared", "GET", "/"), ("head", 200)] == observer.notes
    assert 1 == shared.pool.count


def test_17_4_hops_in_order(server: Server, shared: Any) -> None:
    """Contract 17.4: each hop is reported when it has been followed; only the last head is the response's."""
    server.respond("/", b"", status=302, headers={"Location": "/there"})
    server.respond("/there", b"text")
    observer = Observer()
    answer = run(server, shared, observer, follow_redirects=True)

    assert "text" == answer.result
    assert [("prepared", "GET", "/"), ("followed", 302), ("prepared", "GET", "/there"), ("head", 200)] == observer.notes
    assert 1 == server.connection_count


def test_17_4_too_many_hops(server: Server, shared: Any) -> None:
    """Contract 17.4: the number of redirects has a limit, and the error names it."""
    server.respond("/", b"", status=302, headers={"Location": "/"})
    with pytest.raises(TooManyRedirects, match="after 2 redirects"):
        run(server, shared, Observer(), follow_redirects=2)


def test_17_4_redirects_are_followed_only_if_asked(server: Server, shared: Any) -> None:
    """Contract 17.4: without follow_redirects a redirect is the outcome."""
    server.respond("/", b"", status=302, headers={"Location": "/there"})
    observer = Observer()

    assert 302 == run(server, shared, observer).head.status
    assert [("prepared", "GET", "/"), ("head", 302)] == observer.notes


def test_12_1_file(server: Server, shared: Any, tmp_path: Path) -> None:
    """Contract 12.1: a file is put in its place after the observer agreed to it."""
    server.respond("/", b"text")
    observer = Observer()
    run(server, shared, observer, file_path=tmp_path / "file")

    assert b"text" == (tmp_path / "file").read_bytes()
    assert "commit" == observer.notes[-1]


def test_17_2_upload_progress(server: Server, shared: Any) -> None:
    """Contract 17.2: what is sent of a body is reported before the head of the response."""
    server.respond("/", b"text")
    observer = Observer(wants_upload_progress=True)
    run(server, shared, observer, req_body=b"abc")

    assert [("progress", 0, 3, True), ("progress", 3, 3, True), ("head", 200)] == observer.notes[1:]


def test_2_3_bad_argument_sends_nothing(server: Server, shared: Any) -> None:
    """Contract 2.3: what is wrong with an argument is raised before anything is sent."""
    observer = Observer()
    with pytest.raises(ValueError, match="retries is -1"):
        run(server, shared, observer, retries=-1)

    assert [] == observer.notes
    assert 0 == server.connection_count
