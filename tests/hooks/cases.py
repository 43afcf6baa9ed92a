"""The cases: what every loop has to do, whichever it is. Run by `child.py` in a process of the loop's own."""

from __future__ import annotations

import gc
import statistics
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urlrequest
from hooks.world import BIG, NotApplicable, World, in_thread
from support.waiting import becomes, wait_until
from urlrequest import UrlRequest, hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest.hooks import Hook


@dataclass(frozen=True)
class Case:
    """One promise.

    Attributes:
        needs: What the loop must have, see `Loop.lacks`.
        says_close: The process is good for nothing afterwards.
        is_timed: It asserts something about durations.
    """

    check: Callable[[World], None]
    needs: tuple[str, ...]
    says_close: bool
    is_timed: bool


CASES: dict[str, Case] = {}


def case(
    *needs: str, says_close: bool = False, is_timed: bool = False
) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    def add(check: Callable[[World], None]) -> Callable[[World], None]:
        CASES[check.__name__] = Case(check, needs, says_close, is_timed)
        return check

    return add


# Thread and order


@case()
def success_on_the_loops_thread(w: World) -> None:
    """8.8: all callbacks of a request run on the loop's thread, and the result is there (3.4)."""
    w.run(lambda: w.get("/json", on_success=lambda request, result: w.figures.update(seen=request.result)))
    assert w.all_on(w.thread)
    assert {"a": 1} == w.figures["seen"]
    assert (200, True) == (w.notes[-1].request.resp_status, w.notes[-1].request.is_finished)


@case()
def order_of_events(w: World) -> None:
    """3.1: first progress, then more, then the outcome, then on_finish, and nothing after it."""
    w.run(lambda: w.get("/big", chunk_size=100_000))
    names = w.names()
    assert ["progress"] * (len(names) - 2) + ["success", "finish"] == names
    steps = [note.arguments for note in w.of("progress")]
    assert (0, BIG) == steps[0]
    assert (BIG, BIG) == steps[-1]
    assert sorted(steps) == steps


@case()
def nothing_runs_in_the_constructor(w: World) -> None:
    """3.5: whatever is wrong with a request, its callbacks run later."""

    def first() -> None:
        for url in (w.server.url, "http://a b/", "nonsense://x"):
            before = len(w.notes)
            UrlRequest(url, **w.watch())
            assert before == len(w.notes)

    w.run(first, finishes=3)
    assert 3 == len(w.of("finish"))


@case()
def redirect(w: World) -> None:
    """3.2: a redirect is delivered on the loop's thread."""
    w.run(lambda: w.get("/redirect"))
    assert ["redirect", "finish"] == w.names()[-2:]
    assert w.all_on(w.thread)


@case()
def failure(w: World) -> None:
    """3.2: so is a failure, with its text."""
    w.run(lambda: w.get("/absent"))
    assert "nothing" == w.of("failure")[0].arguments[0]
    assert w.all_on(w.thread)


@case()
def error(w: World) -> None:
    """3.2: so is an error, though it comes before the loop turns once more."""
    w.run(lambda: UrlRequest("http://a b/", **w.watch()))
    assert ["error", "finish"] == w.names()
    assert w.all_on(w.thread)


@case()
def connection_refused(w: World) -> None:
    """16.1: so is an error of the network, as it is."""

    def first() -> None:
        url = w.server.url
        w.server.close()
        UrlRequest(url, **w.watch())

    w.run(first)
    assert isinstance(w.of("error")[0].arguments[0], ConnectionRefusedError)
    assert w.all_on(w.thread)


@case()
def cancel(w: World) -> None:
    """7: so is a cancel, at once."""

    def first() -> None:
        assert w.get("/gate").cancel()

    w.run(first)
    assert ["cancel", "finish"] == w.names()
    assert w.all_on(w.thread)


@case()
def callbacks_are_released(w: World) -> None:
    """3.7: a finished request keeps neither its callbacks nor, with nobody else, itself."""
    found: list[weakref.ref[Any]] = []

    def first() -> None:
        def note(*_: object) -> None: ...

        found.append(weakref.ref(note))
        found.append(weakref.ref(UrlRequest(w.server.url + "/text", on_success=note, on_finish=note)))
        w.loop.later(0, w.stop_when(lambda: not urlrequest.g_requests))

    w.run(first, finishes=0)
    assert _becomes(lambda: not any(reference() for reference in found))


@case()
def context_of_the_maker(w: World) -> None:
    """8.9: callbacks see the context variables as they were where the request was made."""
    import contextvars

    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def see(*_: object) -> None:
        seen.append(user.get())

    def first() -> None:
        for name in ("Ada", "Grace"):
            user.set(name)
            w.get("/text", on_progress=see, on_success=see, on_finish=see)
        user.set("somebody else")

    w.run(lambda: contextvars.copy_context().run(first), finishes=2)
    assert {"Ada", "Grace"} == set(seen)
    assert seen.count("Ada") == seen.count("Grace") >= 3


