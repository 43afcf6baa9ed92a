"""Progress on standard error: lines, and which of them are worth printing."""

from __future__ import annotations

import io

import pytest

from urlrequest._cli.progress import Bar, Lines, Progress, Total, make_display, size_text, time_text


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play_lines(total: int, steps: int, seconds: float, *, is_told: bool = True) -> list[str]:
    clock, stream = Clock(), io.StringIO()
    lines = Lines(stream, "file", clock)
    for step in range(steps + 1):
        clock.now = seconds * step / steps
        lines.show(total * step // steps, total if is_told else -1)
    lines.show(total, total if is_told else -1)
    lines.close()
    return stream.getvalue().splitlines()


def test_lines_are_few() -> None:
    """However long a download takes, it is told in ten lines, with rate and time left."""
    lines = play_lines(total=10 * 1024 * 1024, steps=5000, seconds=1000)

    assert 10 == len(lines)
    assert "file: 10 %, 1.0 MiB of 10.0 MiB, 10.2 KiB/s, 15:00 left" == lines[0]
    assert "file: 10.0 MiB in 1000.0 s, 10.2 KiB/s" == lines[-1]


def test_quick_download_is_one_line() -> None:
    """Nobody needs steps of less than a second."""
    assert ["file: 1.0 MiB in 0.5 s, 2.0 MiB/s"] == play_lines(total=1024 * 1024, steps=50, seconds=0.5)


def test_lines_of_unknown_size() -> None:
    """Without a total the doubles of a MiB are told."""
    lines = play_lines(total=1024**3, steps=5000, seconds=5000, is_told=False)

    assert len(lines) <= 12
    assert "1.0 GiB in 5000.0 s" in lines[-1]


def test_lines_of_an_ended_download() -> None:
    """A download that was given up says how far it came; one that had not begun says nothing."""
    stream = io.StringIO()
    lines = Lines(stream, "file", Clock())
    lines.close()
    lines.show(0, 10)
    lines.show(5, 10)
    lines.close()

    assert "file: ended after 5 B of 10 B\n" == stream.getvalue()


def test_lines_survive_their_stream() -> None:
    """That nobody looks any more is no reason to give up the download."""
    stream = io.StringIO()
    stream.close()
    lines = Lines(stream, "file", Clock())
    lines.show(0, 0)

    lines.close()


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**40, "3.0 TiB"), (5000 * 2**40, "5000.0 TiB")],
)
def test_sizes(octets: int, text: str) -> None:
    """Sizes are told in units of 1024."""
    assert text == size_text(octets)


def play_steps(steps: list[tuple[float, int]], total: int, *, is_terse: bool = False) -> list[str]:
    """What is told of octets at certain seconds."""
    clock, stream = {"now": 0.0}, io.StringIO()
    lines = Lines(stream, "file", lambda: clock["now"], is_terse=is_terse)
    for clock["now"], octets in steps:
        lines.show(octets, total)
    lines.close()
    lines.close()
    return stream.getvalue().splitlines()


def test_rate_of_a_continued_download() -> None:
    """Rate and time left count what came now."""
    assert [
        "file: 75 %, 768 B of 1.0 KiB, 128 B/s, 0:02 left",
        "file: 512 B in 4.0 s, 128 B/s",
    ] == play_steps([(0, 512), (2, 768), (4, 1024)], 1024)


def test_quick_upload_is_not_told() -> None:
    """Without a terminal an upload gets lines when it takes longer, and then the last one too."""
    assert [] == play_steps([(0, 0), (0.5, 100)], 100, is_terse=True)
    assert 2 == len(play_steps([(0, 0), (5, 50), (10, 100)], 100, is_terse=True))


def test_progress_without_a_stream() -> None:
    """Where standard error is closed nobody is told."""
    progress = Progress(make_display(None, "a"), make_display(None, "b"))
    progress.show_sent(None, 1, 2)
    progress.show_received(None, 1, 2)

    progress.close()


# Bars


class Screen(io.StringIO):
    """A terminal of some columns."""

    def isatty(self) -> bool:
        return True


