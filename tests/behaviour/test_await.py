"""Awaiting (contract 17.8, 3.6 and 3.8): requests in coroutines of asyncio and trio."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import head
from urlrequest import Session, UrlRequest, as_completed
from urlrequest.errors import RequestCancelled
from urlrequest.testing import Server, hold, reset, send, signal, wait_closed, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HEAD = head(2)


def run_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        return await main()

    return asyncio.run(whole())


def run_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    trio = pytest.importorskip("trio")
    return trio.run(main)


each_loop = pytest.mark.parametrize("run", [run_asyncio, run_trio], ids=["asyncio", "trio"])


@each_loop
def test_8_9_context_of_the_maker(server: Server, run: Any) -> None:
    """Contract 8.9: the loop and `await` both run callbacks in the context in which the request was made."""
    server.respond("/", "hello")
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    async def main() -> None:
        user.set("Ada")
        first = UrlRequest(server.url, on_finish=lambda _: seen.append(user.get()))
        second = UrlRequest(server.url, on_finish=lambda _: seen.append(user.get()))
        user.set("Grace")
        await first
        await second

    run(main)

    assert ["Ada", "Ada"] == seen


@each_loop
def test_17_8_await(server: Server, run: Any) -> None:
    """Awaiting gives the finished request; its callbacks have run, on the loop's thread."""
    server.respond("/", "hello")
    told: list[Any] = []

    async def main() -> UrlRequest:
        request = UrlRequest(
            server.url,
            on_success=lambda request, result: told.append((result, threading.get_ident())),
            on_finish=lambda request: told.append("finish"),
        )
        assert request is await request
        assert request is await request  # again, at once
        return request

    request = run(main)

    assert "hello" == request.result
    assert [("hello", threading.get_ident()), "finish"] == told


@each_loop
def test_17_8_await_raises_the_error(server: Server, run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An error is raised in the task; so nothing is logged (contract 3.8)."""
    server.play(wait_for("awaited"), reset())

    async def main() -> None:
        # Called by the loop, so not before the task waits.
        if run is run_asyncio:
            asyncio.get_running_loop().call_soon(server.signal, "awaited")
        else:
            sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon(server.signal, "awaited")
        with pytest.raises(ConnectionError) as caught:
            await request
        assert caught.value is request.error

    request = UrlRequest(server.url)
    run(main)

    assert [] == caplog.records


@each_loop
def test_17_8_await_of_a_failure(server: Server, run: Any) -> None:
    """A status that is no success is no error: `resp_status` has it."""
    server.respond("/", "no", status=404)

    async def main() -> Any:
        return (await UrlRequest(server.url)).resp_status

    assert 404 == run(main)


@each_loop
def test_17_8_await_of_a_cancelled_request(server: Server, run: Any) -> None:
    """A request that was cancelled raises RequestCancelled."""
    server.play(hold())

    async def main() -> None:
        request = UrlRequest(server.url)
        threading.Thread(target=request.cancel).start()
        with pytest.raises(RequestCancelled):
            await request

    run(main)


@each_loop
def test_17_8_progress_while_awaiting(server: Server, run: Any) -> None:
    """Progress is delivered while the loop runs other tasks."""
    server.play(send(HEAD + b"o"), wait_for("go"), send(b"k"))
    seen = []

    async def main() -> None:
        def see(request: UrlRequest, current: int, total: int) -> None:
            seen.append(current)
            if current == 1:
                server.signal("go")

        await UrlRequest(server.url, on_progress=see, chunk_size=1)

    run(main)

    assert [0, 1, 2, 2] == seen


@each_loop
def test_17_8_exception_of_a_callback(server: Server, run: Any) -> None:
    """Contract 3.6: what a callback raises comes out of the await; on_finish has run."""
    server.respond("/", "hello")
    finished = []

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await UrlRequest(server.url, on_success=fail, on_finish=finished.append)

    run(main)

    assert 1 == len(finished)


def test_17_8_cancelled_task_of_asyncio(server: Server) -> None:
    """Cancelling the task cancels the request: its callbacks have run and its socket closes at once."""
    server.play(send(HEAD), signal("head"), wait_closed())
    told: list[str] = []
    request = UrlRequest(
        server.url, on_cancel=lambda _: told.append("cancel"), on_finish=lambda _: told.append("finish")
    )

    async def wait() -> None:
        await request

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.to_thread(server.wait, "head")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    server.wait("closed")

    assert ["cancel", "finish"] == told
    assert request.is_cancelled


def test_17_8_timeout_of_asyncio(server: Server) -> None:
    """`asyncio.wait_for` works as on anything else."""
    server.play(hold())
    request = UrlRequest(server.url)

    async def main() -> None:
        await asyncio.wait_for(_task(request), 0.05)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert request.is_cancelled


async def _task(request: UrlRequest) -> UrlRequest:
    return await request


def test_17_8_cancel_scope_of_trio(server: Server) -> None:
    """A cancel scope of trio's cancels the request likewise."""
    trio = pytest.importorskip("trio")
    server.play(send(HEAD), signal("head"), wait_closed())
    told: list[str] = []
    request = UrlRequest(
        server.url, on_cancel=lambda _: told.append("cancel"), on_finish=lambda _: told.append("finish")
    )

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_task, request)
            await trio.to_thread.run_sync(server.wait, "head")
            nursery.cancel_scope.cancel()

    trio.run(main)
    server.wait("closed")

    assert ["cancel", "finish"] == told


