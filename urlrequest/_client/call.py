"""Call: one request as worker threads, the mailbox and the engine see it.

`UrlRequest` is what the user holds. It has documented names only, so that a subclass may take every other one. What the
library keeps of a request, and calls on it, is here. A call is the Job of `WorkerPool`, the Receiver of `Mailbox` and
the Observer of `perform()`.

`run()`, `announce()`, `perform()` and what the engine calls run on the worker thread. `deliver_*()` run on the dispatch
thread, and `publish_outcome()` on the thread that settles the request. Any thread may call the rest.

Thread safety. The fields stand in three groups.

* Worker only. The constructor fills them, `submit()` hands them to the worker through the lock of the worker pool, and
  from then on the worker alone uses them. A request that no worker has taken is ended by the thread that took it out of
  the pool's queue; the pool lets one thread do that, and this thread stands for the worker.
* Any thread, atomic. Each is set before `submit()` and not changed any more; or it is one reference, which is read and
  written in one step; or it guards itself (`lifecycle`, `mailbox`, `scope`). The worker writes `target`, `head` and
  `history` before it posts the event that needs them, so the thread that delivers the event sees them.
* Holder of the turn to deliver. `Mailbox` gives the turn to one thread at a time (MAILBOX-1). That thread writes the
  response's head first and `Lifecycle.is_finished` last, so a thread that polls `is_finished` sees the rest. Each is
  one reference.

Invariants:
    CALL-1  Whatever `run()` of a subclass does, the request has an outcome when its worker has ended, and the worker
            goes on.
    CALL-2  A call refers to its request until the worker has ended and the outcome is delivered, and no longer. Then
            the two are no reference cycle, and a finished request is freed at once, without the garbage collector; but
            the traceback of an error refers to the frames that it came through, and so may keep its request.
            Worker and dispatch thread may end in either order. Each notes its own end first and then looks whether the
            other has ended, so the later one lets go of the request (both may, which does no harm). A thread that uses
            the call afterwards finds `_NOBODY`, a request without callbacks.
"""

from __future__ import annotations

import sys
import threading
from os import getpid
from time import monotonic

from urlrequest._concurrency.deadline import Deadline, check_seconds, earliest
from urlrequest._concurrency.sync import MAX_SLEEP, NoThreadError, Signal, fork_watch, insist
from urlrequest._concurrency.timer import timer
from urlrequest._concurrency.watch import watch
from urlrequest._delivery.events import Error, Failure, Outcome, ProgressRun, Redirect
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._delivery.mailbox import Mailbox
from urlrequest._delivery.queue import DispatchQueue, default_queue
from urlrequest._log import log, report
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import DeadlineExceeded, HTTPStatusError, InvalidURL
from urlrequest.hooks import check_hook, current_hook

from .callbacks import Callbacks, drop_callbacks, explain, has_callback, run_callbacks, run_progress
from .connection_choice import connection_class
from .settings import check_session
from .shared import Shared, default_shared, shared_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Protocol

    from urlrequest._engine.exchange import Lease
    from urlrequest._engine.options import Options
    from urlrequest._engine.plan import PreparedRequest
    from urlrequest._engine.streaming import Streaming
    from urlrequest._http.redirect import Hop
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

    from .flight import Flight
    from .parked import Parked

    class Request(Protocol):
        """What a call uses of its request: the callbacks, and what a subclass may override."""

        name: str
        url: str
        debug: bool
        on_progress: Any
        on_upload_progress: Any
        on_chunk: Any
        on_cancel: Any
        on_finish: Any

        def run(self) -> None: ...
        def cancel(self) -> bool: ...
        def decode_result(self, result: Any, resp: Any) -> Any: ...
        def get_connection_for_scheme(self, scheme: str) -> type: ...
        def _get_connection_for_scheme(self, scheme: str) -> type: ...


__all__ = ["Call", "active_calls"]

_PLATFORMS_WITHOUT_THREADS = ("emscripten", "wasi")  # a build may have them there, and then starts them
_NO_THREADS = "this Python has no threads, as in Pyodide, and requests need them; pyodide.http.pyfetch() does without"

