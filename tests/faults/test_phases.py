"""Faults 2, 9, 19, 34, 70 and 122 to 127: cancel, deadline and timeout in every phase.

How long it takes until a cancel has done all is written to the file that the environment variable URLREQUEST_LATENCIES
names, after twenty rounds of each phase; without it there is one round, and nothing is measured.
"""

from __future__ import annotations

import os
import statistics
import threading
from collections import defaultdict
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from faults.phases import PATIENCE, PHASES, Phase, Scene
from faults.rows import Target, assert_ended, begin_deadline, begin_timeout
from support.leaks import living_threads
from support.messages import reply
from urlrequest.errors import DeadlineExceeded
from urlrequest.testing import Server, hold, receive, send, signal, wait_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

pytestmark = pytest.mark.no_leaks

LIMIT = 0.2  # seconds of a timeout or a deadline
REPORT = os.environ.get("URLREQUEST_LATENCIES")
ROUNDS = 20 if REPORT else 1

CASES = [(phase, kind) for phase in PHASES for kind in phase.kinds]
TIMED = [(phase, kind) for phase, kind in CASES if phase.times_out]


def case_id(value: Any) -> str:
    return value.name if isinstance(value, Phase) else value


@pytest.fixture(scope="module")
def latencies() -> Iterator[dict[str, list[float]]]:
    """Seconds by what was measured; written to the report at the end."""
    measured: dict[str, list[float]] = defaultdict(list)
    yield measured
    if REPORT:
        lines = [
            f"{name:60} p50 {statistics.median(seconds) * 1000:8.2f} ms   max {max(seconds) * 1000:8.2f} ms"
            for name, seconds in measured.items()
        ]
        Path(REPORT).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, ca_file: str, kind: str) -> Iterator[Scene]:
    with Scene(monkeypatch, server_context, ca_file, is_tls=kind == "tls") as made:
        yield made


def start(scene: Scene, phase: Phase, recorder: Any, target: Target, **limits: float) -> Any:
    """Make a request that comes to a stop in the phase."""
    url, options = phase.prepare(scene)
    if scene.is_tls:
        options["ca_file"] = scene.ca_file
    return recorder.get(url, file_path=target.path, **options, **limits)


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize(("phase", "kind"), CASES, ids=case_id)
def test_7_2_cancel_in_every_phase(
    scene: Scene,
    recorder: Any,
    target: Target,
    latencies: dict[str, list[float]],
    phase: Phase,
    kind: str,
    round_number: int,
) -> None:
    """Contract 7.1, 7.2, 7.4: cancel ends any phase; the socket is closed, the worker free, the old file untouched."""
    request = start(scene, phase, recorder, target)
    if phase.waits is not None:
        scene.await_wait(phase.waits)

    began = perf_counter()
    won = request.cancel()
    returned = perf_counter() - began
    assert request.wait(timeout=20)
    delivered = perf_counter() - began
    assert_ended(request)
    ended = perf_counter() - began
    scene.await_closed()
    closed = perf_counter() - began

    assert (True, False) == (won, request.cancel())
    assert ["cancel", "finish"] == recorder.names
    assert request.is_cancelled
    assert (None, None) == (request.result, request.error)
    assert 0 == request.timings.get("connect", 0) or phase.name not in {"queued", "dns", "connect"}
    target.assert_untouched()
    for what, seconds in (("returned", returned), ("delivered", delivered), ("worker free", ended), ("closed", closed)):
        latencies[f"cancel {phase.name} {kind}: {what}"].append(seconds)


@pytest.mark.parametrize(("phase", "kind"), CASES, ids=case_id)
def test_15_2_deadline_in_every_phase(
    scene: Scene, recorder: Any, target: Target, latencies: dict[str, list[float]], phase: Phase, kind: str
) -> None:
    """Contract 15.2: the deadline holds in every phase, against a server that drips as well."""
    if phase.waits is not None:
        begin_deadline(scene.monkeypatch, phase.waits, LIMIT)
    began = monotonic()
    request = start(scene, phase, recorder, target, deadline=LIMIT if phase.waits is None else 2 * PATIENCE)
    assert request.wait(timeout=PATIENCE), "the deadline did not end it"
    took = monotonic() - began
    assert_ended(request)

    assert ("error", DeadlineExceeded) == (recorder.terminal, type(request.error))
    assert "0.2 s" in str(request.error)
    assert LIMIT <= took
    target.assert_untouched()
    scene.await_closed()
    latencies[f"deadline {phase.name} {kind}: late by"].append(took - LIMIT)


@pytest.mark.parametrize(("phase", "kind"), TIMED, ids=case_id)
def test_15_1_timeout_in_every_phase(
    scene: Scene, recorder: Any, target: Target, latencies: dict[str, list[float]], phase: Phase, kind: str
) -> None:
    """Contract 15.1: a step that takes longer than the timeout ends the request, and the message says which step."""
    assert phase.waits is not None
    begin_timeout(scene.monkeypatch, phase.waits, LIMIT)
    request = start(scene, phase, recorder, target, timeout=2 * PATIENCE)
    scene.await_wait(phase.waits)
    began = monotonic()
    assert request.wait(timeout=PATIENCE), "the timeout did not end it"
    took = monotonic() - began
    assert_ended(request)

    assert ("error", TimeoutError) == (recorder.terminal, type(request.error))
    # Over TLS a session ticket may come first, and the answer is then already being received.
    assert phase.waits in str(request.error) or "receiving from" in str(request.error)
    assert "0.2 s" in str(request.error)
    target.assert_untouched()
    scene.await_closed()
    latencies[f"timeout {phase.name} {kind}: late by"].append(took - LIMIT)


