from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.children import run_python
from urlrequest.hooks import _frames
from urlrequest.hooks._frames import calls_of, running_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


needs_frames = pytest.mark.skipif(not _frames.HAS_GIL, reason="without the GIL, calls of other threads cannot be read")


@pytest.fixture(params=[True, False], ids=["collector", "no collector"])
def has_collector(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether the program has its collector on; frames are read as before CPython 3.12."""
    monkeypatch.setattr(_frames._Reader, "needs_rest", True)
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def while_inside(look: Callable[[int | None], object]) -> None:
    """Call something with the ident of a thread that is inside `outer()` and `inner()`."""
    entered, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=outer, args=(entered, done), name="inside")
    thread.start()
    assert entered.wait(20)
    try:
        look(thread.ident)
    finally:
        done.set()
        thread.join()


def outer(entered: threading.Event, done: threading.Event) -> None:
    depth = "outer"
    inner(entered, done)
    assert depth


def inner(entered: threading.Event, done: threading.Event) -> None:
    depth = "inner"
    entered.set()
    done.wait(20)
    assert depth


@needs_frames
def test_calls_of_a_package_latest_first() -> None:
    """The variables of a thread's calls, those of one package only."""

    def look(thread: int | None) -> None:
        package = __name__.partition(".")[0]
        assert ["inner", "outer"] == [call["depth"] for call in calls_of(thread, package)]
        assert [] == list(calls_of(thread, "asyncio"))
        assert [] != list(calls_of(thread, "threading"))

    while_inside(look)


def test_calls_of_a_thread_that_has_ended() -> None:
    """A thread that is gone, or was never started, is in no call."""
    thread = threading.Thread(target=int, name="gone")
    assert [] == list(calls_of(thread.ident, "threading"))
    thread.start()
    thread.join()
    assert [] == list(calls_of(thread.ident, "threading"))


def test_2_6_no_calls_are_read_without_the_gil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.6: a thread may leave them at any moment there; which threads run is known all the same."""
    with monkeypatch.context() as patch:
        patch.setattr(_frames, "HAS_GIL", False)
        patch.setattr(sys, "_current_frames", None)

        assert [] == calls_of(threading.get_ident(), __name__.partition(".")[0])
        assert threading.get_ident() in running_threads()


def test_threads_that_run() -> None:
    """This thread is one of them, and so is one that was started without `threading`; one that has ended is none."""

    def look(thread: int | None) -> None:
        assert {thread, threading.get_ident()} <= set(running_threads())

    while_inside(look)


def test_2_6_the_collector_rests_while_frames_are_read(has_collector: bool) -> None:
    """Contract 2.6: no thread runs while a frame gets its object: the collector is off then, and as it was before."""

    def fail() -> None:
        assert not gc.isenabled()
        assert not _frames._reader.read(gc.isenabled)
        assert not gc.isenabled()
        raise LookupError

    with pytest.raises(LookupError):
        _frames._reader.read(fail)
    assert has_collector is gc.isenabled()


@needs_frames
def test_2_6_frames_are_read_without_a_collection(has_collector: bool) -> None:
    """Contract 2.6: whatever objects the frames need, none of them starts a collection."""
    found, thresholds, runs = [], gc.get_threshold(), []

    def note(phase: str, _: object) -> None:
        if sys._getframe(1).f_code is _frames._calls_of.__code__:
            runs.append(phase)

    def look(thread: int | None) -> None:
        gc.callbacks.append(note)
        gc.set_threshold(1)
        try:
            found.extend(calls_of(thread, __name__.partition(".")[0]))
        finally:
            gc.set_threshold(*thresholds)
            gc.callbacks.remove(note)

    while_inside(look)

    assert 2 == len(found)
    assert [] == runs
    assert has_collector is gc.isenabled()


def test_2_6_the_collector_goes_on_in_a_child(has_collector: bool) -> None:
    """Contract 2.6: in a child that was forked while another thread read frames, the lock is free, the collector on."""
    reader = _frames._Reader()
    entered, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=reader.read, args=(outer, entered, done), name="reader")
    thread.start()
    assert entered.wait(20)
    assert not gc.isenabled()
    reader.reset_after_fork()

    assert has_collector is gc.isenabled()
    assert 1 == reader.read(int, "1")
    done.set()
    thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_2_6_a_fork_lets_the_collector_go_on() -> None:
    """Contract 2.6: what is above happens in each forked child."""
    script = """
        import gc, os, urlrequest
        from urlrequest.hooks import _frames
        request = urlrequest.UrlRequest("http://a b/")
        request.wait()
        gc.disable()
        _frames._reader.has_stopped = True
        child = os.fork()
        if not child:
            os._exit(not gc.isenabled())
        print(os.waitpid(child, 0)[1])
    """
    assert "0\n" == run_python(script).stdout
