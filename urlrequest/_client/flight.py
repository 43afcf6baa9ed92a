"""Flight: a simple request that was launched (see `_engine.launch`), until it is over or a worker has it.

It was sent by the thread that made it; or by a worker, which then has left it, as many others are on their way. Such a
request has a slot, but no worker. Its response is read by whoever comes first: a thread that waits for the request,
that of its event loop (see `_concurrency.interest_list`), or the watch (see `_concurrency.watch`). Reading what is
common ends the request on the spot. All else the watch hands over to a worker, which goes on with `perform()`: an
uncommon response, a connection that broke, a time that is up. So no error is made here, and no rule of the protocol is
kept here.

Thread safety. `_readers` says who has the connection of a flight: to enter a reader is one atomic operation, and one
reader succeeds. Its thread stands for the worker towards the call (see `call`). A canceller only asks the watch to
look; it may be a signal handler. A look that finds another reader is made again a moment later, for that one may have
looked before the request was cancelled.

Invariants:
    FLIGHT-1  Only the reader that `_readers` names for a flight touches its connection, and ends the flight or hands it
              over. `fileno()` is -1 from then on, or once it is for the watch alone; who comes later does nothing. A
              reader is no thread, but one call of `read()`: a signal handler may wait for the request that its own
              thread is reading.
    FLIGHT-2  Until then the watch has it, in one of its lists or at hand. So nothing is lost when a thread stops to
              wait, when none ever does, or when a loop stands still; and a wait that a thread ends early costs nothing.
    FLIGHT-3  A waiting thread, or a loop's, only ends what is common, and leaves all else to the watch: also to pass
              the slot on to a request that waits for one. Ctrl-C, or a lack of memory, may stop it between any two
              steps; then the watch finishes what it has begun, and where the connection was being read, lets a worker
              begin the request anew: it is a GET, which may be sent twice.
"""

from __future__ import annotations

import sys
from time import monotonic

from urlrequest._concurrency.deadline import earliest
from urlrequest._concurrency.watch import watch
from urlrequest._delivery.lifecycle import State
from urlrequest._engine.launch import Launched, launch, send_and_leave
from urlrequest._net import loopback
from urlrequest._net.cancel_scope import is_ready

from .callbacks import has_callbacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from urlrequest._delivery.events import Answer, Outcome
    from urlrequest._delivery.lifecycle import Lifecycle
    from urlrequest._delivery.mailbox import Mailbox
    from urlrequest._engine.exchange import Lease
    from urlrequest._engine.observer import Observer
    from urlrequest._engine.options import Options
    from urlrequest._http.target import Target
    from urlrequest._net.cancel_scope import CancelScope

    from .shared import Shared

    class Call(Observer, Protocol):
        """What a flight needs of its call."""

        argument_error: Exception | None
        is_launched: bool
        leaving: Any
        worker: int | None
        host: str
        lifecycle: Lifecycle
        made_at: float
        mailbox: Mailbox
        request: Any
        scope: CancelScope
        shared: Shared

        def run(self) -> bool: ...
        def leave(self) -> None: ...
        def announce(self) -> None: ...
        def fail(self, error: BaseException) -> None: ...
        @property
        def until(self) -> float | None: ...
        def end_flight(self, outcome: Outcome | None) -> None:
            """End the request; None: its outcome is decided already. On the watch's thread."""
            ...

        def end_on_users_thread(self, outcome: Outcome) -> bool:
            """End the request; False: `end_flight()` must finish that. Ctrl-C may come."""
            ...

        def resume(self, begun: Lease | None) -> None:
            """Let a worker go on, over the connection of the flight; None: begin anew."""
            ...


__all__ = ["Flight", "launch_call", "leave_worker", "reset_after_fork"]

PROMPT = 0.005  # seconds; after a response that took longer, the next one is for the watch and not for the loop
TLS = "urlrequest._net.tls_contexts"  # loaded by the first request over https, which a worker performs

_readers: dict[Flight, object] = {}
"""Who has the connection of a flight; a flight that nobody reads is not in it."""

_WATCH = object()  # the reader that is the watch

_is_read_by_waiting = True
"""Whether a thread waited for the last response without a hook: then one is likely to wait for the next. A hint."""