_WORKER_ONLY = (
    "argument_error",  # what is wrong with the constructor's arguments, or None
    "options",  # what the user asked for; None from the end on
    "begun",  # what is to be gone on with, or None: the connection of a launched request, or a body that streams
    "is_own_class",  # that of the request is UrlRequest as it is here: no code of the user's runs but callbacks
    "is_launched",  # it was sent before a worker had it, or its worker has left it
    "leaving",  # what its worker is about to leave to the watch, or None
)
_ANY_THREAD = (
    "request",
    "shared",  # what the requests of the session share
    "chunk_size",  # as passed to the constructor
    "host",  # of the URL, for the limit per host; "" when there is none
    "base_url",  # what the URL is relative to, or None
    "made_at",  # on `time.monotonic()`
    "origin",  # the code that made the request; None: it was not Python's
    "instruction",  # of that code, as an offset
    "lifecycle",
    "scope",
    "mailbox",
    "is_quiet",  # nothing is logged of the outcome: a task awaits the request and gets its error, or it is the parent's
    "parked",  # a body that streams and was left to the watch, or None
    "worker",  # ident of the thread that runs the request, or None
    "has_expired",  # the timer's thread has taken it out of the queue at its deadline
    "has_ended",  # no worker will do anything more for the request
    "is_delivered",  # on_finish has run, or there was no callback to run
    "method",  # of the first prepared request, or None
    "target",  # of the prepared request; the whole of it, which holds the body, is not kept
    "received",  # bytes of the body so far
    "head",  # of the response
    "history",  # redirects that were followed
)
_HOLDER_OF_THE_TURN = (
    "resp_target",
    "resp_head",
    "content",
    "result",
    "error",
)

_UNSUCCESSFUL = (Error, Failure, Redirect)

_find_target: Any = None  # set by `_load_engine()`
_launch_call: Any = None  # likewise

active_calls: dict[Call, Request] = {}
"""The requests that are not finished yet, in the order in which they were made. This keeps them alive (contract 3.7).

Its single operations are atomic; a thread that looks at all of them takes a copy first.
"""


_joined: dict[Call, Signal] = {}
"""What wakes the threads that join a request, of those that have been joined. Its single operations are atomic.

A thread that wakes uses the notification up, and gives it back for the next one.
"""


