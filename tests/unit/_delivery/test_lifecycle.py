from __future__ import annotations

import re
import sys
import threading
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._delivery.events import Cancel, Error, Failure, Outcome, Redirect, Success
from urlrequest._delivery.lifecycle import TRANSITIONS, Lifecycle, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

WAYS = {
    State.QUEUED: [],
    State.RUNNING: [State.RUNNING],
    State.COMMITTING: [State.RUNNING, State.COMMITTING],
    State.SETTLED: [State.RUNNING, State.SETTLED],
}
WORKERS_OWN = [State.RUNNING, State.COMMITTING, State.SETTLED]


def move(lifecycle: Lifecycle, after: State) -> bool:
    """Make the one step that leads to a state."""
    if after is State.FINISHED:
        lifecycle.finish()
        return True
    steps = {State.RUNNING: lifecycle.start, State.COMMITTING: lifecycle.begin_commit}
    return lifecycle.settle(Success()) if after is State.SETTLED else steps[after]()


def lifecycle_in(state: State) -> Lifecycle:
    lifecycle = Lifecycle()
    for step in WAYS[state]:
        assert move(lifecycle, step)
    assert state is lifecycle.state
    return lifecycle


@pytest.mark.parametrize(("before", "after"), TRANSITIONS, ids=str)
def test_lifecycle_2_moves_of_the_table(before: State, after: State) -> None:
    """LIFECYCLE-2: every move of the table can be made, by the thread whose move it is."""
    lifecycle = lifecycle_in(before)

    assert move(lifecycle, after)
    assert after is lifecycle.state
    assert (after in {State.SETTLED, State.FINISHED}) == lifecycle.is_settled


@pytest.mark.parametrize(
    ("before", "after"),
    [pair for pair in product(WAYS, State) if pair not in TRANSITIONS and pair[1] is not State.QUEUED],
    ids=str,
)
def test_lifecycle_2_other_moves(before: State, after: State) -> None:
    """LIFECYCLE-2: no other move is made, with `python -O` neither; the error says which it was."""
    lifecycle = lifecycle_in(before)

    with pytest.raises(RuntimeError, match=f"^a request that is {before.value} cannot become {after.value}$"):
        move(lifecycle, after)
    assert (before, before is State.SETTLED) == (lifecycle.state, lifecycle.is_settled)


@pytest.mark.parametrize("after", [*WORKERS_OWN, State.FINISHED], ids=str)
def test_lifecycle_2_nothing_follows_the_end(after: State) -> None:
    """LIFECYCLE-2: a finished request makes no move any more."""
    lifecycle = lifecycle_in(State.SETTLED)
    lifecycle.decide()
    lifecycle.finish()

    with pytest.raises(RuntimeError, match=r"^a request that is (settled|finished) cannot become"):
        move(lifecycle, after)
    assert State.FINISHED is lifecycle.state


def test_7_3_the_table_has_the_moves_of_a_cancel() -> None:
    """Contract 7.3: a cancel settles a request from any state, which the table allows; in SETTLED it stays."""
    assert {(state, State.SETTLED) for state in WAYS if state is not State.SETTLED} <= TRANSITIONS.keys()


