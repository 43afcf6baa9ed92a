"""Retries (contract 17.5): what is tried again, when, and what is not."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from support.patience import let_retries_take_their_time
from urlrequest import Session, UrlRequest
from urlrequest._concurrency.deadline import Deadline
from urlrequest._http import retry
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import DeadlineExceeded
from urlrequest.testing import RecordedRequest, Reply, Server, close, finish, hold, receive_head, reset, send, signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAUSE = 0.01  # seconds


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Short pauses; the lengths of all that were made, in seconds."""
    made: list[float] = []
    monkeypatch.setattr(retry, "FIRST_PAUSE", PAUSE)
    pause = CancelScope.pause

    def noted(scope: Any, seconds: float) -> None:
        made.append(seconds)
        pause(scope, seconds)

    monkeypatch.setattr(CancelScope, "pause", noted)
    return made


def failing(times: int, status: int = 503, **headers: str) -> Callable[[RecordedRequest], Reply]:
    """A route that fails so often."""
    left = [times]

    def answer(request: RecordedRequest) -> Reply:
        left[0] -= 1
        if left[0] >= 0:
            return Reply(status, "later", {name.replace("_", "-"): value for name, value in headers.items()})
        return Reply(200, request.body or b"done")

    return answer


def run(url: str, **options: Any) -> UrlRequest:
    request = UrlRequest(url, **{"timeout": 20, "retries": 3, **options})
    assert request.wait(timeout=20)
    return request


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_17_5_statuses(server: Server, status: int, pauses: list[float]) -> None:
    """These statuses are tried again, on the same connection, with pauses that double."""
    server.route("/", failing(3, status))

    assert b"done" == run(server.url).content
    assert 4 == len(server.requests)
    assert [True] * 3 == [
        PAUSE * 2**n / 2 <= pause <= PAUSE * 2**n for n, pause in enumerate(pauses)
    ]  # jitter: the upper half
    assert {0} == {request.connection for request in server.requests}


def test_17_5_the_last_answer_counts(server: Server, recorder: Any) -> None:
    """When no attempt succeeds, the last one's outcome is the request's, reported once."""
    server.route("/", failing(9))
    request = recorder.run(server.url, retries=2)

    assert "failure" == recorder.terminal
    assert (503, "later") == (request.resp_status, request.content.decode())
    assert 3 == len(server.requests)


@pytest.mark.parametrize("options", [{"retries": 0}, {"retries": None}, {"method": "POST"}, {"method": "PATCH"}])
def test_17_5_what_is_not_tried_again(server: Server, options: dict[str, Any]) -> None:
    """Nothing by default; and never POST or PATCH."""
    server.route("/", failing(1))
    run(server.url, **options)

    assert 1 == len(server.requests)


def test_17_5_a_body_that_is_spent(server: Server) -> None:
    """A body that can be read only once is sent once."""
    server.route("/", failing(1))
    run(server.url, method="PUT", req_body=iter([b"x"]))

    assert 1 == len(server.requests)


@pytest.mark.parametrize("body", [b"body", {"a": "1"}, "text", [b"bo", b"dy"]])
def test_17_5_bodies_are_sent_again(server: Server, body: Any) -> None:
    """A body in memory goes with every attempt."""
    server.route("/", failing(2))
    run(server.url, method="PUT", req_body=body)
    bodies = [request.body for request in server.requests]

    assert 3 == len(bodies)
    assert len(set(bodies)) == 1
    assert bodies[0]


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "RST"])
def test_17_5_broken_connections(server: Server, ending: Any) -> None:
    """A connection that ends without an answer is worth another attempt."""
    server.play(ending)
    server.play(receive_head(), ending, read_request=False)
    server.respond("/", "done")

    assert "done" == run(server.url).result