# Many


@case()
def two_hundred_at_once(w: World) -> None:
    """Each of 200 requests gets its own callbacks, once."""
    made: list[UrlRequest] = []
    w.run(lambda: made.extend(w.get("/text") for _ in range(200)), finishes=200)
    assert [request for request in made if w.names(request)[-2:] != ["success", "finish"]] == []
    assert 400 == len(w.of("success", "finish"))
    assert w.all_on(w.thread)


@case("quick")
def three_thousand_deliveries(w: World) -> None:
    """8.4: as many wake-ups, one after the other, and the process lives on."""
    left = 3000

    def more(*_: object) -> None:
        nonlocal left
        left -= 1
        if left:
            UrlRequest("http://a b/", on_error=more)
        else:
            w.loop.stop()

    w.run(more, finishes=0)
    assert 0 == left


@case()
def progress_flood(w: World) -> None:
    """8.5: 100,000 progress events, and a frame timer that goes on ticking."""
    frames: list[list[float]] = []
    counts = {"events": 0}
    last = [0]

    def progress(request: UrlRequest, current: int, total: int) -> None:
        counts["events"] += 1
        if current:
            assert current >= last[0]
        last[0] = current

    def more(request: UrlRequest | None = None) -> None:
        if counts["events"] < 100_000:
            UrlRequest(w.server.url + "/big", chunk_size=8, on_progress=progress, on_finish=more)
        else:
            w.loop.stop()

    def first() -> None:
        frames.append(w.tick(0.005))
        more()

    w.run(first, finishes=0)
    w.figures.update(counts)
    _smooth(w, frames[0], 0.25)


@case()
def slow_receiver(w: World) -> None:
    """8.5: callbacks of 1 ms in an endless row hold no frame up for longer than the budget and one callback."""
    frames: list[list[float]] = []

    def first() -> None:
        frames.append(w.tick(0.005))
        w.get("/big", chunk_size=800, on_progress=lambda *_: time.sleep(0.001))

    w.run(first)
    assert (BIG, BIG) == w.of("progress")[-1].arguments
    _smooth(w, frames[0], 0.25)


@case()
def slow_receivers(w: World) -> None:
    """8.5: nor do many downloads together, each with more events than there is time for."""
    frames: list[list[float]] = []

    def first() -> None:
        frames.append(w.tick(0.005))
        for _ in range(8):
            w.get("/big", chunk_size=8000, on_progress=lambda *_: time.sleep(0.001))

    w.run(first, finishes=8)
    _smooth(w, frames[0], 0.25)


@case(is_timed=True)
def budget_is_kept(w: World) -> None:
    """8.5: no run takes longer than the budget and one callback."""
    times: list[float] = []

    def first() -> None:
        hook = w.current()
        assert hook is not None
        drain = hook.drain

        def timed(budget: float | None = None) -> bool:
            began = time.thread_time()
            try:
                return drain(budget)
            finally:
                times.append(time.thread_time() - began)

        hook.drain = timed  # type: ignore[method-assign]
        w.get("/big", chunk_size=800, on_progress=lambda *_: _work(0.0005))

    w.run(first)
    w.figures["longest_ms"] = round(max(times) * 1000, 1)
    assert len(times) > 20
    assert max(times) < 0.008 + 0.004


@case("timers", is_timed=True)
def timers_between_budgets(w: World) -> None:
    """8.5: a timer that came due while a budget was spent has its turn before the next one is."""
    drains = is_set = 0
    set_at = 0.0
    spent: set[int] = set()
    waited: dict[int, int] = {}

    def first() -> None:
        hook = w.current()
        assert hook is not None
        drain, limit = hook.drain, hook.budget

        def counted(budget: float | None = None) -> bool:
            nonlocal drains
            drains += 1
            number, began = drains, time.monotonic()
            has_more = drain(budget)
            now = time.monotonic()
            is_due = now - set_at >= limit / 2  # not so where the machine was busy until shortly before
            if has_more and now - began >= limit and is_due:
                spent.add(number)
            return has_more

        hook.drain = counted  # type: ignore[method-assign]
        w.get("/big", chunk_size=800, on_progress=work)

    def work(*_: object) -> None:
        nonlocal is_set, set_at
        if is_set != drains:
            number = is_set = drains
            set_at = time.monotonic()
            w.loop.later(0.001, lambda: waited.update({number: drains - number}))
        _work(0.0005)

    w.run(first)
    waits = [waited[number] for number in spent & waited.keys()]
    assert len(waits) > 20
    assert {0} == set(waits)