def play_bar(monkeypatch: pytest.MonkeyPatch, columns: int, steps: list[tuple[float, int]], total: int) -> list[str]:
    """What a bar draws, one text for each drawing, and the line at the end."""
    monkeypatch.setattr("urlrequest._cli.progress._terminal_width", lambda _: columns)
    clock, stream = Clock(), Screen()
    bar = Bar(stream, "a-rather-long-name-of-a-file.iso", clock)
    for clock.now, octets in steps:
        bar.show(octets, total)
    bar.close()
    return stream.getvalue().split("\r")[1:]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (40, "a-r..iso  50 %  51.2 KiB/s  0:10 left"),
        (80, "a-r..iso [#####.....]  50 %   512.0 KiB of 1.0 MiB    51.2 KiB/s    0:10 left"),
        (
            120,
            f"a-rather-long-name-..iso [{'#' * 17}{'.' * 17}]  50 %   512.0 KiB of 1.0 MiB    51.2 KiB/s    0:10 left",
        ),
        (
            300,
            f"a-rather-long-name-..iso [{'#' * 20}{'.' * 20}]  50 %   512.0 KiB of 1.0 MiB    51.2 KiB/s    0:10 left",
        ),
    ],
)
def test_bar_fits(monkeypatch: pytest.MonkeyPatch, columns: int, line: str) -> None:
    """What fits into the columns is shown, with room for ^C; rate and time left stay the longest."""
    monkeypatch.setenv("NO_COLOR", "1")
    first, second, blank, summary = play_bar(monkeypatch, columns, [(0, 0), (10, 512 * 1024)], 1024**2)

    assert line == second.rstrip()
    assert all(len(drawn) + len("^C") < columns for drawn in (first, second))
    assert len(second) + len("^C") == len(blank) < columns
    assert "" == blank.strip()
    assert "a-rather-long-name-of-a-file.iso: ended after 512.0 KiB of 1.0 MiB\n" == summary


def test_bar_of_unknown_size_has_no_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a total there are size and rate."""
    drawn = play_bar(monkeypatch, 80, [(0, 0), (1, 2048)], -1)

    assert "a-rather-long-name-..iso 2.0 KiB  2.0 KiB/s" == drawn[1].rstrip()
    assert "a-rather-long-name-of-a-file.iso: 2.0 KiB in 1.0 s, 2.0 KiB/s\n" == drawn[-1]


def test_bar_is_coloured_only_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filled part is green, unless NO_COLOR is set; a line is as wide with and without."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = play_bar(monkeypatch, 120, [(0, 5)], 10)[0]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = play_bar(monkeypatch, 120, [(0, 5)], 10)[0]

    assert "\x1b[32m###" in coloured
    assert plain == coloured.replace("\x1b[32m", "").replace("\x1b[0m", "")


def test_bar_shows_the_rate_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer that has slowed down says so soon."""
    steps = [(float(second), 1000 * second) for second in range(100)]
    steps += [(100.0 + second, 100_000 + second) for second in range(8)]

    assert " 1 B/s " in play_bar(monkeypatch, 80, steps, 200_000)[-3]


def test_bars_are_not_drawn_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten drawings in a second are enough for people."""
    drawn = play_bar(monkeypatch, 80, [(step / 1000, step) for step in range(1000)], 1000)

    assert len(drawn) <= 12


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.4, "0:59"), (61, "1:01"), (3725, "1:02:05"), (400_000, "4 days")],
)
def test_times(seconds: float, text: str) -> None:
    """Times are minutes and seconds, with hours where there are any."""
    assert text == time_text(seconds)


def test_total_of_several_bodies() -> None:
    """The sum is known when every body has begun, and ends in one line."""
    stream = io.StringIO()
    clock = Clock()
    total = Total(Lines(stream, "2 files", clock), 2)
    first, second = total.part(), total.part()
    first.show(0, 100)
    clock.now = 4.0
    first.show(100, 100)
    first.close()
    second.show(0, 300)
    clock.now = 8.0
    second.show(150, 300)
    second.show(300, 300)
    total.close()

    assert ["2 files: 62 %, 250 B of 400 B, 31 B/s, 0:05 left", "2 files: 400 B in 8.0 s, 50 B/s"] == (
        stream.getvalue().splitlines()
    )
