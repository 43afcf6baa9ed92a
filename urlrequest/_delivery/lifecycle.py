"""The state of one request, and which thread may change it.

`TRANSITIONS` holds every move there is. The worker moves a request up to SETTLED, the dispatch thread moves it on to
FINISHED. A canceller settles it from any state that is not FINISHED: then the outcome is `Cancel`, and an outcome that
the worker offers later is ignored. A cancel also replaces an outcome that is not delivered yet.

Thread safety. `_progress` and `_outcome` belong to the worker, `_final` and `is_finished` to the holder of the turn to
deliver (see `mailbox`); each is one reference. `_decided` is a lock that is tried.

Invariants:
    LIFECYCLE-1  Exactly one outcome is delivered. The thread that acquires `_decided` decides it: a canceller, or the
                 dispatch thread that is about to run the terminal callback (contract 7.3). The thread that comes
                 second gets False.
    LIFECYCLE-2  The worker alone moves the state up to SETTLED, so its moves race with nothing but a cancel, and a
                 cancel does not look at them.
    LIFECYCLE-3  Nothing here blocks: locks are tried, never waited for. `cancel()` may run in a signal handler that
                 interrupts any line of this library on the same thread (a lock that the interrupted line holds would
                 never be released).
"""

from __future__ import annotations

import enum
from threading import Lock

from urlrequest._concurrency.sync import AT_ONCE

from .events import Cancel, Outcome

__all__ = ["TRANSITIONS", "Lifecycle", "State"]


class State(enum.Enum):
    """How far a request is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMMITTING = "committing"
    SETTLED = "settled"
    FINISHED = "finished"

    __hash__ = object.__hash__  # there is one of each; Enum's own is a call in Python


TRANSITIONS: dict[tuple[State, State], str] = {
    (State.QUEUED, State.RUNNING): "a worker thread takes the request",
    (State.QUEUED, State.SETTLED): "a cancel, the deadline, or an error before there is a worker thread",
    (State.RUNNING, State.COMMITTING): "the body is complete and verified; the file is about to be moved to its place",
    (State.RUNNING, State.SETTLED): "a response, an error, or a cancel",
    (State.COMMITTING, State.SETTLED): "the file is in its place; or an error of the disk, or a cancel",
    (State.SETTLED, State.FINISHED): "the dispatch thread publishes the outcome and runs the terminal callback",
}
"""Every move, and when it is made. A cancel leaves SETTLED as it is, and takes the place of the undelivered outcome."""

# To ask an enumeration for a member is slow in Python 3.10 and 3.11, as is to hash a pair: 6 % of a small request.
_QUEUED, _RUNNING, _COMMITTING, _SETTLED, _FINISHED = State
_FOLLOWERS = {before: {after for start, after in TRANSITIONS if start is before} for before in State}


class Lifecycle:
    """One request's state and outcome. All methods are safe from any thread and from signal handlers.

    Attributes:
        is_cancelled: A cancel decided the outcome, or is about to.
        is_settled: There is an outcome to deliver, or it has been delivered.
        is_finished: The outcome has been published.
    """

    __slots__ = ("_decided", "_final", "_outcome", "_progress", "is_cancelled", "is_finished", "is_settled")

    def __init__(self) -> None:
        self._progress = _QUEUED  # as far as the worker got; written by the worker alone
        self._outcome: Outcome | None = None  # the worker's
        self._final: Outcome | None = None  # the one that counts
        self._decided = Lock()
        self.is_cancelled = False
        self.is_settled = False
        self.is_finished = False

    @property
    def state(self) -> State:
        """The state, as it stands now."""
        if self.is_finished:
            return State.FINISHED
        return _SETTLED if self.is_cancelled else self._progress

    @property
    def callback(self) -> str:
        """The name of the callback for the outcome, as it stands now."""
        outcome = self._outcome  # read once: the thread that delivers it lets go of it
        return Cancel.callback if self.is_cancelled or outcome is None else outcome.callback

    def start(self) -> bool:
        """Worker only: the request is being performed. False when it was cancelled: there is nothing to do.

        Raises:
            RuntimeError: It was started before.
        """
        return self._enter(_RUNNING)

    def begin_commit(self) -> bool:
        """Worker only: the file is about to be moved. False when the request was cancelled: it must not be."""
        return self._enter(_COMMITTING)

    def settle(self, outcome: Outcome) -> bool:
        """Worker only: offer the outcome. False when a cancel came first."""
        self._outcome = outcome
        if self._enter(_SETTLED):
            return True
        self._outcome = None
        return False

    def _enter(self, state: State) -> bool:
        if self.is_cancelled:
            return False
        if state not in _FOLLOWERS[self._progress]:
            raise _wrong_move(self._progress, state)
        self._progress = state  # no calls from here on, so Ctrl-C comes before all of it or after
        if state is _SETTLED:
            self.is_settled = True
        return True

    def cancel(self) -> bool:
        """Decide that the outcome is `Cancel`. True for the one call that decided it."""
        [decides] = map(self._decided.acquire, AT_ONCE)
        if decides:
            self.is_cancelled = self.is_settled = True
        return decides

    def decide(self) -> Outcome:
        """Holder of the turn to deliver: decide the outcome, unless a canceller has done so, and return it.

        Raises:
            RuntimeError: The request is not settled.
        """
        if self._final is None:
            outcome = self._outcome
            if outcome is None and not self.is_cancelled:
                raise RuntimeError("there is nothing to decide before the request is settled")
            [decides] = map(self._decided.acquire, AT_ONCE)
            if decides:
                self._final = outcome
            else:
                self.is_cancelled = self.is_settled = True  # the canceller may not have come to this line yet
                self._final = Cancel()
        assert self._final is not None, "what is settled and not cancelled has an outcome"
        return self._final

    def finish(self) -> None:
        """Holder of the turn to deliver: the outcome has been published.

        Raises:
            RuntimeError: The request is not settled, or was finished before.
        """
        before = _SETTLED if self.is_cancelled else self._progress
        if self.is_finished or _FINISHED not in _FOLLOWERS[before]:
            raise _wrong_move(self.state, _FINISHED)
        self.is_finished = True
        self._outcome = self._final = None


def _wrong_move(before: State, after: State) -> RuntimeError:
    return RuntimeError(f"a request that is {before.value} cannot become {after.value}")
