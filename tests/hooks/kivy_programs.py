"""Programs of Kivy's, each run by `test_kivy.py` in a process of its own: `python -m hooks.kivy_programs PROGRAM`.

They need no screen: something that does nothing plays the part of the window.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import trustme

import urlrequest
from support.certificates import NAMES, context_of
from support.waiting import becomes
from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 20.0  # seconds


def open_window() -> None:
    """Have something that plays the part of the window."""
    from kivy.base import EventLoop

    EventLoop.window = window = MagicMock()
    EventLoop.add_event_listener(window)


class Calls:
    """The callbacks of requests: each is noted with its thread and its arguments."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, Any]] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, name: str) -> Callable[..., None]:
        def callback(_: UrlRequest, *arguments: Any) -> None:
            self.threads.add(threading.current_thread())
            self.notes.append((name, arguments))

        return callback

    def all(self) -> dict[str, Callable[..., None]]:
        names = ("success", "redirect", "failure", "error", "progress", "cancel", "finish")
        return {f"on_{name}": self(name) for name in names}

    def check_order(self, outcome: str) -> None:
        """Progress from 0 to the end, then the outcome, then on_finish; all of them on the main thread."""
        names = [name for name, _ in self.notes]
        assert [outcome, "finish"] == names[-2:], names
        assert {"progress"} >= set(names[:-2]), names
        sizes = [arguments[0] for name, arguments in self.notes if name == "progress"]
        assert not sizes or (0 == sizes[0] and sorted(sizes) == sizes)
        assert {threading.main_thread()} == self.threads


# A Clock of its own for each case, ticked by hand, as in Kivy's tests of its class


@contextmanager
def own_clock() -> Iterator[Any]:
    """Push a context with a new Clock, as Kivy's fixture for tests does."""
    from kivy.clock import Clock, ClockBase
    from kivy.context import Context

    context = Context(init=False)
    context["Clock"] = ClockBase()
    context.push()
    try:
        yield Clock
    finally:
        context.pop()


def tick(clock: Any, request: UrlRequest) -> None:
    """Tick by hand until the request is finished."""
    assert becomes(lambda: (clock.tick(), request.is_finished)[1])


def answer(request: Any) -> Reply:
    """What the server of these cases says."""
    if request.path == "/failure":
        return Reply(404, "nothing", {"Content-Type": "text/plain"})
    if request.path == "/redirect":
        return Reply(302, "", {"Location": "/"})
    if request.path == "/secret" and request.header("Authorization") != "Basic VXNlcjpXb3Jk":
        return Reply(401, "", {"WWW-Authenticate": 'Basic realm="x"'})
    return Reply(200, b"x" * 20_000, {"Content-Type": "text/plain"})


def clock_ticked_by_hand() -> None:
    """Each case delivers with its own Clock, whatever happened to the Clocks before it."""
    authority = trustme.CA()
    with (
        Server(handler=answer) as server,
        Server(handler=answer, tls=context_of(authority.issue_cert(*NAMES))) as secure,
    ):
        host = server.url.removeprefix("http://")
        cases: list[tuple[str, str, dict[str, Any]]] = [
            (server.url, "success", {}),
            (server.url + "/failure", "failure", {}),
            (server.url + "/redirect", "redirect", {}),
            ("http://a b/", "error", {}),
            (server.url + "/secret", "success", {"req_headers": {"Authorization": "Basic VXNlcjpXb3Jk"}}),
            (server.url + "/secret", "success", {"auth": ("User", "Word")}),
            (f"http://User:Word@{host}/secret", "success", {}),
            (server.url, "success", {"chunk_size": 1000}),
        ]
        with authority.cert_pem.tempfile() as ca_file:
            cases += [(secure.url, "success", {"ca_file": ca_file}), (secure.url, "error", {})]
            for url, outcome, options in cases:
                calls = Calls()
                with own_clock() as clock:
                    tick(clock, UrlRequest(url, **calls.all(), **options))
                calls.check_order(outcome)
        late, calls = Calls(), Calls()
        with own_clock():
            abandoned = UrlRequest(server.url, on_finish=late("finish"))
            abandoned.join()
            assert becomes(abandoned._urlrequest_call.mailbox._queued.locked)
        with own_clock() as clock:
            request = UrlRequest(server.url, **calls.all())
            tick(clock, request)
            assert becomes(lambda: (clock.tick(), abandoned.is_finished)[1])
        calls.check_order("success")
    assert "kivy.base" not in sys.modules, "the Clock alone drives it"


def clock_after_an_app() -> None:
    """The same where an app has run, and was closed, before."""
    from kivy.base import EventLoop, runTouchApp, stopTouchApp
    from kivy.clock import Clock

    open_window()
    Clock.schedule_once(lambda _: stopTouchApp())
    runTouchApp()
    assert "closed" == EventLoop.status
    calls = Calls()
    with Server(handler=answer) as server, own_clock() as clock:
        tick(clock, UrlRequest(server.url, **calls.all()))
    calls.check_order("success")


# Apps