@pytest.mark.parametrize("ending", [finish(), reset()], ids=["FIN", "RST"])
def test_17_5_an_answer_that_breaks_off(server: Server, ending: Any) -> None:
    """So is one whose answer asks for another attempt and then breaks off: nobody wants the rest of it."""
    server.play(send(b"HTTP/1.1 503 Later\r\nContent-Length: 9\r\nRetry-After: 0\r\n\r\nhalf"), ending)
    server.respond("/", "done")

    assert "done" == run(server.url).result


def test_17_5_refused_connections(refusing: str, recorder: Any, pauses: list[float]) -> None:
    """So is one that is refused; the error is the last one."""
    request = recorder.run(refusing, retries=3)

    assert "error" == recorder.terminal
    assert isinstance(request.error, ConnectionRefusedError)
    assert 3 == len(pauses)


def test_17_5_timeouts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a step that takes too long."""
    let_retries_take_their_time(monkeypatch)
    server.play(hold())
    server.respond("/", "done")

    assert "done" == run(server.url, timeout=0.1).result


def test_17_5_not_once_an_answer_is_told(server: Server) -> None:
    """A body that breaks off is an error: parts of it may have been reported already."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), close())
    request = run(server.url, on_error=print)

    assert request.error is not None
    assert 1 == server.connection_count


def test_17_5_certificates_are_not_tried_again(tls_server: Server) -> None:
    """A certificate that is not trusted will not be the next time."""
    request = run(tls_server.url, on_error=print)

    assert request.error is not None
    assert 1 == tls_server.connection_count


def test_17_5_retry_after_seconds(server: Server, pauses: list[float]) -> None:
    """The time that the server asks for counts instead of ours."""
    server.route("/", failing(1, Retry_After="0"))

    assert b"done" == run(server.url).content
    assert [0.0] == pauses


def test_17_5_retry_after_date(server: Server, pauses: list[float]) -> None:
    """A date counts likewise."""
    server.route("/", failing(1, Retry_After=formatdate(time.time() + 1.2, usegmt=True)))

    assert b"done" == run(server.url).content
    assert 0.0 <= pauses[0] <= 1.2


def test_17_5_retry_after_beyond_the_deadline(server: Server, pauses: list[float]) -> None:
    """A time that the deadline does not allow ends the attempts: the response that is there is the outcome, at once."""
    server.route("/", failing(9, Retry_After="60"))
    request = run(server.url, deadline=20, on_failure=print)

    assert 503 == request.resp_status
    assert 1 == len(server.requests)
    assert [] == pauses


def test_7_2_cancel_ends_a_back_off(server: Server, recorder: Any, pauses: list[float]) -> None:
    """A request that waits for its next attempt is cancelled at once, and its worker ends at once."""
    server.route("/", failing(9, Retry_After="3000"))
    request = recorder.get(server.url, retries=1)
    while not pauses:
        time.sleep(0.001)
    assert request.cancel()
    assert request.wait(timeout=20)
    request.join(20)

    assert not request.is_alive()
    assert "cancel" == recorder.terminal