class Flight:
    """The flight of one request; the watch looks at it.

    Attributes:
        until: When to look although nothing has come: the end of the step or of the request, on `time.monotonic()`.
    """

    __slots__ = ("_call", "_descriptor", "_is_unfinished", "_launched", "until")

    def __init__(self, call: Call, launched: Launched) -> None:
        self._call: Call | None = call
        self._launched: Launched | None = launched
        self._descriptor = launched.descriptor
        self._is_unfinished = False  # a waiting thread has left something to the watch while it had the connection
        scope = call.scope
        has_limit = scope.timeout is not None or scope.deadline.at is not None
        self.until = self._find_end(call) if has_limit else None

    def fileno(self) -> int:
        """The descriptor of the connection's socket; -1 when there is nothing to wait for on it any more."""
        return self._descriptor

    def be_known(self, call: Call) -> None:
        """Let a canceller find it, and a thread that waits. On the worker that leaves it, before `be_watched()`."""
        call.leaving = call.worker = None  # first: a thread that waits may have it handed over to another worker
        call.mailbox.flight = self

    def be_watched(self) -> None:
        """Let the watch read it as soon as bytes come. Any thread."""
        watch.add(self)

    def ask_for_a_look(self) -> None:
        """Let the watch look now: the request was cancelled. Any thread; never blocks."""
        watch.look_at(self)

    def close(self) -> None:
        """End a flight that nobody watches, or in a forked child: closing its copy leaves the parent's socket alone."""
        if self._launched is not None:
            self._launched.close()
        self._leave()

    # For a thread that waits for the request, or a loop's

    def is_silent(self) -> bool:
        """Whether the request has no callback at all, so that its waiting thread has nothing to deliver."""
        call = self._call
        return call is not None and not has_callbacks(call.request)

    def read_within(self, seconds: float) -> None:
        """Wait so long for something to read, at the longest, and read it. On a thread that waits for the request."""
        global _is_read_by_waiting
        descriptor = self._descriptor
        if descriptor >= 0 and is_ready(descriptor, seconds):
            self.read()
        if descriptor >= 0 and self._descriptor < 0:
            _is_read_by_waiting = True  # also where the watch has read it: then this thread may have slept on

    def read(self) -> None:
        """Read what has come, and end the request if that is a common response. On a thread that waits, or a loop's."""
        global _is_read_by_waiting
        reader = object()
        try:
            if _readers.setdefault(self, reader) is not reader:
                return
            answer = self._receive()
            if answer is not None and self._call is not None and self._launched is not None:
                self._descriptor = -1
                self._launched.give_back()  # before the request ends: the next one is to find the connection
                if not self._call.end_on_users_thread(answer):
                    self._is_unfinished = True
                    watch.look_at(self)
                    return
                self._leave()
                _is_read_by_waiting = True
            needs_look = self._launched is not None and not self._launched.is_common
            if needs_look:
                self._descriptor = -1  # a connection that has ended stays readable: no thread is to poll it again
            _readers.pop(self, None)
            if needs_look:
                watch.look_at(self)
        except BaseException as error:  # Ctrl-C, at any line; or no memory, which is an error of the request
            self._is_unfinished = self._is_unfinished or _readers.get(self) is reader
            if self._is_unfinished:
                self._descriptor = -1  # as above
            watch.look_at(self)
            if not isinstance(error, Exception):
                raise

    # For the thread that has the connection

    def _receive(self) -> Answer | None:
        call, launched = self._call, self._launched
        if call is None or launched is None or not launched.is_common:
            return None
        if call.request.on_progress or call.request.on_chunk:  # set meanwhile
            launched.is_common = False
            return None
        return launched.receive()

    # For the watch

    def look(self) -> None:
        """Read what has come; end the flight, hand it over, or let the watch go on. On the watch's thread.

        Raises:
            MemoryError: The watch is to call this again.
        """
        if self._is_unfinished:
            _readers[self] = _WATCH
        elif _readers.setdefault(self, _WATCH) is not _WATCH:
            self.until = monotonic()  # to be looked at, not only to be read
            watch.add_later(self)
            return
        else:
            try:
                self._go_on()
            except BaseException:  # noqa: BLE001 - whatever it is, a worker will find it, and report it
                self._is_unfinished = True
        if self._is_unfinished:
            self._recover()
            self._is_unfinished = False
        _readers.pop(self, None)
        if self._descriptor >= 0:
            watch.add(self)

    def _go_on(self) -> None:
        global _is_read_by_waiting
        call, launched = self._call, self._launched
        if call is None or launched is None:
            return
        if call.lifecycle.is_cancelled:
            self._descriptor = -1
            launched.close()
            call.end_flight(None)
            self._leave()
            return
        answer = self._receive()
        if answer is not None:
            self._descriptor = -1
            launched.give_back()  # as in `read()`
            call.end_flight(answer)
            self._leave()
            interest_list = call.mailbox.interest_list
            if interest_list is not None:
                interest_list.is_prompt = monotonic() - launched.since < PROMPT
            _is_read_by_waiting = call.mailbox.has_loop and _is_read_by_waiting
            return
        self.until = self._find_end(call)
        if not launched.is_common or (self.until is not None and monotonic() >= self.until):
            self._descriptor = -1
            call.resume(launched.hand_over())
            self._call = self._launched = None  # no call: once the worker has the connection, nothing may fail here

    def _find_end(self, call: Call) -> float | None:
        """When the present wait has taken too long; a worker then makes the error."""
        scope, launched = call.scope, self._launched
        if launched is None or (scope.timeout is None and scope.deadline.at is None):
            return None
        return earliest(None if scope.timeout is None else launched.since + scope.timeout, scope.deadline.at)

    def _leave(self) -> None:
        """End the flight, whose connection goes elsewhere."""
        self._descriptor = -1
        self._call = self._launched = None

    def _recover(self) -> None:
        """Finish what a thread has begun that stopped anywhere; nothing is known of the connection. May be repeated."""
        call, launched = self._call, self._launched
        self._descriptor = -1
        if launched is not None:
            launched.close()
        if call is not None:
            if call.lifecycle.is_settled:
                call.end_flight(None)
            else:
                call.resume(None)
        self._call = self._launched = None  # no call, as in `_go_on()`


