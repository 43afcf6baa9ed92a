"""What callbacks are run for."""

from __future__ import annotations

import pytest

from urlrequest._delivery.events import (
    Cancel,
    Error,
    Failure,
    Outcome,
    ProgressRun,
    Redirect,
    Success,
    answer_class,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (101, Success), (200, Success), (204, Success), (299, Success),
        (300, Redirect), (304, Redirect), (399, Redirect),
        (100, Failure), (199, Failure), (400, Failure), (599, Failure), (600, Failure), (999, Failure),
    ],
)  # fmt: skip
def test_3_3_classes(status: int, expected: type[Outcome]) -> None:
    """Contract 3.3: 2xx and 101 are success, 3xx redirect, all else failure."""
    assert expected is answer_class(status)


def test_3_2_arguments() -> None:
    """Contract 3.2: answers bring the result, errors the exception, a cancel nothing."""
    error = OSError()

    assert [("r",)] * 3 == [kind(result="r").arguments() for kind in (Success, Redirect, Failure)]
    assert (error,) == Error(error=error).arguments()
    assert () == Cancel().arguments()


def test_progress_runs_are_cut() -> None:
    """A run of progress events can be cut into its beginning and its last event."""
    run = ProgressRun(8, 8, 5, 99)
    first, last = run.first_events(3), run.last_event()

    assert (8, 8, 3, 99) == (first.first, first.step, first.count, first.total)
    assert (40, 1, 99) == (last.first, last.count, last.total)
    assert 5 == run.count