@case()
def fair_between_requests(w: World) -> None:
    """8.5: a request with endless events does not hold up the others."""

    def first() -> None:
        w.get("/big", chunk_size=400, on_progress=flood)

    def flood(request: UrlRequest, current: int, total: int) -> None:
        time.sleep(0.0005)
        if current == 400:
            w.get("/text")

    w.run(first, finishes=2)
    assert "hello" == next(note for note in w.of("success")).arguments[0]


@case()
def wakeups_are_merged(w: World) -> None:
    """QUEUE-2: what comes while the loop is busy takes a wake-up or two, not one each."""
    runs: list[int] = []

    def first() -> None:
        hook = w.current()
        assert hook is not None
        wakeup = hook.wakeup
        hook.wakeup = lambda: (runs.append(1), wakeup())[1]  # type: ignore[method-assign]
        for request in [w.get("/text") for _ in range(50)]:
            request.join()

    w.run(first, finishes=50)
    assert len(runs) <= 10  # one more each time that this thread loses the processor for longer than the budget


@case()
def worker_does_not_wait_for_the_loop(w: World) -> None:
    """8.6: while a callback keeps the loop busy, workers get on with their requests to the end."""

    def first() -> None:
        requests = [w.get("/big", chunk_size=800) for _ in range(4)]
        limit = time.monotonic() + 20
        for request in requests:
            request.join(max(0.0, limit - time.monotonic()))
        assert [False] * 4 == [request.is_alive() for request in requests]

    w.run(first, finishes=4)


@case()
def latency(w: World) -> None:
    """8: from ready to callback in an idle loop; a figure, with room for a busy machine."""
    taken: list[float] = []

    class Stamped(UrlRequest):
        def decode_result(self, result: Any, resp: Any) -> Any:
            self.ready_at = time.perf_counter()
            return super().decode_result(result, resp)

    def ask() -> None:
        Stamped(w.server.url + "/text", on_success=answer)

    def answer(request: Stamped, result: Any) -> None:
        taken.append(time.perf_counter() - request.ready_at)
        if len(taken) < 100:
            w.loop.later(0.003, w.guarded(ask))
        else:
            w.loop.stop()

    w.run(ask, finishes=0)
    taken.sort()
    w.figures["latency_us"] = round(statistics.median(taken) * 1e6)
    w.figures["p95_us"] = round(taken[94] * 1e6)
    assert statistics.median(taken) < w.loop.slow * 1.5 + 0.25


# Exceptions


class Oops(Exception):
    """What callbacks raise here."""


def _oops(*_: object) -> None:
    raise Oops


@case()
def exception_in_the_outcome(w: World) -> None:
    """3.6, 8.7: it is reported in the loop's way, on_finish still runs, and the loop goes on."""
    w.run(lambda: w.get("/text", on_success=_oops))
    assert ["Oops"] == [type(error).__name__ for error in w.reported]
    assert ["success", "finish"] == w.names()[-2:]
    w.run(lambda: w.get("/text"))
    assert 2 == len(w.of("finish"))


@case()
def exception_in_progress(w: World) -> None:
    """3.6: the other events still come."""
    w.run(lambda: w.get("/big", chunk_size=400_000, on_progress=_oops))
    assert ["progress"] * 4 + ["success", "finish"] == w.names()
    assert 4 == len(w.reported)


@case()
def exception_in_finish(w: World) -> None:
    """3.6: the request is finished all the same."""
    w.run(lambda: w.get("/text", on_finish=_oops))
    assert 1 == len(w.reported)
    assert w.notes[-1].request.is_finished


@case()
def exceptions_in_many(w: World) -> None:
    """3.6: after one has raised, the rest of what was pending is still delivered."""

    def first() -> None:
        for request in [w.get("/text", on_success=_oops) for _ in range(20)]:
            request.join()

    w.run(first, finishes=20)
    assert 20 == len(w.reported)


@case()
def exception_of_any_class(w: World) -> None:
    """8.7: what is no Exception ends neither loop nor process."""

    class Odd(BaseException):
        pass

    def odd(*_: object) -> None:
        raise Odd

    w.run(lambda: w.get("/text", on_success=odd))
    w.run(lambda: w.get("/text"))
    assert ["Odd"] == [type(error).__name__ for error in w.reported]


@case()
def exception_with_the_usual_report(w: World) -> None:
    """8.7: with nothing changed in how the program reports exceptions, PyQt does not abort, and Kivy goes on."""
    sys.excepthook = sys.__excepthook__
    w.run(lambda: w.get("/text", on_success=_oops))
    w.run(lambda: w.get("/text"))
    assert 2 == len(w.of("finish"))


