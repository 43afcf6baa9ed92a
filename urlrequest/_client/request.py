"""UrlRequest: one HTTP request, a Thread to its user.

It holds the options, hands them to a worker, and publishes the outcome. `run()` and what it calls run on the worker;
`deliver_*()` run on the dispatch thread; everything else may be called from any thread.

Thread safety. Shared between threads are `_lifecycle`, `mailbox` and `_scope`, which say themselves why they are safe,
and `_head`, written by the worker before the event that tells of it. The published attributes are written on the
dispatch thread, in the order in which a polling thread may rely on them: `is_finished` last.
"""

from __future__ import annotations

from itertools import count
from time import monotonic

from urlrequest._concurrency.deadline import Deadline, check_seconds
from urlrequest._delivery.events import Error, Failure, Outcome, ProgressRun, Redirect
from urlrequest._delivery.lifecycle import Lifecycle, State
from urlrequest._delivery.mailbox import Mailbox
from urlrequest._delivery.queue import DispatchQueue, default_queue, wait_for
from urlrequest._engine.options import Options
from urlrequest._engine.perform import perform
from urlrequest._engine.prepare import find_target
from urlrequest._log import log
from urlrequest._net.cancel_scope import CancelScope, Phase
from urlrequest.errors import DeadlineExceeded, InvalidURL
from urlrequest.hooks import check_hook, current_hook

from .active import live_requests
from .callbacks import Callbacks
from .response_attributes import ResponseAttributes
from .session import Common, Session, check_session, default_session, timer
from .thread_facade import ThreadFacade
from .witnessed import WorkerSide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from urlrequest.hooks import Hook

__all__ = ["UrlRequest"]

_numbers = count(1)
_GONE_WRONG = (Error, Failure, Redirect)