def test_15_2_deadline_spans_the_attempts(refusing: str, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts and pauses together end before the deadline does; the last error is reported."""
    paused: list[float] = []

    def pass_time(scope: CancelScope, seconds: float) -> None:
        assert scope.deadline.at is not None
        scope.deadline.at -= seconds
        paused.append(seconds)

    monkeypatch.setattr(retry, "FIRST_PAUSE", 8.0)
    monkeypatch.setattr(CancelScope, "pause", pass_time)
    request = recorder.run(refusing, retries=1000, deadline=27)

    assert isinstance(request.error, ConnectionRefusedError)
    assert 1 <= len(paused) <= 2  # of 4 to 8 seconds, and of 8 to 16: the next would be of 16 at least


def test_15_2_deadline_within_an_attempt(server: Server) -> None:
    """A deadline that passes is no timeout of a step: nothing is tried again."""
    server.play(signal("asked"), hold())
    request = UrlRequest(server.url, deadline=60, timeout=60, retries=3, on_error=print)
    server.wait("asked")
    request._urlrequest_call.scope.deadline = Deadline(0.01)
    request._urlrequest_call.scope.wake()
    assert request.wait(timeout=20)

    assert isinstance(request.error, DeadlineExceeded)
    assert 1 == server.connection_count


def test_17_5_with_a_file(server: Server, tmp_path: Path) -> None:
    """Only the attempt that succeeds writes the file."""
    server.route("/", failing(2))
    run(server.url, file_path=tmp_path / "file")

    assert b"done" == (tmp_path / "file").read_bytes()


def test_17_5_with_redirects(server: Server) -> None:
    """Each hop has its attempts."""
    left = [2]

    def answer(request: RecordedRequest) -> Reply:
        left[0] -= 1
        return Reply(503) if left[0] >= 0 else Reply(302, headers={"Location": "/next"})

    server.route("/", answer)
    server.route("/next", failing(2))
    request = run(server.url, retries=2, follow_redirects=True)

    assert b"done" == request.content
    assert ["/"] * 3 + ["/next"] * 3 == [request.path for request in server.requests]
    assert 1 == len(request.history)


def test_17_9_retries_of_a_session(server: Server) -> None:
    """A session's number holds where the request names none."""
    server.route("/", failing(2))
    with Session(retries=2) as session:
        request = session.request(server.url)
        request.wait()

    assert b"done" == request.content


@pytest.mark.parametrize("value", [-1, 1.5, True, "3"])
def test_17_5_bad_numbers(server: Server, value: Any) -> None:
    """Contract 2.3: anything else is reported through on_error."""
    request = run(server.url, retries=value, on_error=print)

    assert isinstance(request.error, TypeError | ValueError)
    assert 0 == server.connection_count


def test_17_5_statuses_of_the_users(server: Server) -> None:
    """Contract 17.5: `retry_statuses` takes the place of the usual ones."""
    server.route("/", failing(1, 520))
    server.route("/usual", failing(1, 503))

    assert 200 == run(server.url, retry_statuses={520}).resp_status
    assert 503 == run(f"{server.url}/usual", retry_statuses={520}).resp_status
    assert 3 == len(server.requests)


def test_17_5_methods_of_the_users(server: Server) -> None:
    """Contract 17.5: `retry_methods` takes the place of the usual ones, for statuses and for errors."""
    server.route("/", failing(1))
    server.route("/get", failing(1))

    assert b"body" == run(server.url, req_body=b"body", retry_methods=["post"]).content
    assert 503 == run(f"{server.url}/get", retry_methods=["post"]).resp_status
    server.play(reset())
    with Session() as fresh:  # without a connection that would be used again
        assert 200 == run(server.url, method="PATCH", retry_methods=("PATCH",), session=fresh).resp_status
    assert ["POST", "POST", "GET", "PATCH", "PATCH"] == [request.method for request in server.requests]


def test_17_5_the_longest_retry_after(server: Server, pauses: list[float]) -> None:
    """Contract 17.5: more than `max_retry_after` counts as so much; a session sets it, and what is tried again."""
    server.route("/", failing(2, 429, Retry_After="3000"))
    with Session(max_retry_after=PAUSE, retries=3, retry_statuses=[429]) as session:
        request = session.request(server.url, timeout=20)
        assert request.wait(timeout=20)

    assert 200 == request.resp_status
    assert [PAUSE, PAUSE] == pauses


@pytest.mark.parametrize(
    ("option", "value"),
    [("retry_statuses", 503), ("retry_methods", "GET"), ("max_retry_after", 0), ("max_retry_after", "1")],
)
def test_17_5_what_is_no_rule(server: Server, option: str, value: Any) -> None:
    """Contract 2.3, 17.5: a value that cannot be used is an error that names the option, and nothing is sent."""
    error = run(server.url, **{option: value}).error

    assert isinstance(error, (TypeError, ValueError))
    assert option in str(error)
    assert 0 == server.connection_count