@case()
def handle_exception_overridden(w: World) -> None:
    """8.7: a hook may report in its own way."""
    seen: list[BaseException] = []

    def first() -> None:
        hook = w.current()
        assert hook is not None
        hook.handle_exception = seen.append  # type: ignore[method-assign]
        w.get("/text", on_success=_oops)

    w.run(first)
    assert (["Oops"], []) == ([type(error).__name__ for error in seen], w.reported)


@case()
def handle_exception_that_fails(w: World) -> None:
    """8.7: a report that raises is logged, and ends nothing either."""

    def first() -> None:
        hook = w.current()
        assert hook is not None
        hook.handle_exception = _oops  # type: ignore[method-assign]
        w.get("/text", on_success=_oops)

    w.run(first)
    w.run(lambda: w.get("/text", hook=w.loop.hook()))
    assert any("handle_exception() failed" in warning for warning in w.warnings())


@case("leaving", says_close=True)
def system_exit(w: World) -> None:
    """8.7: SystemExit of a callback goes the way it goes from any callback of the loop; trio's run goes on."""

    def leave(*_: object) -> None:
        sys.exit(3)

    _leaves(w, leave, SystemExit)


@case("leaving", says_close=True)
def keyboard_interrupt(w: World) -> None:
    """8.7: KeyboardInterrupt leaves loops that carry it, and is reported by the others; nothing aborts."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    sys.excepthook = lambda kind, error, traceback: w.reported.append(error)
    _leaves(w, interrupt, KeyboardInterrupt)


def _leaves(w: World, callback: Callable[..., None], kind: type[BaseException]) -> None:
    try:
        w.run(lambda: w.get("/text", on_success=callback))
    except kind:
        left = True
    else:
        left = False
    assert w.loop.carries == left
    if not left:
        assert [kind] == [type(error) for error in w.reported]
    assert ["success", "finish"] == w.names()[-2:]


# Cancelling


@case()
def cancel_in_progress(w: World) -> None:
    """7.3: from a callback; then only on_cancel and on_finish follow."""
    w.run(lambda: w.get("/big", chunk_size=8, on_progress=lambda request, *_: request.cancel()))
    assert ["progress", "cancel", "finish"] == w.names()


@case()
def cancel_from_another_thread(w: World) -> None:
    """7.1: from any thread; on_cancel runs on the loop's."""

    def first() -> None:
        request = w.get("/gate")
        threading.Thread(target=request.cancel, name="canceller").start()

    w.run(first)
    assert ["cancel", "finish"] == w.names()
    assert w.all_on(w.thread)


@case()
def cancel_of_another_request(w: World) -> None:
    """7: one request's callback cancels another, whose outcome waits already."""

    def first() -> None:
        one = w.get("/text", on_success=lambda *_: two.cancel())
        two = w.get("/text", on_success=lambda *_: one.cancel())
        one.join()
        two.join()

    w.run(first, finishes=2)
    assert ["success", "finish", "cancel", "finish"] == [name for name in w.names() if name != "progress"]


@case()
def cancel_all_at_once(w: World) -> None:
    """7: fifty requests are cancelled in one go, and each reports it once."""

    def first() -> None:
        for _ in range(50):
            w.get("/gate")
        assert 50 == urlrequest.cancel_all()

    w.run(first, finishes=50)
    assert (50, 50) == (len(w.of("cancel")), len(w.of("finish")))
    assert w.all_on(w.thread)


@case()
def flood_and_cancel_from_a_timer(w: World) -> None:
    """7.3: after a cancel on the loop's thread, no progress comes any more."""
    after: list[int] = []

    def first() -> None:
        request = w.get("/big", chunk_size=8, on_progress=lambda *_: time.sleep(0.0002))
        w.loop.later(0.03, lambda: (request.cancel(), after.append(len(w.notes))))

    w.run(first)
    assert ["cancel", "finish"] == w.names()[after[0] :]


# Where requests are made


@case("early_detection", "detection")
def made_before_the_loop_runs(w: World) -> None:
    """8.2, 8.6: with no set-up line; delivered once it runs."""
    w.get("/text").join()
    assert [] == w.notes
    w.run()
    assert w.all_on(w.thread)


@case("early_hook")
def made_before_with_a_hook(w: World) -> None:
    """8.6: with an explicit hook, in a loop that was never run."""
    w.get("/text", hook=w.loop.hook()).join()
    assert [] == w.notes
    w.run()
    assert w.all_on(w.thread)


@case()
def made_inside_callbacks(w: World) -> None:
    """Each of twenty requests is made by the callback of the one before."""

    def more(*_: object) -> None:
        if len(w.of("success")) < 20:
            w.get("/text", on_success=more)

    w.run(lambda: w.get("/text", on_success=more), finishes=20)
    assert 20 == len(w.of("success"))
    assert w.all_on(w.thread)


