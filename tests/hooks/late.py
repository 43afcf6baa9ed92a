"""Programs whose requests have no loop when they need one. Run by `test_late.py`, each in a process of its own.

Run as `python -m hooks.late SCENE LOOP` by the Python that has the toolkit. Prints on which thread the callback came,
and how often it was said that a loop is gone.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from hooks.loops import LOOPS
from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hooks.loops import Loop
    from urlrequest.testing import RecordedRequest

LONGEST = 20.0  # seconds; only a program whose callback does not come takes that long


class Program:
    """One program."""

    def __init__(self, loop: Loop, server: Server) -> None:
        self.loop = loop
        self.server = server
        self.gate = threading.Event()
        self.threads: list[str] = []
        self.messages: list[str] = []
        server.route("/", self.answer)
        handler = logging.Handler()
        logging.getLogger("urlrequest").setLevel("INFO")
        handler.emit = lambda record: self.messages.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("urlrequest").addHandler(handler)

    def answer(self, _: RecordedRequest) -> Reply:
        self.gate.wait(LONGEST)
        return Reply(body="x")

    def request(self) -> UrlRequest:
        return UrlRequest(self.server.url, on_success=self.note)

    def note(self, *_: object) -> None:
        self.threads.append("main" if threading.current_thread() is threading.main_thread() else "another")
        self.loop.stop()

    def run(self, scene: str) -> None:
        getattr(self, scene)()
        endings = len([text for text in self.messages if "gone" in text])
        sys.stdout.write(" ".join([*self.threads, str(endings)]))

    def made_first(self) -> None:
        """The request is made, and ends, before the toolkit is imported."""
        self.gate.set()
        self.request().join()
        self.loop.begin()
        self.loop.run(lambda: self.loop.later(LONGEST, self.loop.stop))

    def made_in_a_loop_that_ends(self) -> None:
        """It is made in a loop of asyncio's on another thread, which has ended when the answer comes."""

        async def main() -> None:
            self.request()

        def first() -> None:
            thread = threading.Thread(target=asyncio.run, args=(main(),), name="asyncio")
            thread.start()
            thread.join()
            self.gate.set()
            self.loop.later(LONGEST, self.loop.stop)

        self.loop.begin()
        self.loop.run(first)

    def closed_in_mid_download(self) -> None:
        """The loop ends, and then the process, while a download reports its progress."""
        logging.getLogger("urlrequest").handlers.clear()  # what is a warning goes to stderr, also at the end
        text = b"x" * 10_000

        def answer(_: RecordedRequest) -> Reply:
            def pieces() -> Iterator[bytes]:
                while not self.gate.wait(0.005):
                    yield text

            return Reply(body=pieces())

        def first() -> None:
            UrlRequest(self.server.url + "/endless", on_progress=leave, on_success=print, chunk_size=1000)

        def leave(request: UrlRequest, *_: object) -> None:
            request.on_progress = None  # a loop that is about to end takes no more timers
            self.loop.later(0.02, self.loop.stop)

        self.server.route("/endless", answer)
        self.loop.begin()
        self.loop.run(first)
        with suppress(NotImplementedError, AssertionError):  # some have ended with run(), or never do
            self.loop.destroy()

    def made_on_a_thread(self) -> None:
        """It is made on a thread of the program's."""

        def first() -> None:
            thread = threading.Thread(target=self.request, name="worker")
            thread.start()
            thread.join()
            self.gate.set()
            self.loop.later(LONGEST, self.loop.stop)

        self.loop.begin()
        self.loop.run(first)


if __name__ == "__main__":
    server = Server().start()  # up to the end of the process
    Program(LOOPS[sys.argv[2]](), server).run(sys.argv[1])
