"""Jobs for a `WorkerPool`."""

from __future__ import annotations

import threading

from support.waiting import PATIENCE

__all__ = ["Job"]


class Job:
    """Work that ends when it is let go. Jobs that share a log note there that they began."""

    until: float | None = None

    def __init__(self, name: str = "", log: list[str] | None = None, host: str = "h", *, held: bool = False) -> None:
        self.name, self.log, self.host = name, [] if log is None else log, host
        self.begun, self.go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        if not held:
            self.go.set()

    def run(self) -> None:
        self.thread = threading.current_thread()
        self.log.append(self.name)
        self.begun.set()
        assert self.go.wait(PATIENCE)

    def announce(self) -> None:
        self.done.set()

    def fail(self, error: BaseException) -> None:
        self.log.append(f"{self.name} fails")
        self.done.set()
