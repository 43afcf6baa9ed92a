"""Progress on standard error: lines, and which of them are worth printing."""

from __future__ import annotations

import io

import pytest

from urlrequest._cli.progress import Lines, Progress, size_text


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
    assert "file: 10 %, 1.0 MiB of 10.0 MiB, 10.2 KiB/s, 900 s left" == lines[0]
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
        "file: 75 %, 768 B of 1.0 KiB, 128 B/s, 2 s left",
        "file: 512 B in 4.0 s, 128 B/s",
    ] == play_steps([(0, 512), (2, 768), (4, 1024)], 1024)


def test_quick_upload_is_not_told() -> None:
    """Without a terminal an upload gets lines when it takes longer, and then the last one too."""
    assert [] == play_steps([(0, 0), (0.5, 100)], 100, is_terse=True)
    assert 2 == len(play_steps([(0, 0), (5, 50), (10, 100)], 100, is_terse=True))


def test_progress_without_a_stream() -> None:
    """Where standard error is closed nobody is told."""
    progress = Progress(None, sent="a", received="b")
    progress.show_sent(None, 1, 2)
    progress.show_received(None, 1, 2)

    progress.close()