class Call:
    """One request: its state, and what each kind of thread does with it."""

    __slots__ = (*_WORKER_ONLY, *_ANY_THREAD, *_HOLDER_OF_THE_TURN)

    argument_error: Exception | None
    options: Options | None
    begun: Lease | Streaming | None
    leaving: Flight | Parked | None
    parked: Parked | None
    request: Request
    shared: Shared
    has_expired: bool
    has_ended: bool
    worker: int | None
    origin: CodeType | None
    instruction: int
    method: str | None
    target: Target | None
    received: int
    head: ResponseHead | None
    history: tuple[Hop, ...]
    resp_target: Target | None
    resp_head: ResponseHead | None
    content: bytes | None
    result: Any
    error: BaseException | None

    def __init__(
        self,
        request: Request,
        session: object = None,
        hook: object = None,
        timeout: object = None,
        deadline: object = None,
    ) -> None:
        """Make the call of a request; `submit()` starts it. `argument_error` says which argument is wrong."""
        if getpid() != fork_watch.pid:
            fork_watch.enter_child()
        self.made_at = monotonic()
        self._note_origin()
        self.request = request
        self.shared = default_shared if session is None else shared_of(session)
        self.host, self.base_url = "", None
        self.chunk_size: int | None = None
        self.argument_error = self.options = self.begun = self.leaving = self.parked = None
        self.is_own_class = self.is_launched = False
        self.is_quiet = self.has_expired = self.has_ended = self.is_delivered = False
        self.worker = self.method = self.target = self.head = None
        self.received = 0
        self.history = ()
        self.resp_target = self.resp_head = self.content = self.result = self.error = None
        self.lifecycle, self.scope = Lifecycle(), CancelScope()
        self.mailbox = Mailbox(self, self._check_arguments(session, hook, timeout, deadline))

    def _note_origin(self) -> None:
        """Note where the request is made: in the code that calls `UrlRequest`, which calls `Call`, which calls this."""
        try:
            frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - it is documented
        except ValueError:  # the caller is no code of Python's
            frame = None
        while frame is not None and str(frame.f_globals.get("__name__")).startswith("urlrequest."):
            frame = frame.f_back
        # The frame itself would keep all its variables alive.
        self.origin, self.instruction = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)

    def _check_arguments(self, session: object, hook: object, timeout: object, deadline: object) -> DispatchQueue:
        """Set timeout and deadline, and return the queue that events take to the dispatch thread (contract 8.1)."""
        own = sessions = None
        try:
            if hook is not None:
                own = check_hook(hook)
            if session is not None:
                settings = check_session(session)
                sessions = settings.hook
                timeout = settings.timeout if timeout is None else timeout
                deadline = settings.deadline if deadline is None else deadline
            if timeout is not None:
                self.scope.timeout = check_seconds("timeout", timeout)
            elif "socket" in sys.modules:  # a program that has not loaded it has set no default
                self.scope.timeout = sys.modules["socket"].getdefaulttimeout() or None  # 0.0: as here anyway
            if deadline is not None:
                self.scope.deadline = Deadline(check_seconds("deadline", deadline))
        except (TypeError, ValueError, RuntimeError) as error:
            self.argument_error = error
        chosen = own if own is not None else sessions or current_hook()
        return default_queue if chosen is None else chosen.queue

    def submit(self, options: Options) -> None:
        """Start the request: launch it, give it to a worker, or put it into the queue for one. Once, by the caller."""
        try:
            self.options = options
            self.base_url = options.base_url
            active_calls[self] = self.request
            try:
                find_target = _find_target or _load_engine()
            except Exception as error:  # noqa: BLE001 - its files are out of reach, or no descriptor is left
                self.fail(_explained(error))
                return
            target = None
            try:
                target = options.target or find_target(options.url, options.base_url)
                self.host = target.host
            except Exception:  # noqa: BLE001, S110 - the worker will report it
                pass
            if target is not None and self.is_own_class and _launch_call(self, options, target):
                return
            try:
                has_worker = self.shared.workers.submit(self)
            except NoThreadError as error:
                self._fail_without_thread(error)
                return
            if not has_worker:
                self._be_queued()
        except BaseException:  # Ctrl-C: the constructor raises, so there is no request
            drop_callbacks(self.request)
            self.cancel()
            if self.worker is None and not self.is_launched:  # as in cancel()
                self.shared.workers.return_slot(self)  # Ctrl-C may have come as `launch_call()` was about to do so
                self._end()
            raise

    def _be_queued(self) -> None:
        """See to a request that waits for a worker: its canceller may have come before it was in the queue."""
        if self.lifecycle.is_cancelled and self.shared.workers.remove(self):
            insist(self._end)
        if self.scope.deadline.at is not None:
            self._start_timer(self.scope.deadline.at)

    def _start_timer(self, deadline: float) -> None:
        """Keep the deadline of a queued request, which has no thread that could."""
        try:
            timer.call_at(deadline, self, self._expire, until=deadline)
        except NoThreadError as error:
            if self.shared.workers.remove(self):
                insist(self._fail_without_thread, error)
        if self.options is None:  # it ended before the timer was set, and so could not cancel it
            timer.cancel(self)

    def _expire(self) -> None:
        """End the request at its deadline if it still has no worker. On the timer's thread; may be repeated."""
        if self.has_expired or self.shared.workers.remove(self):
            self.has_expired = True
            self.fail(self._no_worker_in_time())

    def _fail_without_thread(self, error: NoThreadError) -> None:
        if self.scope.deadline.has_passed():
            self.fail(self._no_worker_in_time())
        else:
            self.fail(RuntimeError(_NO_THREADS) if sys.platform in _PLATFORMS_WITHOUT_THREADS else error)

    def _no_worker_in_time(self) -> DeadlineExceeded:
        seconds = self.scope.deadline.seconds
        return DeadlineExceeded(f"the request timed out: no worker thread was free within {seconds:g} s")

    # For any thread

    def cancel(self) -> bool:
        """Decide that the outcome is a cancel; False when it was decided before. Any thread; never blocks."""
        try:
            return self._cancel()
        except BaseException:  # Ctrl-C: no cancel is left half done
            self._cancel()
            self.scope.cancel()
            self.shared.workers.remove(self)
            flight = self.mailbox.flight or self.parked
            if flight is not None:
                flight.ask_for_a_look()
            elif self.worker is None:  # no worker has the request, or it will find that it is cancelled
                self._end()
            self.mailbox.post_outcome()
            raise

    def _cancel(self) -> bool:
        fork_watch.check()
        if not self.lifecycle.cancel():
            return False
        self.scope.cancel()
        if self.shared.workers.remove(self):
            self._end()
        flight = self.mailbox.flight or self.parked
        if flight is not None:
            flight.ask_for_a_look()
        self.mailbox.post_outcome()
        return True

    def join(self, timeout: float | None) -> None:
        """Wait until no worker will do anything more for the request, or until the time is up, in seconds.

        Raises:
            RuntimeError: It is called on the request's own worker.
        """
        fork_watch.check()
        if self.has_ended:
            return
        if self.worker == threading.get_ident():
            raise RuntimeError("cannot join the current thread")
        flight = self.mailbox.flight
        if flight is not None:
            flight.be_watched()
        self._wait_for_end(Deadline(None if timeout is None else max(0.0, timeout)))

    def _wait_for_end(self, deadline: Deadline) -> None:
        ended = Signal()
        try:
            ended = _joined.setdefault(self, ended)
            while not self.has_ended and not ended.wait(earliest(MAX_SLEEP, deadline.remaining())):
                if deadline.has_passed():
                    return
        finally:
            if self.has_ended:
                ended.notify()  # for the next to join; Ctrl-C may come at the moment the wait ends
                _joined.pop(self, None)

    def fail_forked(self, thread: int) -> None:
        """Settle the request in a forked child, where no worker performs it, and `thread` is the only one.

        Nothing is logged: a thread that is not here may hold the lock of a handler, and the outcome is the parent's.
        """
        if not self.mailbox.ends_for(thread):  # else its terminal callback is what forked, and goes on here
            self.lifecycle = Lifecycle()
            self.mailbox.reset_after_fork(thread, default_queue)
            for flight in (self.mailbox.flight, self.leaving, self.parked):
                if flight is not None:
                    flight.close()
            self.is_quiet = True
            self.lifecycle.settle(Error(error=OSError("the process was forked; the request goes on in the parent")))
            self._publish_at_once(self.request)
            self.announce()
        self._end()

    # For the worker pool, on the worker

    def run(self) -> bool:
        """Run the request, and make sure that it has an outcome (CALL-1), unless the worker is to `leave()` it.

        Returns:
            Whether it is.
        """
        self.worker = threading.get_ident()
        self.scope.timings.setdefault("queue", monotonic() - self.made_at)
        request = self.request
        try:
            request.run()
            if self.leaving is not None:
                self.scope.release()
                return True
            if not self.lifecycle.is_settled:
                missing = f"{type(request).__name__}.run() ended without performing the request"
                self._settle(Error(error=RuntimeError(missing)))
        except BaseException as error:  # noqa: BLE001 - an overridden run() may raise anything
            if self.lifecycle.is_settled:
                _report(error, request)
            else:
                self._settle(Error(error=error, head=self.head))
        self._publish_at_once(request)  # while the worker is not free: logging may take its time
        return False

    def leave(self) -> None:
        """Let the watch wait for what comes. The request keeps its slot, and has no worker any more."""
        flight = self.leaving
        assert flight is not None, "the worker has left something"
        self.is_launched = True
        flight.be_known(self)  # if memory lacks for this call, `_end()` closes what is leaving
        is_known = False
        while not is_known:
            try:
                flight.be_watched()
                if self.lifecycle.is_cancelled:  # the canceller may have come before it was known
                    flight.ask_for_a_look()
                is_known = True
            except MemoryError:
                pass  # not by `insist()`: a call of that may lack memory itself, and others know the flight by now

    def announce(self) -> None:
        """Announce the outcome. The request has ended by then: joining threads go on first."""
        request = self.request  # `_end()` may let go of it
        self._end()
        if not self.lifecycle.is_cancelled:  # else the canceller has announced it
            try:
                self.mailbox.announce()
            except MemoryError:
                raise  # this is called again
            except BaseException as error:  # noqa: BLE001 - a wake-up that raises must not end the worker
                _report(error, request)

    def fail(self, error: BaseException) -> None:
        """End the request without a worker, or with one that lacked memory to announce its end. May be repeated."""
        if not self.lifecycle.is_settled:
            self._settle(Error(error=error, head=self.head))
        self._publish_at_once(self.request)
        self.announce()

    @property
    def until(self) -> float | None:
        """When it is too late to start a worker: at the deadline."""
        return self.scope.deadline.at

    def perform(self) -> None:
        """What `UrlRequest.run()` does: perform the request, and settle it with the outcome."""
        if not (self.is_launched or self.lifecycle.start()) or self.lifecycle.is_cancelled:
            return
        if self.argument_error is not None:
            self._add_origin(self.argument_error)
            self._settle(Error(error=self.argument_error))
            return
        assert self.options is not None, "options are kept until the request has run"
        from urlrequest._engine.perform import perform  # loaded by `submit()`

        begun, self.begun = self.begun, None
        try:
            if begun is None and self.is_own_class and self.shared.workers.is_crowded:
                begun = self._send_ahead(self.options)
            if self.leaving is None:
                outcome = perform(self.options, self.shared, self.scope, self, begun)
                if isinstance(outcome, Outcome):
                    self._settle(outcome)
                else:
                    self.begun = outcome  # before any call: `_end()` closes it, whatever fails
                    self._park(outcome)
        except BaseException as error:  # noqa: BLE001 - MemoryError and SystemExit too end the request, with on_error
            if begun is not None and begun.is_left:  # nothing has gone on with it
                begun.close()
            begun = outcome = None  # the traceback refers to this frame
            reason = _explained(error)
            if self.target is None:  # nothing was sent yet: an argument is wrong
                self._add_origin(reason)
            self._settle(Error(error=reason, head=self.head))

    def _send_ahead(self, options: Options) -> Lease | None:
        """Send the request so that the worker can leave it, if that is possible: then there is a flight, `leaving`.

        Returns:
            The connection, if the request was sent over it and the worker is to go on.
        """
        from .flight import Flight, leave_worker  # loaded by `submit()`

        sent = leave_worker(self, options)
        if not isinstance(sent, Flight):
            return sent
        self.leaving = sent
        return None

    def _park(self, streaming: Streaming) -> None:
        """Let the worker leave a body that streams."""
        from .parked import Parked  # few requests are left so

        self.leaving = Parked(self, streaming)

    def _add_origin(self, error: BaseException) -> None:
        """Note on an error where the request was made; no frame of the program is on the worker's stack."""
        if self.origin is not None:
            from urlrequest._tracebacks import add_note  # few requests have bad arguments

            add_note(error, f"the request was made at {self.place}")

    @property
    def place(self) -> str:
        """Where the request was made, as file, line and function; "" where no code of Python's has made it."""
        from urlrequest._tracebacks import place_of  # few requests are asked for it

        return "" if self.origin is None else place_of(self.origin, self.instruction)

    def _publish_at_once(self, request: Request) -> None:
        """Publish the outcome if it has no callback."""
        try:
            self.mailbox.publish()
        except MemoryError:
            raise  # this is called again
        except BaseException as error:  # noqa: BLE001 - a log handler that raises must not end the worker
            _report(error, request)

    def _settle(self, outcome: Outcome) -> None:
        """Decide the outcome, for `announce()`; a cancel that came first wins."""
        if outcome.error is not None:
            from urlrequest._tracebacks import forget_variables  # loaded by `submit()`

            forget_variables(outcome.error)
        self.scope.timings["total"] = monotonic() - self.made_at
        request = self.request
        try:
            if request.debug:
                self._log_outcome(outcome)
        except BaseException as error:  # noqa: BLE001 - what a subclass makes of `debug` or `name` may raise anything
            _report(error, request)
        self.lifecycle.settle(outcome)

    def _log_outcome(self, outcome: Outcome) -> None:
        kind, size = type(outcome).__name__.lower(), len(outcome.content or b"")
        self._log("%s", f"{kind}, {size} bytes" if outcome.error is None else outcome.error)

    def _end(self) -> None:
        """Release what only the worker needed, and wake the threads in `join()`. May be repeated."""
        self.options = self.mailbox.flight = self.parked = None
        if self.begun is not None:  # no worker has gone on with it
            self.begun.close()
            self.begun = None
        if self.leaving is not None:  # its worker had no memory to leave it
            self.leaving.close()
            self.leaving = None
        self.scope.release()
        if self.scope.deadline.at is not None:
            timer.cancel(self)
        self.has_ended = True
        ended = _joined.get(self)  # looked at afterwards: a thread that comes to join later finds that it has ended
        if ended is not None:
            ended.notify()
            _joined.pop(self, None)
        if self.is_delivered:
            self.request = _NOBODY

    # For the flight, on the thread that has its connection

    def end_flight(self, outcome: Outcome | None) -> None:
        """End the request, which has needed no worker; None: the outcome is decided already. On the watch's thread."""
        if outcome is not None:
            self._settle(outcome)
        else:
            self.scope.timings.setdefault("total", monotonic() - self.made_at)
        self._publish_at_once(self.request)
        self.shared.workers.return_slot(self)
        self.announce()

    def end_on_users_thread(self, outcome: Outcome) -> bool:
        """The same on a thread that waits for the request, or a loop's: no code of the user's runs; Ctrl-C may come.

        Returns:
            False: `end_flight()` must finish this, as another request waits for the slot.
        Raises:
            KeyboardInterrupt: `end_flight()` must finish what was begun.
        """
        self.scope.timings["total"] = monotonic() - self.made_at
        if self.request.debug:
            self._log_outcome(outcome)
        self.lifecycle.settle(outcome)
        self.mailbox.publish()
        if not self.shared.workers.drop_slot(self):
            return False
        self._end()
        if not self.lifecycle.is_cancelled:  # else the canceller has announced it
            self.mailbox.announce()
        return True

    def resume(self, begun: Lease | Streaming | None) -> None:
        """Let a worker go on with what was begun; None: begin anew. Ends the request if memory lacks."""
        self.begun, self.mailbox.flight, self.parked = begun, None, None
        if begun is None:
            self.head = None  # of a response that was not read to its end
        try:
            has_worker = self.shared.workers.run(self)
        except BaseException as error:  # noqa: BLE001 - no thread, or no memory: no worker has the request
            insist(self._end_unresumed, error)
            return
        if not has_worker:
            insist(self._be_queued)

    def _end_unresumed(self, error: BaseException) -> None:
        self.shared.workers.return_slot(self)
        if isinstance(error, NoThreadError):
            self._fail_without_thread(error)
        else:
            self.fail(error)

    def _log(self, message: str, *arguments: object) -> None:
        # Formatted by `logging`, which copes with an error whose str() raises.
        log("DEBUG", message, *arguments, source=self.request.name)

    def status_error(self, url: object) -> HTTPStatusError:
        """What `raise_for_status()` raises for a response whose status is no success. Any thread."""
        from urlrequest._http.redirect import redirect_hint  # most requests succeed

        head, target = self.resp_head, self.resp_target
        assert head is not None, "what is neither an error nor cancelled has a response"
        hint = "" if target is None else redirect_hint(target, head)
        return HTTPStatusError(f"{self.describe(url)}: {head.describe_status()}{hint}", status=head.status)

    def describe(self, url: object) -> str:
        """Method and URL for logs and `repr()`, without userinfo and query. Any thread.

        Args:
            url: That of the request, which the call may have let go of.
        """
        from urlrequest._engine.prepare import find_target  # as in submit()

        try:
            shown = find_target(url, self.base_url).masked
        except InvalidURL:
            shown = "an invalid URL"
        return shown if self.method is None else f"{self.method} {shown}"

    # For `perform()`, on the worker

    def connection_class(self, scheme: str) -> type:
        """Which class to use; a subclass may override either name (contract 1.4)."""
        return connection_class(self.request, scheme)

    def decode_result(self, result: Any, resp: Any) -> Any:
        return self.request.decode_result(result, resp)

    def wants_progress(self) -> bool:
        return bool(self.request.on_progress)

    def wants_upload_progress(self) -> bool:
        return bool(self.request.on_upload_progress)

    def wants_chunks(self) -> bool:
        return bool(self.request.on_chunk)

    def may_leave(self) -> bool:
        """Whether a body from which nothing comes is to be left: no code of a subclass may miss its worker."""
        return self.is_own_class and self.shared.workers.is_crowded and watch.try_start(self.until)

    def request_prepared(self, prepared: PreparedRequest) -> None:
        self.method, self.target = self.method or prepared.method, prepared.target
        if self.request.debug:
            self._log("%s %s", prepared.method, prepared.target.masked)

    def redirect_followed(self, hop: Hop) -> None:
        self.history += (hop,)
        if self.request.debug:
            self._log("%d, followed", hop.status)

    def head_received(self, head: ResponseHead) -> None:
        self.head = head
        if self.request.debug:
            self._log("%s", head.describe_status())

    def download_noted(self, note: str) -> None:
        self._log("the download %s", note)

    def progress_made(self, run: ProgressRun) -> None:
        self.mailbox.post_progress(run)

    def chunk_received(self, chunk: bytes) -> None:
        """Hand a chunk of the body over, once not too much of it is undelivered (contract 17.2)."""
        mailbox = self.mailbox
        if not mailbox.has_room(len(chunk)):
            mailbox.announce_chunks()
            self.scope.arm()
            mailbox.is_held_up = True  # a thread that delivers a chunk from now on wakes this worker
            while not mailbox.has_room(len(chunk)):
                self.scope.wait({}, None, "on_chunk")
            mailbox.is_held_up = False
        mailbox.post_chunk(chunk)

    def chunks_passed(self) -> None:
        self.mailbox.announce_chunks()

    def begin_commit(self) -> bool:
        return self.lifecycle.begin_commit()

    # For the mailbox, on the dispatch thread

    def has_callback(self) -> bool:
        return has_callback(self.request, self.lifecycle.callback)

    def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
        """Run on_progress, or on_upload_progress, for the next events of a run."""
        if self.resp_head is None and not run.is_upload:
            self._publish_head()
        return run_progress(self.request, run, most, until, self.lifecycle)

    def deliver_chunk(self, chunk: bytes) -> None:
        """Run on_chunk, and let the worker read on."""
        if self.resp_head is None:
            self._publish_head()
        callback = self.request.on_chunk
        try:
            if callback:
                callback(self.request, chunk)
        except BaseException as error:
            explain(error, self.request, "on_chunk")
            raise
        finally:
            if self.mailbox.is_held_up:
                self.scope.wake()

    def deliver_outcome(self) -> None:
        """Publish the outcome, run its callback, then on_finish."""
        outcome = self.lifecycle.decide()
        try:
            self._publish(outcome)
            run_callbacks(self.request, outcome, self.mailbox)
        except BaseException:
            if self.lifecycle.is_finished and not self.mailbox.is_ending:  # Ctrl-C came just before the callback
                run_callbacks(self.request, outcome, self.mailbox)
            raise
        finally:
            if self.lifecycle.is_finished:  # else Ctrl-C came before: nothing has begun, and all is left to do
                # Over first: a forked child settles what is active, and has no thread that would bring this to its end.
                self.mailbox.is_ending = self.mailbox.is_over = True
                active_calls.pop(self, None)
                self._let_go()

    def publish_outcome(self) -> bool:
        """Publish the outcome unless it has a callback to run, and return whether it was published. Any thread."""
        outcome, request = self.lifecycle.decide(), self.request  # `_let_go()` may let go of it
        if has_callback(request, outcome.callback):
            return False
        try:
            self._publish(outcome)
        finally:
            if self.lifecycle.is_finished:  # as above
                self.mailbox.is_ending = self.mailbox.is_over = True
                active_calls.pop(self, None)
        try:
            self._let_go()
        except BaseException as error:  # a subclass may refuse; the outcome is published all the same
            if self.is_own_class:  # then it is Ctrl-C
                raise
            _report(error, request)
        return True

    def _publish_head(self) -> None:
        if self.head is not None:
            self.resp_target, self.resp_head = self.target, self.head

    def _publish(self, outcome: Outcome) -> None:
        """Set the outcome's attributes, `is_finished` last: a polling thread looks at it."""
        if self.head is not None:
            self.resp_target, self.resp_head = self.target, self.head
        self.content, self.result, self.error = outcome.content, outcome.result, outcome.error
        self.lifecycle.finish()
        if isinstance(outcome, _UNSUCCESSFUL) and not self.is_quiet:
            self._warn_unheard(outcome)

    def _warn_unheard(self, outcome: Outcome) -> None:
        """Log an unsuccessful outcome that has no callback; the outcome is published, so nothing is raised here."""
        request = self.request
        try:
            if not has_callback(request, outcome.callback):
                from .unheard import log_unheard  # most requests succeed, or have a callback

                log_unheard(self.describe(request.url), outcome, self.resp_head, self.resp_target)
        except Exception as error:  # noqa: BLE001 - what a subclass makes of its callbacks may raise anything
            _report(error, request)

    def _let_go(self) -> None:
        """Keep nothing alive that a finished request does not need (contract 3.7)."""
        request = self.request
        self.is_delivered = True
        if self.has_ended:
            self.request = _NOBODY
        drop_callbacks(request)  # last: what a subclass makes of the attributes may raise