def app_that_runs_twice() -> None:
    """Requests of build(), on_start() and on_stop() are delivered, in the second run too."""
    from kivy.app import App
    from kivy.base import stopTouchApp
    from kivy.clock import Clock

    calls: list[tuple[int, str]] = []
    run = 0

    def ask(where: str) -> UrlRequest:
        made_in = f"{run} {where}"
        return UrlRequest(server.url, on_success=lambda *_: calls.append((run, made_in)))

    class Program(App):
        def build(self) -> None:
            open_window()
            ask("build")

        def on_start(self) -> None:
            ask("on_start")
            Clock.schedule_interval(self.look, 0.01)
            Clock.schedule_once(lambda _: stopTouchApp(), LONGEST)

        def look(self, _: float) -> None:
            if len(calls) == (2 if run == 1 else 5):
                stopTouchApp()

        def on_stop(self) -> None:
            Clock.unschedule(self.look)
            ask("on_stop").join()

    with Server(handler=answer) as server:
        for run in (1, 2):  # noqa: B007 - read by `ask()`
            Program().run()
        assert [(1, "1 build"), (1, "1 on_start")] == sorted(calls[:2])
        assert [(2, "1 on_stop"), (2, "2 build"), (2, "2 on_start")] == sorted(calls[2:]), calls
        Clock.tick()  # the Clock goes on without an app
        assert [(2, "2 on_stop")] == calls[5:]


class Oops(Exception):
    """What callbacks raise here."""


def fail(*_: object) -> None:
    raise Oops


def exceptions_under(run: Callable[[Any], object]) -> None:
    """What a callback raises goes to the ExceptionManager; where that says RAISE, to `sys.excepthook`."""
    from kivy.app import App
    from kivy.base import ExceptionHandler, ExceptionManager
    from kivy.clock import Clock

    seen: list[tuple[str, type[BaseException]]] = []

    class Handler(ExceptionHandler):
        verdict = ExceptionManager.PASS

        def handle_exception(self, exception: BaseException) -> int:
            seen.append(("manager", type(exception)))
            assert sys.exc_info()[1] is exception
            return self.verdict

    class Program(App):
        def build(self) -> None:
            open_window()
            Clock.schedule_once(lambda _: self.stop(), LONGEST)
            UrlRequest(server.url, on_success=fail, on_finish=self.again)

        def again(self, _: UrlRequest) -> None:
            Clock.schedule_once(self.ask_again)

        def ask_again(self, _: float) -> None:
            handler.verdict = ExceptionManager.RAISE
            UrlRequest(server.url, on_success=fail, on_finish=self.end)

        def end(self, _: UrlRequest) -> None:
            threads.add(threading.current_thread())
            Clock.schedule_once(lambda _: self.stop(), 0.1)

    threads: set[threading.Thread] = set()
    handler = Handler()
    ExceptionManager.add_handler(handler)
    sys.excepthook = lambda kind, *_: seen.append(("excepthook", kind))
    with Server(handler=answer) as server:
        run(Program())
    sys.excepthook = sys.__excepthook__
    assert [("manager", Oops), ("manager", Oops), ("excepthook", Oops)] == seen, seen
    assert {threading.main_thread()} == threads


def exceptions() -> None:
    """Under `run()`."""
    exceptions_under(lambda app: app.run())


def exceptions_in_asyncio() -> None:
    """Under `async_run()` of asyncio."""
    exceptions_under(lambda app: asyncio.run(app.async_run()))


def exceptions_in_trio() -> None:
    """Under `async_run()` of trio."""
    import trio

    exceptions_under(lambda app: trio.run(app.async_run, "trio"))


def merely_imported() -> None:
    """Where Kivy has not begun, a main thread that runs asyncio has its own callbacks."""
    import kivy.base
    import kivy.clock

    done: list[str] = []

    async def main() -> None:
        await UrlRequest(server.url, on_success=lambda *_: done.append("awaited"))
        UrlRequest(server.url, on_success=lambda *_: done.append("called back"))
        for _ in range(2000):
            if len(done) == 2:
                return
            await asyncio.sleep(0.01)

    with Server(handler=answer) as server:
        asyncio.run(main())
        assert ["awaited", "called back"] == done
        request = UrlRequest(server.url, on_success=lambda *_: done.append("drained"))
        assert becomes(lambda: (urlrequest.drain(), request.is_finished)[1])
    assert kivy.clock.Clock.frames == 0


def arguments_of_events() -> None:
    """What a property or an event passes on after the program's own arguments ends no program (contract 2.3)."""
    from kivy.event import EventDispatcher
    from kivy.properties import ListProperty, NumericProperty, StringProperty

    class Widget(EventDispatcher):
        text, size, value = StringProperty(), ListProperty(), NumericProperty()
        __events__ = ("on_drop_file",)

        def on_drop_file(self, *_: object) -> None:
            """The files are the business of who binds it."""

    calls, widget = Calls(), Widget()
    with own_clock() as clock, Server(handler=answer) as server:
        request = partial(UrlRequest, server.url, calls("success"))
        widget.bind(text=request, size=request, value=request, on_drop_file=request)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", RuntimeWarning)
            widget.text, widget.size, widget.value = "text", [1, 2], 3
            widget.dispatch("on_drop_file", b"name", 4, 5)
        assert ["Widget", "str", "Widget", "ObservableList"] == [str(each.message).split()[2][:-1] for each in warned][
            :4
        ]
        assert becomes(lambda: (clock.tick(), len(calls.notes) == 4)[1])


PROGRAMS = [
    arguments_of_events,
    clock_ticked_by_hand,
    clock_after_an_app,
    app_that_runs_twice,
    exceptions,
    exceptions_in_asyncio,
    exceptions_in_trio,
    merely_imported,
]

if __name__ == "__main__":
    {program.__name__: program for program in PROGRAMS}[sys.argv[1]]()