@case()
def made_on_another_thread_with_a_hook(w: World) -> None:
    """8.8: `hook=` decides, not the thread that makes the request."""

    def first() -> None:
        hook = w.current()
        in_thread(lambda: w.get("/text", hook=hook))

    w.run(first)
    assert w.all_on(w.thread)


@case("other_thread_detection", "detection")
def made_on_another_thread(w: World) -> None:
    """8.2, 8.10: the process's loop is found on any thread, though it has had no request on its own."""
    w.run(lambda: in_thread(lambda: w.get("/text")))
    assert w.all_on(w.thread)


@case()
def installed(w: World) -> None:
    """8.1: `install()` goes before detection, on every thread, until `uninstall()`."""

    def first() -> None:
        hook = hooks.ManualHook()
        assert hook is urlrequest.install(hook)
        made.append(w.get("/text"))
        assert hook is in_thread(w.current)
        urlrequest.uninstall()
        assert hook is not w.current()
        made[0].join()
        assert [] == w.notes
        hook.drain()

    made: list[UrlRequest] = []
    w.run(first)
    assert ["success", "finish"] == w.names()[-2:]


@case("detection")
def install_without_a_hook(w: World) -> None:
    """8.1: `install()` alone installs the hook that is detected, for other threads too."""

    def first() -> None:
        hook = urlrequest.install()
        assert hook is not None
        assert hook is in_thread(w.current)
        in_thread(lambda: w.get("/text"))

    w.run(first)
    assert w.all_on(w.thread)


@case()
def hook_of_the_request_first(w: World) -> None:
    """8.1: `hook=` goes before an installed one."""

    def first() -> None:
        hook = w.current()
        urlrequest.install(hooks.ManualHook())
        w.get("/text", hook=hook)

    w.run(first)
    assert w.all_on(w.thread)


@case("detection")
def detected_once(w: World) -> None:
    """8.2: the loop's own hook is found, the same for all requests."""
    found: list[Any] = []

    def first() -> None:
        found.extend([w.current(), w.current()])
        w.get("/text")

    w.run(first)
    assert found[0] is found[1]
    assert HOOK_NAMES[w.loop.title] == type(found[0]).__name__


HOOK_NAMES = {
    "asyncio": "AsyncioHook",
    "uvloop": "AsyncioHook",
    "trio": "TrioHook",
    "tk": "TkHook",
    "tk update()": "TkHook",
    "tk polling": "TkHook",
    "PySide6": "QtHook",
    "PyQt6": "QtHook",
    "GLib": "GLibHook",
    "GTK 3": "GLibHook",
    "wx": "WxHook",
    "Kivy": "KivyHook",
}


@case("detection")
def detection_turned_off(w: World) -> None:
    """8.2, 8.3: with `defaults.detect_hook` False, events wait for `drain()`."""

    def first() -> None:
        urlrequest.defaults.detect_hook = False
        try:
            request = w.get("/text")
        finally:
            urlrequest.defaults.detect_hook = True
        request.join()
        w.loop.later(0.05, w.guarded(drain))

    def drain() -> None:
        assert [] == w.notes
        urlrequest.drain()

    w.run(first)
    assert w.all_on(w.thread)


@case("detection", is_timed=True)
def detection_is_cheap(w: World) -> None:
    """8.2: finding the hook costs a few microseconds in the loop."""

    def first() -> None:
        w.current()
        began = time.thread_time()
        for _ in range(1000):
            w.current()
        w.figures["detect_us"] = round((time.thread_time() - began) * 1000, 2)
        w.loop.stop()

    w.run(first, finishes=0)
    assert w.figures["detect_us"] < 100


@case("detection")
def asyncio_in_another_thread(w: World) -> None:
    """8.2: a request made in an asyncio loop of another thread is delivered there, others in the process's loop.

    Kivy delivers all.
    """
    import asyncio

    threads: dict[str, int] = {}

    def other() -> None:
        async def main() -> None:
            done = asyncio.Event()
            threads["other"] = threading.get_ident()
            loop = asyncio.get_running_loop()

            def finish(_: UrlRequest) -> None:
                there.append(threading.get_ident())
                loop.call_soon_threadsafe(done.set)

            UrlRequest(w.server.url + "/text", on_finish=finish)
            await done.wait()

        asyncio.run(main())

    there: list[int] = []

    def first() -> None:
        thread = threading.Thread(target=other, name="asyncio")
        thread.start()
        w.get("/text")
        w.loop.later(0, w.stop_when(lambda: not thread.is_alive() and bool(w.of("finish"))))

    w.run(first, finishes=0)
    assert [w.thread if w.loop.owns_all_threads else threads["other"]] == there
    assert w.all_on(w.thread)