class UrlRequest(ThreadFacade, Callbacks, WorkerSide, ResponseAttributes):
    """An HTTP request that starts when it is made, and brings its outcome to callbacks.

    Exactly one of on_success, on_redirect, on_failure, on_error and on_cancel is called, then on_finish (contract 3.1),
    on the dispatch thread: the event loop's (see `urlrequest.hooks`), or whichever calls `wait()` or `drain()`.

    Attributes:
        url, req_body, req_headers: What was passed to the constructor.
        on_success, on_redirect, on_failure, on_error, on_progress, on_cancel, on_finish: The callbacks; they may be
            replaced until they are called, and are let go of when the request is finished.
        chunk_size, decode, debug, file_path, ca_file, verify, timeout, deadline: As passed to the constructor.
    """

    is_awaited = False  # somebody is told of errors by an exception
    _argument_error: Exception | None = None

    def __init__(
        self,
        url: str,
        on_success: Callable[[Any, Any], object] | None = None,
        on_redirect: Callable[[Any, Any], object] | None = None,
        on_failure: Callable[[Any, Any], object] | None = None,
        on_error: Callable[[Any, BaseException], object] | None = None,
        on_progress: Callable[[Any, int, int], object] | None = None,
        req_body: Any = None,
        req_headers: Any = None,
        chunk_size: int | None = 8192,
        timeout: float | None = None,
        method: str | None = None,
        decode: bool = True,
        debug: bool = False,
        file_path: Any = None,
        ca_file: Any = None,
        verify: bool | None = True,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        proxy_headers: Any = None,
        user_agent: str | None = None,
        on_cancel: Callable[[Any], object] | None = None,
        on_finish: Callable[[Any], object] | None = None,
        cookies: Any = None,
        auth: Any = None,
        *,
        deadline: float | None = None,
        client_cert: Any = None,
        ssl_context: Any = None,
        hook: Hook | None = None,
        session: Session | None = None,
        follow_redirects: bool | int | None = None,
        retries: int | None = None,
        trust_env: bool | None = None,
        params: Any = None,
        json: Any = None,
        files: Any = None,
        on_upload_progress: Callable[[Any, int, int], object] | None = None,
        on_chunk: Callable[[Any, bytes], object] | None = None,
        progress_interval: float | None = None,
        max_size: int | None = None,
        resume: bool = False,
        checksum: str | None = None,
    ) -> None:
        """Make the request and start it.

        Args:
            url: Where to; without a scheme, http.
            on_success: Called as `on_success(request, result)` for a status of 2xx.
            on_redirect: Called as `on_redirect(request, result)` for a status of 3xx.
            on_failure: Called as `on_failure(request, result)` for any other status.
            on_error: Called as `on_error(request, exception)` when there is no complete response.
            on_progress: Called as `on_progress(request, current, total)` in octets; total is -1 when unknown.
            req_body: bytes, str, a dict (sent as a form, or as JSON where Content-Type says so), a file, or an iterable
                of bytes.
            req_headers: A dict or a list of pairs; a value of None leaves a field out.
            chunk_size: Octets from one on_progress to the next; None or -1: the whole body.
            timeout: The longest single step (resolving, connecting, one receive ...), in seconds; None: no limit.
            method: GET, or POST with a body, when None.
            decode: Parse a body of type application/json.
            debug: Log what happens on the logger `urlrequest`, at DEBUG.
            file_path: Put a complete 2xx body there instead of in `result`; the file appears at once and only then.
            ca_file: Trust the certificates in this file only.
            verify: False: check no certificate at all.
            proxy_host: An HTTP proxy; its userinfo is sent to it.
            proxy_port: The proxy's port, 80 when None.
            proxy_headers: Fields for the proxy alone.
            user_agent: The User-Agent field; '' sends none.
            on_cancel: Called as `on_cancel(request)` after `cancel()`.
            on_finish: Called as `on_finish(request)` after any of the others.
            cookies: The Cookie field, as str or dict.
            auth: (user, password), an object that has both as attributes, or a callable that changes the fields.
            deadline: The longest time for the whole request, in seconds; None: no limit.
            client_cert: The path of a certificate with its key, or the paths of both.
            ssl_context: Use this instead of all other TLS options.
            hook: The event loop whose thread runs the callbacks; None: the installed or the detected one.
            session: Whose connections, cookies, limits and settings to use; None: those of all requests without one.
            follow_redirects: False; True: up to 20; or a number. None: as the session says.
            retries: How often an idempotent request is tried again (contract 17.5). None: as the session says.
            trust_env: Take the proxy from the environment where none is named. None: as the session says.
            params: The query, or more of it: a dict, a list of pairs, or text.
            json: The body, written as JSON.
            files: Files for a form (multipart/form-data): a dict of paths, open files, bytes, or tuples (file name, one
                of these[, type]); a dict as req_body has the other fields.
            on_upload_progress: Called as `on_upload_progress(request, sent, total)` in octets.
            on_chunk: Called as `on_chunk(request, octets)` with each piece of a 2xx body as it arrives; it is not kept.
            progress_interval: The shortest time between progress events, in seconds; first and last come always.
            max_size: The largest body, in octets, decoded or not.
            resume: Keep what was received of a file when the request fails, and continue there the next time.
            checksum: What a 2xx body must have, as "sha256:<hex>", by any algorithm of hashlib.
        Raises:
            TypeError: A callback is not callable. Whatever else is wrong arrives through on_error (contract 2.3).
        """
        Callbacks.__init__(
            self, on_success, on_redirect, on_failure, on_error, on_progress, on_cancel, on_finish,
            on_upload_progress, on_chunk,
        )  # fmt: skip
        ThreadFacade.__init__(self, f"urlrequest-{next(_numbers)}")
        self.url, self.req_body, self.req_headers = url, req_body, req_headers
        self.chunk_size, self.decode, self.debug, self.file_path = chunk_size, decode, debug, file_path
        self.ca_file, self.verify, self.timeout, self.deadline = ca_file, verify, timeout, deadline
        self.session: Common = session if isinstance(session, Session) else default_session
        # The classes have these, too; but of what is set later, each instance would keep the names (1.3 KB in CPython).
        self._target = self._head = self._resp_target = self._resp_head = self._content = self._result = None
        self.host, self._made_at = "", monotonic()
        self._lifecycle, self._scope = Lifecycle(), CancelScope()
        self.mailbox = Mailbox(self, self._bind(timeout, deadline, hook, session))
        options = Options(
            url, decode, ca_file, verify, chunk_size, req_body, req_headers, method, file_path, proxy_host, proxy_port,
            proxy_headers, user_agent, cookies, auth, client_cert, ssl_context, follow_redirects, retries, trust_env,
            params, json, files, progress_interval, max_size, resume, checksum, None, None, None,
        )  # fmt: skip
        self._options: Options | None = self.session.complete(options).detached()
        self._admit(self._options.base_url)

    def _bind(self, timeout: object, deadline: object, hook: object, session: object) -> DispatchQueue:
        """Set the clock, and choose the queue that brings the events home (contract 8.1)."""
        shared, own = self.session, None
        try:
            if hook is not None:
                own = check_hook(hook)
            if session is not None:
                check_session(session)
            longest_step = shared.timeout if timeout is None else timeout
            if longest_step is not None:
                self._scope.timeout = check_seconds("timeout", longest_step)
            longest = shared.deadline if deadline is None else deadline
            if longest is not None:
                self._scope.deadline = Deadline(check_seconds("deadline", longest))
        except (TypeError, ValueError, RuntimeError) as error:
            self._argument_error = error
        chosen = own if own is not None else shared.hook or current_hook()
        return default_queue if chosen is None else chosen.queue

    def _admit(self, base_url: str | None) -> None:
        """Go to a worker, or to the end of the line."""
        live_requests[self] = None
        try:
            self.host = find_target(self.url, base_url).host
        except InvalidURL:
            pass  # the worker will say so
        try:
            is_running = self.session.workers.submit(self)
        except RuntimeError as error:  # the system gives no more threads
            self._fail(error)
            return
        if not is_running and self._lifecycle.is_cancelled and self.session.workers.remove(self):
            self._end()  # the canceller came before there was anything to remove
        if is_running or self._scope.deadline.at is None:
            return
        try:
            timer.call_at(self._scope.deadline.at, self, self.expire)
        except RuntimeError as error:
            if self.session.workers.remove(self):
                self._fail(error)
        if self._options is None:  # it ended before the timer had the call; this is what its end begins with
            timer.cancel(self)

    def expire(self) -> None:
        """End the request at its deadline if it still waits for a worker. On the timer's thread."""
        if self.session.workers.remove(self):
            self._fail(DeadlineExceeded(f"it had no worker within its deadline of {self._scope.deadline.seconds:g} s"))

    # What the user asks

    @property
    def is_finished(self) -> bool:
        """Whether the outcome is there; it is from the terminal callback on."""
        return self._lifecycle.is_finished

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel()` decided the outcome."""
        return self._lifecycle.is_cancelled

    @property
    def timings(self) -> dict[str, float]:
        """Seconds spent in queue, dns, connect, tls, send, first_octet, total; what did not happen is absent."""
        return self._scope.timings.by_name()

    def __repr__(self) -> str:
        try:
            url = find_target(self.url, getattr(self.session, "base_url", None)).url
        except InvalidURL:
            url = "an invalid URL"
        state = "cancelled" if self.is_cancelled else self._lifecycle.state.value
        return f"<{type(self).__name__} {self.name}: {url}, {state}>"

    # What the user does

    def wait(self, delay: float | None = 0.5, timeout: float | None = None) -> bool:
        """Run this request's callbacks on the calling thread until it is finished (contract 6).

        Args:
            delay: The longest sleep between two looks, in seconds; no polling interval: an answer is seen at once.
            timeout: When to give up, in seconds; None: never.
        Returns:
            True when the request is finished, whatever its outcome; False when the time ran out.
        Raises:
            BaseException: What a callback raised.
        """
        return wait_for([self.mailbox], delay=delay, timeout=timeout)

    def __await__(self) -> Generator[Any, Any, UrlRequest]:
        """Let `await request` give the finished request, under asyncio and trio (contract 17.8).

        The awaiting loop runs the callbacks; cancelling the task cancels the request.

        Raises:
            BaseException: The request's error, or what a callback raised. RequestCancelled: It was cancelled.
        """
        from urlrequest._delivery.awaiting import await_request  # most programs await nothing

        return await_request(self)

    def cancel(self) -> bool:
        """End the request, whatever it is doing: on_cancel and on_finish follow, and nothing else (contract 7).

        Any thread, signal handlers included; returns at once.

        Returns:
            Whether this call decided the outcome; False once the terminal callback has begun, or after a cancel.
        """
        if not self._lifecycle.cancel():
            return False
        self._scope.cancel()
        if self.session.workers.remove(self):
            self._end()
        self.mailbox.post_outcome()
        return True

    # On the worker

    def work(self) -> None:
        """Run the request, and see to it that it has an outcome. For `_concurrency.worker_pool` only."""
        self._begin()
        self._scope.timings[Phase.QUEUE] = monotonic() - self._made_at
        try:
            self.run()
            if not self._lifecycle.is_settled:
                missing = f"{type(self).__name__}.run() ended without performing the request"
                self._settle(Error(error=RuntimeError(missing)))
        except BaseException as error:  # noqa: BLE001 - an overridden run() may raise anything
            if self._lifecycle.is_settled:
                self._report(error)
            else:
                self._settle(Error(error=error, head=self._head))
        self._attempt(self.mailbox.publish)  # while the worker is not free: logging may take its time

    def tell(self) -> None:
        """Announce the outcome: joining threads go on, and whoever delivers it finds that the request has ended."""
        self._end()
        if not self._lifecycle.is_cancelled:  # else the canceller has announced it
            self._attempt(self.mailbox.announce)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - no worker may end of it
            self._report(error)

    def run(self) -> None:
        """Perform the request, on the worker. A subclass may override it and call it."""
        if not self._lifecycle.advance(State.RUNNING):
            return
        if self._argument_error is not None:
            self._settle(Error(error=self._argument_error))
            return
        assert self._options is not None, "options are kept until the request has run"
        try:
            self._settle(perform(self._options, self.session.supplies, self._scope, self))
        except BaseException as error:  # noqa: BLE001 - MemoryError and SystemExit too: the caller must hear of the end
            self._settle(Error(error=error, head=self._head))

    def fail_forked(self, thread: int) -> None:
        """Settle the request in a forked child, where no worker performs it, and `thread` is the only one."""
        if not self.mailbox.ends_for(thread):  # else its terminal callback is what forked, and goes on here
            self._lifecycle, self.mailbox = Lifecycle(), Mailbox(self, default_queue)
            self._fail(OSError("the process was forked; the request goes on in the parent"))
        self._end()

    def _fail(self, error: Exception) -> None:
        """End the request without a worker."""
        self._settle(Error(error=error))
        self._attempt(self.mailbox.publish)
        self.tell()

    def _settle(self, outcome: Outcome) -> None:
        """Decide the outcome, for `tell()` to announce; a cancel that came first wins."""
        self._scope.timings[Phase.TOTAL] = monotonic() - self._made_at
        if self.debug:
            self._log("%s", outcome.error or f"{type(outcome).__name__.lower()}, {len(outcome.content or b'')} octets")
        self._lifecycle.settle(outcome)

    def _end(self) -> None:
        """Let go of what only the worker needed; joining threads go on."""
        self._options = None
        self._scope.release()
        if self._scope.deadline.at is not None:
            timer.cancel(self)
        super()._end()

    # Told by perform(), on the worker

    def progress_made(self, run: ProgressRun) -> None:
        self.mailbox.post_progress(run)

    def chunk_received(self, octets: bytes) -> None:
        """Hand a piece of the body over, once not too much of it is undelivered (contract 17.2)."""
        mailbox = self.mailbox
        if not mailbox.has_room(len(octets)):
            self._scope.arm()
            mailbox.is_held_up = True  # whoever delivers a piece from now on wakes this worker
            while not mailbox.has_room(len(octets)):
                self._scope.wait({}, None, "on_chunk")
            mailbox.is_held_up = False
        mailbox.post_chunk(octets)

    def begin_commit(self) -> bool:
        return self._lifecycle.advance(State.COMMITTING)

    # Told by the mailbox, on the dispatch thread

    @property
    def is_settled(self) -> bool:
        """Whether there is an outcome; its callbacks may still have to run."""
        return self._lifecycle.is_settled

    def has_callback(self) -> bool:
        """Whether a callback is there for the outcome."""
        return self._has_callback(self._lifecycle.callback)

    def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
        """Run on_progress, or on_upload_progress, for the next events of a run."""
        if self._resp_head is None and not run.is_upload:
            self._publish_response(self._target, self._head)
        return self._run_progress(run, most, until, self._lifecycle)

    def deliver_chunk(self, octets: bytes) -> None:
        """Run on_chunk, and let the worker read on."""
        if self._resp_head is None:
            self._publish_response(self._target, self._head)
        callback = self.on_chunk
        try:
            if callback:
                callback(self, octets)
        finally:
            if self.mailbox.is_held_up:
                self._scope.wake()

    def deliver_outcome(self) -> None:
        """Publish the outcome, run its callback, then on_finish."""
        outcome = self._lifecycle.decide()
        self._publish(outcome)
        try:
            self._run_callbacks(outcome)
        finally:
            self._let_go()

    def publish_outcome(self) -> bool:
        """Publish the outcome unless it has a callback to run; whether it was published. Any thread."""
        outcome = self._lifecycle.decide()
        if self._has_callback(outcome.callback):
            return False
        self._publish(outcome)
        self._let_go()
        return True

    def _publish(self, outcome: Outcome) -> None:
        """Show the outcome, `is_finished` last: it is what a polling thread looks at."""
        self._publish_response(self._target, self._head)
        self._publish_outcome(outcome)
        self._lifecycle.finish()
        if isinstance(outcome, _GONE_WRONG) and not self.is_awaited and not self._has_callback(outcome.callback):
            what = outcome.error or f"{self.resp_status} {self.resp_reason}"
            log("WARNING", "%r ended, and no callback was there to be told: %s", self, what)

    def _let_go(self) -> None:
        """Keep nothing alive that a finished request does not need (contract 3.7)."""
        self._forget_callbacks()
        live_requests.pop(self, None)

    def _dispatch_result(self, dt: float | None = None) -> None:  # noqa: ARG002 - Kivy's clock passes it
        """Deliver what is pending on this thread, as Kivy's clock calls it."""
        self.mailbox.deliver_all()
