"""The state of one request, and who may change it.

    QUEUED --start--> RUNNING --commit--> COMMITTING --settle--> SETTLED --finish--> FINISHED
       +-------- cancel --+------ cancel -------+------ cancel -----^

=========================  ==================  =======================================================================
from -> to                 who                 then
=========================  ==================  =======================================================================
QUEUED -> RUNNING          worker              performs the request
RUNNING -> COMMITTING      worker              the content is verified; a file is moved to its place
RUNNING, COMMITTING        worker              the outcome waits for its delivery
  -> SETTLED
any of these, undelivered  canceller           the outcome is `Cancel`, whatever the worker says later
  -> SETTLED(Cancel)
SETTLED -> FINISHED        dispatch thread     publishes the outcome and runs the terminal callback
=========================  ==================  =======================================================================

Invariants:
    L1  Exactly one outcome is delivered. Whoever acquires `_decided` decides it: a canceller, or the dispatch thread
        that is about to run the terminal callback (contract 7.3). A lost race is told by False.
    L2  The worker alone moves the state up to SETTLED, so its moves race with nothing but a cancel, and a cancel does
        not look at them.
    L3  Nothing here blocks: locks are tried, never waited for. `cancel()` may run in a signal handler that interrupts
        any line of this library on the same thread (a lock that the interrupted line holds would never be released).
"""

from __future__ import annotations

import enum
from threading import Lock

from .events import Cancel, Outcome

__all__ = ["TRANSITIONS", "Lifecycle", "State"]


class State(enum.Enum):
    QUEUED = "queued"
    RUNNING = "running"
    COMMITTING = "committing"
    SETTLED = "settled"
    FINISHED = "finished"

    __hash__ = object.__hash__  # there is one of each; Enum's own is a call in Python


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.SETTLED}),
    State.RUNNING: frozenset({State.COMMITTING, State.SETTLED}),
    State.COMMITTING: frozenset({State.SETTLED}),
    State.SETTLED: frozenset({State.FINISHED}),
    State.FINISHED: frozenset(),
}


class Lifecycle:
    """One request's state and outcome. All methods are safe from any thread and from signal handlers."""

    __slots__ = ("_decided", "_final", "_outcome", "_progress", "is_cancelled", "is_finished", "is_settled")

    def __init__(self) -> None:
        self._progress = State.QUEUED  # as far as the worker got; written by the worker alone
        self._outcome: Outcome | None = None  # the worker's
        self._final: Outcome | None = None  # the one that counts
        self._decided = Lock()
        self.is_cancelled = False
        self.is_settled = False  # there is an outcome to deliver, or it has been delivered
        self.is_finished = False

    @property
    def state(self) -> State:
        if self.is_finished:
            return State.FINISHED
        return State.SETTLED if self.is_cancelled else self._progress

    @property
    def callback(self) -> str:
        """The name of the callback for the outcome, as it stands now."""
        outcome = self._outcome  # read once: whoever delivers it lets go of it
        return Cancel.callback if self.is_cancelled or outcome is None else outcome.callback

    def advance(self, to: State) -> bool:
        """Worker only: enter a state. False when the request was cancelled: only tidying up is left then."""
        if self.is_cancelled:
            return False
        assert to in TRANSITIONS[self._progress], f"{self._progress} -> {to}"
        self._progress = to
        return True

    def settle(self, outcome: Outcome) -> bool:
        """Worker only: offer the outcome. False when a cancel came first."""
        self._outcome = outcome
        if self.advance(State.SETTLED):
            self.is_settled = True
            return True
        self._outcome = None
        return False

    def cancel(self) -> bool:
        """Decide that the outcome is `Cancel`. True for the one call that decided it."""
        if not self._decided.acquire(blocking=False):
            return False
        self.is_cancelled = self.is_settled = True
        return True

    def decide(self) -> Outcome:
        """Holder of the turn to deliver: decide the outcome, unless a canceller has done so, and return it."""
        if self._final is None:
            outcome = self._outcome
            assert outcome is not None or self.is_cancelled, "there is nothing to decide before the request is settled"
            if not self._decided.acquire(blocking=False):
                self.is_cancelled = self.is_settled = True  # the canceller may not have come to this line yet
                outcome = Cancel()
            self._final = outcome
        assert self._final is not None, "what is settled and not cancelled has an outcome"
        return self._final

    def finish(self) -> None:
        """Holder of the turn to deliver: the outcome has been published."""
        self.is_finished = True
        self._outcome = self._final = None