# The life of the loop


@case("restart")
def stopped_and_run_again(w: World) -> None:
    """8.6: what is ready while the loop stands still is delivered when it runs again."""
    made: list[UrlRequest] = []

    def first() -> None:
        made.append(w.get("/gate"))
        w.loop.later(0.01, w.loop.stop)

    w.run(first, finishes=0)
    assert [] == w.notes
    w.gate.set()
    made[0].join()
    assert [] == w.notes
    w.run()
    assert ["success", "finish"] == w.names()[-2:]
    assert w.all_on(w.thread)


@case("restart", "detection")
def drained_while_it_stands_still(w: World) -> None:
    """8.3: where a loop that was found does not run, `drain()` on its thread delivers; the loop can run again."""
    made: list[UrlRequest] = []

    def first() -> None:
        made.extend(w.get("/gate", chunk_size=1) for _ in range(3))
        w.loop.later(0.01, w.loop.stop)

    w.run(first, finishes=0)
    w.gate.set()
    for request in made:
        request.join()
    assert [] == w.notes
    in_thread(urlrequest.drain)
    assert [] == w.notes
    assert _becomes(lambda: (urlrequest.drain(0.0), len(w.of("finish")) == 3)[1])
    assert w.all_on(w.thread)
    w.run(lambda: w.get("/text"))
    assert 4 == len(w.of("finish"))
    assert [] == w.warnings()


@case("early_detection", "detection")
def drained_before_it_runs(w: World) -> None:
    """8.3: so it is where the loop has not begun yet: a hidden root, an application object without exec()."""
    w.get("/text").join()
    assert [] == w.notes
    assert _becomes(lambda: (urlrequest.drain(0.004), bool(w.of("finish")))[1])
    assert w.all_on(w.thread)


@case()
def run_many_times(w: World) -> None:
    """Loops begun and ended, one after the other, as tests do it: each delivers its own requests."""
    for _ in range(5):
        w.run(lambda: w.get("/text"))
        w.loop.end()
        w.loop.begin()
    assert 5 == len(w.of("finish"))
    assert w.all_on(w.thread)


@case("destruction", says_close=True)
def destroyed_with_requests_in_flight(w: World) -> None:
    """8.6: it is logged once, no worker dies of it, and `drain()` delivers."""
    made: list[UrlRequest] = []

    def first() -> None:
        made.extend(w.get("/gate") for _ in range(5))
        w.loop.later(0.02, w.loop.stop)

    w.run(first, finishes=0)
    w.loop.destroy()
    w.gate.set()
    for request in made:
        request.join()
    _drains(w, 5)


@case("destruction", says_close=True)
def destroyed_with_a_wakeup_on_its_way(w: World) -> None:
    """8.6: so it is where the loop was woken, and ended before it came to it."""

    def first() -> None:
        for _ in range(5):
            w.get("/absent").join()
        w.loop.stop()

    w.run(first, finishes=0)
    if w.notes:  # a loop may still take its turn
        raise NotApplicable("the loop delivers what is ready when it is stopped")
    w.loop.destroy()
    _drains(w, 5)


def _drains(w: World, finishes: int) -> None:
    gc.collect()
    assert _becomes(lambda: (urlrequest.drain(), len(w.of("finish")) == finishes)[1]), w.names()
    assert 1 == len([text for text in w.messages() if "gone" in text]), w.messages()
    assert [] == w.warnings()
    assert w.all_on(w.thread)


@case("destruction", says_close=True)
def destroyed_and_waited_for(w: World) -> None:
    """6.3, 8.6: `wait()` delivers what a destroyed loop does not."""
    made: list[UrlRequest] = []

    def first() -> None:
        made.append(w.get("/gate"))
        w.loop.later(0.02, w.loop.stop)

    w.run(first, finishes=0)
    w.loop.destroy()
    w.gate.set()
    assert made[0].wait(timeout=20)
    assert ["success", "finish"] == w.names()[-2:]


@case("destruction", "detection", says_close=True)
def made_after_the_end(w: World) -> None:
    """8.2: a loop that has gone is not found any more; `wait()` and `drain()` deliver."""
    w.run(lambda: w.get("/text"))
    w.loop.destroy()
    assert w.current() is None
    assert w.get("/text").wait(timeout=20)
    assert [] == w.warnings()


@case("destruction", says_close=True)
def destroyed_in_peace(w: World) -> None:
    """8.6: a loop that ends with nothing left to deliver is nothing to talk about."""
    w.run(lambda: w.get("/text"))
    w.loop.destroy()
    gc.collect()
    assert [] == w.warnings()