def _load_engine() -> Any:
    """Load what the first request needs: a program that imports a name may make none.

    It is loaded on the caller's thread: a child that is forked while a worker imports never gets the lock of that
    import. And all of it comes at once: a program that gives up its privileges after a first request may not be able to
    read more.
    """
    global _find_target, _launch_call
    import urlrequest._engine.perform  # pyright: ignore[reportUnusedImport]  # the worker uses it
    import urlrequest._tracebacks  # noqa: F401  # pyright: ignore[reportUnusedImport]  # whatever comes, it says where
    from urlrequest._engine.prepare import find_target

    from .flight import launch_call

    _launch_call, _find_target = launch_call, find_target
    return find_target


def _explained(error: BaseException) -> BaseException:
    """The same exception; where the library cannot load a module of its own or of Python, one that says why."""
    trace = error.__traceback__ if isinstance(error, ImportError) else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not str(trace.tb_frame.f_globals.get("__name__")).startswith("urlrequest."):
        return error
    text = f"{error}, which this request is the first to need: the files of Python or of the library are out of reach"
    reason = ImportError(f"{text}; make a request of that kind before the program gives them up")
    reason.__cause__ = error
    return reason


def _report(error: BaseException, request: Request) -> None:
    report(error, request)  # type: ignore[arg-type]  # it is a Thread, which a protocol cannot say


class _Nobody(Callbacks):
    """Stands in for a request that its call has let go of (CALL-2)."""

    name, debug = "", False

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
        """Make a request without callbacks: those of the class are all None."""

    def run(self) -> None:
        """Do nothing: the request was cancelled, and ended, before its worker came."""


_NOBODY: Any = _Nobody()