@pytest.mark.parametrize("kind", ["plain"])
@pytest.mark.parametrize("name", ["body-trickle", "head-trickle"])
def test_15_1_a_drip_is_no_timeout(scene: Scene, recorder: Any, name: str, kind: str) -> None:
    """Contract 15.1, fault 70: each receive has the whole timeout, so a slow but steady server is none."""
    whole = reply(b"a" * 20)
    pieces = [whole[start : start + 8] for start in range(0, len(whole), 8)]
    steps = [step for number, piece in enumerate(pieces) for step in (wait_for(f"next {number}"), send(piece))]
    scene.server.play(*steps)
    request = recorder.get(scene.server.url, timeout=PATIENCE)
    for number in range(len(pieces)):
        scene.await_wait("waiting for a response" if number == 0 else "receiving from")
        scene.server.signal(f"next {number}")
    assert request.wait(timeout=PATIENCE)

    assert "a" * 20 == request.result


# A result that is there, but not delivered yet


@pytest.mark.parametrize("options", [{}, {"on_progress": lambda *_: None}], ids=["plain", "progress"])
def test_7_3_cancel_beats_a_settled_result(server: Server, recorder: Any, target: Target, options: Any) -> None:
    """Contract 7.3, fault 125: a result that is not delivered is cancelled; what was renamed already stays."""
    server.play(send(reply(b"new")))
    request = recorder.get(server.url, file_path=target.path, **options)
    request.join(20)
    assert not request.is_alive()

    assert not request.is_finished
    assert request.cancel()
    assert request.wait(timeout=20)
    assert ["cancel", "finish"] == recorder.names
    assert (None, None, True) == (request.result, request.error, request.is_cancelled)
    target.assert_replaced(b"new")


def test_7_3_cancel_beats_a_settled_error(server: Server, recorder: Any) -> None:
    """Contract 7.3: an error that is not delivered is cancelled as well."""
    server.play()
    request = recorder.get(server.url)
    request.join(20)

    assert request.cancel()
    assert request.wait(timeout=20)
    assert (["cancel", "finish"], None) == (recorder.names, request.error)


def test_15_2_deadline_does_not_touch_a_settled_result(server: Server, recorder: Any) -> None:
    """Contract 15.2: what is complete in time stays complete, however late it is delivered."""
    server.play(send(reply()))
    request = recorder.get(server.url, deadline=PATIENCE)
    request.join(20)
    request._urlrequest_call.scope.deadline.at = monotonic() - 1  # it passes before the delivery
    assert request.wait(timeout=20)

    assert ("success", "hello") == (recorder.terminal, request.result)


def test_7_1_cancel_from_many_threads(server: Server, recorder: Any) -> None:
    """Contract 7.1, fault 126: of many that cancel at once one decides, and there is one event."""
    server.play(signal("phase"), hold())
    request = recorder.get(server.url)
    server.wait("phase")
    together, won = threading.Barrier(8), []

    def cancel() -> None:
        together.wait(20)
        won.append(request.cancel())

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert request.wait(timeout=20)

    assert [False] * 7 + [True] == sorted(won)
    assert ["cancel", "finish"] == recorder.names


def test_7_2_a_cancelled_lookup_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, ca_file: str, recorder: Any
) -> None:
    """Contract 7.2: name resolution that cannot be interrupted goes on alone, and what it finds is dropped."""
    with Scene(monkeypatch, server_context, ca_file, is_tls=False) as scene:
        url, options = next(phase for phase in PHASES if phase.name == "dns").prepare(scene)
        request = recorder.get(url, **options)
        scene.await_wait("resolving")
        request.cancel()
        request.join(20)

        assert not request.is_alive()
        assert living_threads("urlrequest-resolver")
        assert request.wait(timeout=20)
    assert ["cancel", "finish"] == recorder.names


def test_fault_122_cancel_before_a_worker_connects_nothing(
    monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, ca_file: str, recorder: Any
) -> None:
    """Fault 122, contract 7.2: a request that waits for a slot and is cancelled never connects."""
    with Scene(monkeypatch, server_context, ca_file, is_tls=False) as scene:
        url, _ = PHASES[0].prepare(scene)
        request = recorder.get(url)
        alive = request.is_alive()
        request.cancel()
        assert request.wait(timeout=20)

        assert (True, False, None) == (alive, request.is_alive(), request.ident)
        assert 0 == scene.server.connection_count


def test_15_2_deadline_covers_the_answers_of_a_kept_connection(server: Server, recorder: Any) -> None:
    """Contract 15.2: each request has a deadline of its own, and the one of the request before means nothing to it."""
    server.play(send(reply().replace(b"Connection: close\r\n", b"")), receive(), send(reply()))
    server.play(send(reply()))
    first = recorder.run(server.url, deadline=30)
    second = recorder.run(server.url)

    assert ("hello", "hello") == (first.result, second.result)