@case()
def closed_hook(w: World) -> None:
    """A hook that was closed leaves its events to `drain()`, those that come later too."""

    def first() -> None:
        hook = w.current()
        assert hook is not None
        urlrequest.defaults.detect_hook = False  # else the loop would get them again, by another hook
        text, late = w.get("/text"), w.get("/gate", hook=hook)
        wait_until(lambda: not text.is_alive())
        hook.close()
        hook.close()
        w.gate.set()
        wait_until(lambda: not late.is_alive())
        w.loop.later(0.05, w.guarded(drain))

    def drain() -> None:
        assert [] == w.notes
        urlrequest.drain()
        urlrequest.defaults.detect_hook = True

    w.run(first, finishes=2)
    assert [] == w.warnings()
    if w.loop.is_detected:
        w.run(lambda: w.get("/text"))
        assert 3 == len(w.of("finish"))


# wait() and nested loops


@case()
def wait_inside_a_callback(w: World) -> None:
    """6.3: another request, waited for in a callback, is delivered there and then."""
    order: list[str] = []

    def wait(*_: object) -> None:
        assert w.get("/text", on_success=lambda *_: order.append("inner")).wait(timeout=20)
        order.append("outer")

    w.run(lambda: w.get("/text", on_success=wait), finishes=2)
    assert ["inner", "outer"] == order
    assert w.all_on(w.thread)


@case()
def wait_for_itself(w: World) -> None:
    """6.3: inside on_progress, `wait()` delivers to the end; inside the outcome it returns at once."""

    def progress(request: UrlRequest, current: int, total: int) -> None:
        if not current:
            assert request.wait(timeout=20)
            assert request.is_finished

    w.run(
        lambda: w.get("/big", chunk_size=80_000, on_progress=progress, on_success=lambda request, _: request.wait()),
    )
    assert ["success", "finish"] == w.names()[-2:]
    assert 1 == len(w.of("success"))


@case()
def wait_all_inside_a_callback(w: World) -> None:
    """6.4: the same for many."""

    def wait(*_: object) -> None:
        assert urlrequest.wait_all([w.get("/text") for _ in range(10)], timeout=20)
        assert 10 == len(w.of("finish"))

    w.run(lambda: w.get("/text", on_success=wait), finishes=11)
    assert w.all_on(w.thread)


@case()
def wait_in_a_timer(w: World) -> None:
    """6.3: `wait()` outside callbacks, on the loop's thread, while other requests go on."""

    def first() -> None:
        w.get("/gate")
        assert w.get("/text").wait(timeout=20)
        assert 1 == len(w.of("finish"))
        w.gate.set()

    w.run(first, finishes=2)
    assert w.all_on(w.thread)


@case()
def wait_on_another_thread(w: World) -> None:
    """6.3: a thread that waits gets the callbacks; the loop delivers the other requests."""
    idents: dict[str, int] = {}

    def wait() -> None:
        idents["scope"] = threading.get_ident()
        waited.wait(timeout=20)

    def first() -> None:
        nonlocal waited
        waited = w.get("/gate")
        thread = threading.Thread(target=wait, name="scope")
        thread.start()
        assert _becomes(lambda: bool(waited._urlrequest_call.mailbox._subscriptions))
        w.gate.set()
        thread.join()
        w.get("/text")

    waited: Any = None
    w.run(first, finishes=2)
    assert {idents["scope"]} == {note.thread for note in w.notes if note.request is waited}
    assert {w.thread} == {note.thread for note in w.notes if note.request is not waited}


@case("nesting")
def nested_loop(w: World) -> None:
    """A callback that opens a dialog: other requests, made before and in it, are delivered meanwhile."""
    order: list[str] = []

    def dialog(*_: object) -> None:
        w.get("/text", on_finish=lambda _: order.append("made within"))
        w.gate.set()
        w.loop.nest(lambda: len(order) == 2)
        order.append("closed")

    def first() -> None:
        w.get("/gate", on_finish=lambda _: order.append("made before"))
        w.get("/text", on_success=dialog)

    w.run(first, finishes=3)
    assert ["closed", "made before", "made within"] == sorted(order)
    assert "closed" == order[-1]
    assert w.all_on(w.thread)


@case("nesting")
def nested_loop_with_others_ready(w: World) -> None:
    """A dialog in the first of several callbacks that were ready together: the rest comes while it is open."""

    def dialog(*_: object) -> None:
        if len(w.of("success")) == 1:
            w.loop.nest(lambda: len(w.of("success")) == 5)

    def first() -> None:
        for request in [w.get("/text", on_success=dialog) for _ in range(5)]:
            request.join()

    w.run(first, finishes=5)
    assert w.all_on(w.thread)