def test_the_page_of_the_states_is_drawn_from_the_table() -> None:
    """The picture in docs/explanation/states.md shows every move of TRANSITIONS, in its order, and no other."""
    drawn, last = [], None
    for (before, after), when in TRANSITIONS.items():
        drawn.append(f"{'' if before is last else before.value:10} ──▶ {after.value:10}  {when}")
        last = before
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "states.md").read_text(encoding="utf-8")

    assert "```text\n" + "\n".join(drawn) + "\n```\n" in page
    assert [state.value for state in State] == re.findall(r"^\| (\w+) \|", page, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("state", WAYS, ids=str)
def test_7_3_cancel_wins_in_every_state(state: State) -> None:
    """Contract 7.3, LIFECYCLE-1: cancel decides in every state before delivery, an undelivered result included."""
    lifecycle = lifecycle_in(state)

    assert lifecycle.cancel()
    assert lifecycle.is_cancelled
    assert lifecycle.is_settled
    assert (State.SETTLED, "on_cancel") == (lifecycle.state, lifecycle.callback)
    assert isinstance(lifecycle.decide(), Cancel)


@pytest.mark.parametrize("state", WAYS, ids=str)
def test_7_1_cancel_decides_once(state: State) -> None:
    """Contract 7.1: only the first of several cancels returns that it decided."""
    lifecycle = lifecycle_in(state)

    assert [True, False, False] == [lifecycle.cancel() for _ in range(3)]


@pytest.mark.parametrize("after", WORKERS_OWN, ids=str)
@pytest.mark.parametrize("before", WAYS, ids=str)
def test_lifecycle_1_the_worker_notices_a_cancel(before: State, after: State) -> None:
    """LIFECYCLE-1: after a cancel every move of the worker's returns False."""
    lifecycle = lifecycle_in(before)
    lifecycle.cancel()

    assert not move(lifecycle, after)
    assert isinstance(lifecycle.decide(), Cancel)


def test_7_3_cancel_comes_too_late_for_a_decided_outcome() -> None:
    """Contract 7.3: from the terminal callback on, cancel changes nothing and says so."""
    lifecycle = Lifecycle()
    outcome = Error(error=OSError())
    lifecycle.settle(outcome)

    assert outcome is lifecycle.decide()
    assert not lifecycle.cancel()
    assert not lifecycle.is_cancelled
    assert outcome is lifecycle.decide()
    lifecycle.finish()
    assert not lifecycle.cancel()
    assert not lifecycle.is_cancelled


class CancelInBetween:
    """A lock whose owner is overtaken at the very moment in which it acquires it."""

    def __init__(self, before: Callable[[], object]) -> None:
        self.lock = threading.Lock()
        self.before = before

    def acquire(self, blocking: bool) -> bool:
        before, self.before = self.before, lambda: None
        before()
        return self.lock.acquire(blocking=blocking)


def test_lifecycle_1_race_of_cancel_and_decide_cancel_first() -> None:
    """LIFECYCLE-1: a cancel that comes while the dispatch thread is about to decide wins, and both say so."""
    lifecycle = Lifecycle()
    lifecycle.settle(Success(result="x"))
    cancelled: list[bool] = []
    lock: Any = CancelInBetween(lambda: cancelled.append(lifecycle.cancel()))
    lifecycle._decided = lock

    assert isinstance(lifecycle.decide(), Cancel)
    assert [True] == cancelled
    assert lifecycle.is_cancelled


def test_lifecycle_1_race_of_cancel_and_decide_decide_first() -> None:
    """LIFECYCLE-1: a dispatch thread that decides while a cancel is about to do so wins, and both say so."""
    lifecycle = Lifecycle()
    lifecycle.settle(Success(result="x"))
    decided: list[Outcome] = []
    lock: Any = CancelInBetween(lambda: decided.append(lifecycle.decide()))
    lifecycle._decided = lock

    assert not lifecycle.cancel()
    assert ["x"] == [outcome.result for outcome in decided]
    assert not lifecycle.is_cancelled


def test_lifecycle_1_decide_between_the_two_lines_of_a_cancel() -> None:
    """LIFECYCLE-1: a canceller that has decided but not come to its next line is believed."""
    lifecycle = Lifecycle()
    lifecycle.settle(Success())
    lifecycle._decided.acquire()  # the first of cancel()'s two lines

    assert isinstance(lifecycle.decide(), Cancel)
    assert lifecycle.is_cancelled


def test_lifecycle_1_cancel_between_outcome_and_state() -> None:
    """LIFECYCLE-1: a cancel in the middle of settling leaves nothing of the worker's outcome."""

    class Overtaken(Lifecycle):
        __slots__ = ()

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "_outcome" and value is not None:
                assert self.cancel()

    lifecycle = Overtaken()
    lifecycle.start()

    assert not lifecycle.settle(Success(result="x"))
    assert lifecycle._outcome is None
    assert "on_cancel" == lifecycle.callback
    assert lifecycle.decide().result is None


def test_lifecycle_1_many_cancellers_one_decider() -> None:
    """Contract 7.1, LIFECYCLE-1: of many threads that cancel and one that delivers exactly one decides."""
    for _ in range(100):
        lifecycle = Lifecycle()
        lifecycle.settle(Success())
        start = threading.Barrier(6)
        told: list[bool] = []

        def cancel(lifecycle: Lifecycle = lifecycle, start: threading.Barrier = start, told: list[bool] = told) -> None:
            start.wait()
            told.append(lifecycle.cancel())

        threads = [threading.Thread(target=cancel) for _ in range(5)]
        for thread in threads:
            thread.start()
        start.wait()
        outcome = lifecycle.decide()
        for thread in threads:
            thread.join()

        assert isinstance(outcome, Cancel) == any(told) == lifecycle.is_cancelled
        assert sum(told) <= 1
        assert outcome is lifecycle.decide()


def test_nothing_to_decide_before_settled() -> None:
    """Deciding before there is an outcome is an error."""
    with pytest.raises(RuntimeError, match="nothing to decide"):
        Lifecycle().decide()


@pytest.mark.parametrize(
    ("outcome", "callback"),
    [(Success(), "on_success"), (Redirect(), "on_redirect"), (Failure(), "on_failure"), (Error(), "on_error")],
    ids=count(),
)
def test_callback_of_the_outcome(outcome: Outcome, callback: str) -> None:
    """The callback is the outcome's, until a cancel."""
    lifecycle = Lifecycle()
    lifecycle.settle(outcome)
    assert callback == lifecycle.callback

    lifecycle.cancel()
    assert "on_cancel" == lifecycle.callback


def test_the_callback_is_asked_for_while_another_thread_delivers() -> None:
    """A worker that asks for the callback while the outcome is dropped gets the one or the other name."""
    names: list[str] = []
    for step in range(50):
        lifecycle = lifecycle_in(State.SETTLED)
        lifecycle.decide()
        steps = count()

        def trace(frame: FrameType, event: str, _: object) -> Any:
            frame.f_trace_opcodes = True
            if event == "opcode" and next(steps) == step:  # noqa: B023 - called before the next turn
                lifecycle.finish()  # noqa: B023 - likewise
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            names.append(lifecycle.callback)
        finally:
            sys.settrace(before)

    assert {"on_success", "on_cancel"} == set(names)


def test_3_7_a_finished_lifecycle_keeps_nothing() -> None:
    """Contract 3.7: once delivered, the outcome is let go of."""
    lifecycle = Lifecycle()
    lifecycle.settle(Success(content=b"x"))
    lifecycle.decide()
    lifecycle.finish()

    assert lifecycle._outcome is None
    assert lifecycle._final is None
    assert State.FINISHED is lifecycle.state
