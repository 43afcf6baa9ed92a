from __future__ import annotations

import asyncio
import sys
import threading
import types
from typing import TYPE_CHECKING

import pytest

import urlrequest
from support.children import output_of
from urlrequest import UrlRequest, hooks
from urlrequest._concurrency.sync import AtomicFlag
from urlrequest._delivery.queue import DefaultQueue
from urlrequest.hooks import AsyncioHook, _detect, current_hook
from urlrequest.hooks._frames import HAS_GIL

if TYPE_CHECKING:
    from collections.abc import Callable


TOOLKITS = {"asyncio", "gi", "kivy", "PyQt5", "PyQt6", "PySide2", "PySide6", "tkinter", "trio", "wx"}


def detection_after(setting: str) -> tuple[str, set[str]]:
    """What a fresh interpreter detects after some imports, and which modules it has loaded for that."""
    script = f"""
import sys
{setting}
from urlrequest.hooks import current_hook
before = set(sys.modules)
hook = current_hook()
print(type(hook).__name__)
print(*set(sys.modules) - before)
"""
    found, loaded = output_of(script).splitlines()
    return found, set(loaded.split())


def test_8_2_detection_imports_nothing() -> None:
    """Contract 8.2: where the application has imported no toolkit, none is looked for."""
    assert ("NoneType", set()) == detection_after("")


def test_8_2_an_imported_module_is_no_loop() -> None:
    """Contract 8.2: that asyncio was imported means nothing where no loop of it runs on this thread."""
    found, loaded = detection_after("import asyncio")

    assert "NoneType" == found
    assert set() == loaded & TOOLKITS


def test_8_2_the_loop_that_runs_on_this_thread() -> None:
    """Contract 8.2: within asyncio its hook is found, the same each time, and it delivers a request's callbacks."""

    async def detect() -> tuple[hooks.Hook | None, hooks.Hook | None]:
        delivered = asyncio.Event()
        UrlRequest("http://a b/", on_error=lambda *_: None, on_finish=lambda _: delivered.set())
        await asyncio.wait_for(delivered.wait(), 20)
        return current_hook(), current_hook()

    first, second = asyncio.run(detect())

    assert isinstance(first, AsyncioHook)
    assert first is second


@pytest.mark.skipif(not HAS_GIL, reason="without the GIL, calls of other threads cannot be read")
def test_8_10_the_loop_whose_worker_a_thread_is() -> None:
    """Contract 8.10: a thread of `asyncio.to_thread()` leads to its loop, wherever that runs; no other one does."""
    found: list[object] = []

    async def look() -> None:
        loop = asyncio.get_running_loop()
        worker = await asyncio.to_thread(threading.get_ident)
        for thread in (worker, threading.main_thread().ident or 0):
            hook = await asyncio.to_thread(AsyncioHook.find, thread)
            found.append(hook and hook._loop is loop)

    thread = threading.Thread(target=asyncio.run, args=(look(),))
    thread.start()
    thread.join(20)

    assert [True, None] == found


def test_8_2_detection_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.2: with `defaults.detect_hook = False` no loop is looked for."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)

    async def detect() -> hooks.Hook | None:
        return current_hook()

    assert asyncio.run(detect()) is None


@pytest.mark.parametrize("step", [_detect.end_at_exit, _detect.reset_after_fork])
def test_8_12_the_process_ends_or_forks_while_a_module_is_imported(
    step: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 8.12: what another thread is only about to import has nothing to end, and nothing to start afresh."""
    monkeypatch.setattr(_detect, "_is_ending", False)
    for name in ("_late", "_base", "_tk"):
        monkeypatch.setitem(sys.modules, f"urlrequest.hooks.{name}", types.ModuleType(name))

    step()


def test_8_12_no_loop_is_looked_for_in_a_process_that_has_begun_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.12: it began to end while the thread that looks for a loop was still importing what it needs."""
    looks: list[object] = []
    monkeypatch.setattr("urlrequest.hooks._late.watch", looks.append)
    monkeypatch.setattr(_detect, "_is_ending", True)

    _detect._watch()

    assert [] == looks


def forget_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as in a process without events that wait, and so without a thread that looks for a loop."""
    monkeypatch.setattr(_detect, "default_queue", DefaultQueue())
    monkeypatch.setattr(_detect, "_is_watched", AtomicFlag())


def test_2_10_no_memory_to_look_for_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: the thread that looks for a loop goes on, so that events which wait are not left to themselves."""
    looks, errors = list[object](), [MemoryError(), MemoryError()]

    def look(find_hook: object) -> None:
        looks.append(find_hook)
        if errors:
            raise errors.pop()

    forget_events(monkeypatch)
    monkeypatch.setattr("urlrequest.hooks._late.watch", look)
    _detect._watch()

    assert [_detect.find_hook] * 3 == looks
    assert not _detect.is_watched()


def test_2_10_no_memory_for_the_thread_that_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: it counts as one that the system does not give; the next event tries again."""

    def fail(*_: object) -> None:
        raise MemoryError

    forget_events(monkeypatch)
    monkeypatch.setattr(_detect, "start_new_thread", fail)
    _detect._start_watch()

    assert not _detect.is_watched()