def is_simple(call: Call, options: Options) -> bool:
    """Whether the watch may wait for the response of a request, since nobody is to hear of that."""
    request = call.request
    is_followed = request.on_progress or request.debug
    return options.is_launchable and call.argument_error is None and not is_followed


def launch_call(call: Call, options: Options, target: Target) -> bool:
    """Launch the request of a call if it is simple and a connection is at hand; False: it needs a worker.

    It is called by the constructor, and never waits. Whatever is wrong with the request, the worker will find.
    """
    shared = call.shared
    if not shared.pool.count and not loopback.servers:
        return False
    is_read_whole = is_simple(call, options) and not call.request.on_chunk
    if not is_read_whole or (target.scheme != "http" and TLS not in sys.modules):
        return False
    launched = flight = None
    try:
        if not watch.start(call.scope.deadline.at) or not shared.workers.take_slot(call):
            return False
        call.scope.timings["queue"] = monotonic() - call.made_at
        launched = launch(options, shared, call.scope, call)
        if launched is not None:
            call.is_launched = call.lifecycle.start()
            flight = call.mailbox.flight = Flight(call, launched)
    except Exception:  # noqa: BLE001 - see above; or the system gives no thread, no descriptor, or no memory
        call.is_launched = call.lifecycle.state is State.RUNNING  # it may have been started all the same
    finally:  # also after Ctrl-C
        if call.mailbox.flight is None:
            _give_up(call, launched)
        call.begun = None  # else the flight has it
    if flight is None:
        return False
    _let_read(flight, call.mailbox)
    if call.lifecycle.is_cancelled:  # the canceller may have come before there was a flight
        watch.look_at(flight)
    return True


def _give_up(call: Call, launched: Launched | None) -> None:
    """Return the slot, and close the connection: a worker begins anew."""
    call.shared.workers.return_slot(call)
    for connection in (launched, call.begun):
        if connection is not None:
            connection.close()


def _let_read(flight: Flight, mailbox: Mailbox) -> None:
    """Let a thread read the response: the loop's, one that is likely to wait for the request, or that of the watch."""
    if not mailbox.has_loop:
        is_read_soon = _is_read_by_waiting
    elif (interest_list := mailbox.interest_list) is not None and interest_list.is_prompt:
        interest_list.add(flight)
        is_read_soon = True
    else:
        is_read_soon = False
    if is_read_soon:
        watch.add_later(flight)
    else:
        watch.add(flight)


def leave_worker(call: Call, options: Options) -> Flight | Lease | None:
    """Send a simple request on its worker, which need not wait for the response then.

    Returns:
        The flight; or the connection, if the worker must go on with it all the same. None: it begins anew.
    """
    if not is_simple(call, options) or not watch.try_start(call.until):
        return None
    launched = send_and_leave(options, call.shared, call.scope, call)
    if not isinstance(launched, Launched):
        return launched
    try:
        return Flight(call, launched) if launched.is_common else launched.hand_over()
    except BaseException:  # no memory
        launched.close()
        raise


def reset_after_fork() -> None:
    """Forget who reads, and watch nothing; the requests are settled by their calls. In a forked child."""
    _readers.clear()
    watch.reset_after_fork()
