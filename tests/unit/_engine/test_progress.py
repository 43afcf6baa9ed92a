from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from urlrequest._engine import progress
from urlrequest._engine.progress import ProgressMeter, SizeLimit, UploadMeter
from urlrequest.errors import ContentTooLarge

if TYPE_CHECKING:
    from urlrequest._delivery.events import ProgressRun


class Observer:
    """Notes every event, however many stand in one run."""

    def __init__(self, *, is_interested: bool = True) -> None:
        self.is_interested = is_interested
        self.runs: list[ProgressRun] = []

    def wants_progress(self) -> bool:
        return self.is_interested

    def progress_made(self, run: ProgressRun) -> None:
        self.runs.append(run)

    @property
    def events(self) -> list[tuple[int, int]]:
        return [(run.first + step * run.step, run.total) for run in self.runs for step in range(run.count)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("chunk_size", "pieces", "expected"),
    [
        (8, [9], [0, 8, 9, 9]),
        (8, [], [0, 0]),
        (8, [8], [0, 8, 8]),
        (8, [3, 3, 3], [0, 8, 9, 9]),
        (8, [40, 1], [0, 8, 16, 24, 32, 40, 41, 41]),
        (100, [3, 3], [0, 6, 6]),
        (1, [3], [0, 1, 2, 3, 3]),
        (None, [5, 5], [0, 10, 10]),
        (None, [], [0, 0]),
    ],
)
def test_5_2_chunks(chunk_size: int | None, pieces: list[int], expected: list[int]) -> None:
    """Contract 5.2: one event at the beginning, at each chunk_size, and one at the end, which comes twice."""
    observer = Observer()
    meter = ProgressMeter(chunk_size, sum(pieces), None, observer)
    for piece in pieces:
        meter.count(piece)
    meter.finish()

    assert [(current, sum(pieces)) for current in expected] == observer.events


def test_5_2_unknown_total() -> None:
    """Contract 5.2, 5.1: a total that nobody knows is -1."""
    observer = Observer()
    ProgressMeter(8, None, None, observer).finish()

    assert [(0, -1), (0, -1)] == observer.events


def test_5_3_small_chunks_cost_no_objects() -> None:
    """Contract 5.3: a million chunks of one octet that came at once are one run."""
    observer = Observer()
    meter = ProgressMeter(1, 1_000_000, None, observer)
    meter.count(1_000_000)

    assert [1, 1_000_000] == [run.count for run in observer.runs]


def test_12_3_offset() -> None:
    """Contract 12.3: a download that is continued begins where it was."""
    observer = Observer()
    meter = ProgressMeter(10, 30, None, observer, 17)
    meter.count(13)
    meter.finish()

    assert [(17, 30), (27, 30), (30, 30), (30, 30)] == observer.events


def test_17_3_interval(clock: list[float]) -> None:
    """Contract 17.3: no event sooner than the interval after the last one; first and final always."""
    observer = Observer()
    meter = ProgressMeter(1, 100, 0.5, observer)
    for moment, octets in [(100.1, 10), (100.5, 10), (100.6, 10), (100.99, 10), (101.0, 10), (101.1, 5)]:
        clock[0] = moment
        meter.count(octets)
    meter.finish()

    assert [(0, 100), (20, 100), (50, 100), (55, 100)] == observer.events


def test_nobody_listens() -> None:
    """Contract 5: without on_progress nothing is told."""
    observer = Observer(is_interested=False)
    meter = ProgressMeter(1, 100, None, observer)
    meter.count(100)
    meter.finish()

    assert [] == observer.events


def test_17_2_upload() -> None:
    """Contract 17.2: beginning, every piece, end; each figure once."""
    observer = Observer()
    meter = UploadMeter(20, None, observer)
    for sent in (0, 10, 20):
        meter.report(sent, False)
    meter.report(20, True)

    assert [(0, 20), (10, 20), (20, 20)] == observer.events
    assert all(run.is_upload for run in observer.runs)


def test_17_3_upload_interval(clock: list[float]) -> None:
    """Contract 17.3: the interval holds for sending as well."""
    observer = Observer()
    meter = UploadMeter(None, 1.0, observer)
    for moment, sent in [(100.0, 0), (100.5, 10), (101.0, 20), (101.5, 30)]:
        clock[0] = moment
        meter.report(sent, False)
    meter.report(30, True)

    assert [(0, -1), (20, -1), (30, -1)] == observer.events


def test_17_2_upload_of_nothing() -> None:
    """Contract 17.2: an empty body has a beginning and an end, too."""
    observer = Observer()
    meter = UploadMeter(0, None, observer)
    meter.report(0, False)
    meter.report(0, True)

    assert [(0, 0), (0, 0)] == observer.events


def test_17_3_upload_again(clock: list[float]) -> None:
    """Contract 17.3: when a body is sent again, its progress begins again, however soon."""
    observer = Observer()
    meter = UploadMeter(30, 60.0, observer)
    for sent in (0, 10, 0, 10):
        meter.report(sent, False)
    meter.report(30, True)

    assert [(0, 30), (0, 30), (30, 30)] == observer.events


@pytest.mark.parametrize(("limit", "is_refused"), [(None, False), (9, True), (10, False), (0, True)])
def test_17_6_limit(limit: int | None, is_refused: bool) -> None:
    """Contract 17.6: as many octets as max_size may come, and none more, told at once or counted."""
    for check in (lambda meter: meter.check(10), lambda meter: [meter.add(1) for _ in range(10)]):
        meter = SizeLimit(limit)
        if is_refused:
            with pytest.raises(ContentTooLarge, match=f"max_size is {limit}"):
                check(meter)
        else:
            check(meter)