@case("nesting")
def nested_loops_in_a_row(w: World) -> None:
    """Dialogs over dialogs, each opened by a callback within the one before."""
    depth: list[int] = []

    def dialog(*_: object) -> None:
        depth.append(1)
        if len(depth) < 4:
            w.get("/text", on_success=dialog)
            w.loop.nest(lambda: len(depth) == 4)

    w.run(lambda: w.get("/text", on_success=dialog), finishes=4)
    assert 4 == len(depth)


@case("nesting")
def nested_loop_in_progress(w: World) -> None:
    """A dialog in on_progress: the request's own events wait, in order (3.5), others do not."""
    other: list[UrlRequest] = []

    def progress(request: UrlRequest, current: int, total: int) -> None:
        if not current:
            other.append(w.get("/text"))
            w.loop.nest(lambda: other[0].is_finished)

    w.run(lambda: w.get("/big", chunk_size=80_000, on_progress=progress), finishes=2)
    mine = [note.arguments[0] for note in w.of("progress") if note.request is not other[0]]
    assert sorted(mine) == mine
    assert w.all_on(w.thread)


# Several loops, nothing left over


@case("another")
def two_loops_in_two_threads(w: World) -> None:
    """8.2: each delivers its own requests, at the same time."""
    other = World(w.loop.another())
    outcome: list[Any] = []

    def drive() -> None:
        other.thread = threading.get_ident()
        other.server = w.server
        other.loop.begin()
        other.run(lambda: [other.get("/text") for _ in range(20)], finishes=20)
        outcome.append(other.all_on(other.thread))
        other.loop.end()

    thread = threading.Thread(target=drive, name="second loop")
    thread.start()
    w.run(lambda: [w.get("/text") for _ in range(20)], finishes=20)
    thread.join()
    assert [True] == outcome
    assert w.all_on(w.thread)


@case("another")
def no_loop_is_kept(w: World) -> None:
    """A hook keeps no loop, and a loop that has gone leaves no hook."""
    found: list[weakref.ref[Any]] = []

    def drive() -> None:
        other = World(w.loop.another())
        other.server = w.server
        other.loop.begin()

        def first() -> None:
            hook = other.current()
            assert hook is not None
            found.append(weakref.ref(hook))
            found.append(weakref.ref(hook._loop))
            other.get("/text")

        other.run(first)
        other.loop.end()

    for _ in range(5):
        drive()
    assert _becomes(lambda: not any(reference() for reference in found))


@case()
def no_hook_is_kept(w: World) -> None:
    """A hook that was closed and forgotten is gone."""
    found: list[weakref.ref[Hook]] = []

    def first() -> None:
        hook = w.loop.hook()
        found.append(weakref.ref(hook))
        w.get("/text", hook=hook).wait(timeout=20)
        hook.close()

    w.run(first)
    w.notes.clear()
    w.run(lambda: w.get("/text"))
    if w.loop.is_detected:
        assert _becomes(lambda: found[0]() is None), gc.get_referrers(found[0]())


@case()
def no_threads_left(w: World) -> None:
    """The hook has none; what is there belongs to the workers and the server."""
    w.run(lambda: [w.get("/text") for _ in range(10)], finishes=10)
    others = [
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.name.startswith("urlrequest-")
    ]
    assert [] == others


@case()
def no_descriptors_left(w: World) -> None:
    """Loops and hooks made, used and closed by the dozen leave no descriptor open."""

    def use() -> None:
        w.run(once)
        w.loop.end()
        w.loop.begin()

    def once() -> None:
        hook = w.loop.hook()
        w.get("/text", hook=hook).wait(timeout=20)
        hook.close()
        w.get("/text")

    def count() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    if not w.loop.is_detected:
        raise NotApplicable("the loop has no descriptors")
    for _ in range(3):
        w.run(once, finishes=2)
        w.loop.end()
        w.loop.begin()
    before = count()
    for _ in range(12):
        w.run(once, finishes=2)
        w.loop.end()
        w.loop.begin()
    w.figures["descriptors"] = (before, count())
    assert _becomes(lambda: count() <= before)


# Help


def _becomes(is_so: Callable[[], bool]) -> bool:
    """Whether something becomes so soon; workers tidy up after the event that a test has seen."""

    def look() -> bool:
        gc.collect()
        return is_so()

    return becomes(look)


def _smooth(w: World, frames: list[float], most: float) -> None:
    gaps = [later - earlier for earlier, later in pairwise(frames)]
    assert len(gaps) > 5, len(gaps)
    gaps.sort()
    w.figures["frames"] = len(gaps)
    w.figures["longest_gap_ms"] = round(gaps[-1] * 1000, 1)
    assert gaps[int(len(gaps) * 0.9)] < most + w.loop.slow, gaps[-10:]


def _work(seconds: float) -> None:
    """Use the processor, so that `time.thread_time()` sees it."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