def test_17_8_many_at_once(server: Server) -> None:
    """`asyncio.gather` over many requests."""
    server.route("/*", lambda request: _reply(request.path))

    async def main() -> list[Any]:
        with Session(server.url, max_requests=8) as session:
            requests = await asyncio.gather(*(_task(session.request(f"/{number}")) for number in range(50)))
        return [request.result for request in requests]

    assert [f"/{number}" for number in range(50)] == asyncio.run(main())


def _reply(text: str) -> Any:
    from urlrequest.testing import Reply

    return Reply(200, text, {"Content-Type": "text/plain"})


def test_17_8_loop_closed_while_the_request_runs(server: Server) -> None:
    """A loop that ends before the request does no harm to the worker; the outcome can still be had."""
    server.play(send(HEAD), signal("head"), wait_for("go"), send(b"ok"))
    request = UrlRequest(server.url)
    loop = asyncio.new_event_loop()

    async def main() -> Any:
        waiting = request.__await__()
        next(waiting)  # as a task does it that is left behind
        return waiting

    waiting = loop.run_until_complete(main())
    loop.close()
    server.wait("head")
    server.signal("go")
    request.join(20)
    waiting.close()

    assert request.wait(timeout=20)
    assert "ok" == request.result


def test_17_8_without_a_loop(server: Server) -> None:
    """Outside of any loop awaiting is a RuntimeError, and the request is as it was."""
    server.respond("/", "ok")
    request = UrlRequest(server.url)
    with pytest.raises(RuntimeError, match="no running event loop"):
        next(request.__await__())

    assert request.wait(timeout=20)


# as_completed


def test_as_completed_yields_in_the_order_of_completion(server: Server) -> None:
    """Each request comes when it is finished, its callbacks having run on this thread."""
    server.play(send(HEAD), wait_for("slow"), send(b"ok"))
    threads = []

    def see(request: UrlRequest, result: Any) -> None:
        threads.append(threading.get_ident())

    with Session(server.url) as session:
        slow = session.request("/slow", on_success=see)
        while not server.requests:
            slow.join(0.001)
        server.respond("/fast", "ok")
        fast = session.request("/fast", on_success=see)
        order = []
        for request in as_completed([slow, fast, fast]):
            assert request.is_finished
            order.append(request)
            server.signal("slow")

    assert [fast, slow] == order
    assert {threading.get_ident()} == set(threads)


def test_as_completed_of_every_outcome(server: Server) -> None:
    """Errors, failures and cancelled requests come too; a request that was finished before comes at once."""
    server.respond("/", "ok")
    server.respond("/no", status=404)
    with Session(server.url) as session:
        finished = session.request("/")
        finished.wait()
        requests = [finished, session.request("/no", on_failure=print), session.request("http://", on_error=print)]
        cancelled = session.request("/")
        cancelled.cancel()

        assert {*requests, cancelled} == set(as_completed([*requests, cancelled]))


def test_as_completed_of_nothing() -> None:
    """No requests, nothing to wait for."""
    assert [] == list(as_completed([]))


def test_as_completed_timeout(server: Server) -> None:
    """When the time runs out it says so; the requests go on, and may be taken again."""
    server.play(send(HEAD), wait_for("go"), send(b"ok"))
    request = UrlRequest(server.url)
    with pytest.raises(TimeoutError, match="1 requests"):
        list(as_completed([request], timeout=0.05))
    server.signal("go")

    assert [request] == list(as_completed([request], timeout=20))


def test_as_completed_left_early(server: Server) -> None:
    """Leaving the loop leaves the other requests as they are."""
    server.respond("/", "ok")
    with Session(server.url) as session:
        requests = [session.request("/") for _ in range(3)]
        for _ in as_completed(requests):
            break
        for request in requests:
            assert request.wait(timeout=20)
