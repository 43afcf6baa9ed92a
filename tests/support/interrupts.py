"""Ctrl-C at the one moment that tests cannot reach by themselves: when the main thread is about to sleep."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urlrequest._concurrency import wakeup
from urlrequest._concurrency.sync import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

__all__ = ["press_ctrl_c"]


@contextmanager
def press_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Press Ctrl-C once this thread is about to sleep.

    A signal in the last moment before the sleep is one that Python sees to afterwards, so it is pressed until it has
    had its effect, once.
    """
    main, sleeping, over = threading.get_ident(), threading.Event(), threading.Event()

    def watched(sleep: Callable[[Any, float | None], Any]) -> Callable[[Any, float | None], Any]:
        def watch(sleeper: Any, seconds: float | None) -> Any:
            if threading.get_ident() == main:
                sleeping.set()
            return sleep(sleeper, seconds)

        return watch

    def interrupt(*_: object) -> None:
        if not over.is_set():
            over.set()
            raise KeyboardInterrupt

    def press() -> None:
        sleeping.wait()
        while not over.is_set():
            signal.pthread_kill(main, signal.SIGINT)
            over.wait(0.1)

    monkeypatch.setattr(Signal, "wait", watched(Signal.wait))
    monkeypatch.setattr(wakeup.EventFdWaker, "sleep", watched(wakeup.EventFdWaker.sleep))
    before = signal.signal(signal.SIGINT, interrupt)
    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        over.set()
        sleeping.set()
        thread.join(20)
        signal.signal(signal.SIGINT, before)
