"""Where the command's body goes: standard output, a device, or a file.

Runs on the main thread, in `wait()`, except that a file without `--compressed` is written by the request itself.

Invariants:
    1. A stream gets every piece at once, unless the whole body has to be looked at before (--compressed, --checksum).
    2. A file appears when it is complete, and not otherwise.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from urlrequest._content.file_sink import FileSink
from urlrequest._content.resumable_file import part_paths

from .progress import size_text
from .verbose import describe_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .options import Wish

__all__ = ["NO_OUTPUT", "Output", "OutputError", "drop_output", "is_special", "kept_words", "open_output"]

NO_OUTPUT = "standard output is closed"
BINARY = "the body is binary; -o FILE saves it, -o - writes it to the terminal all the same"


class OutputError(Exception):
    """The body has no place; the text says why."""


class Output:
    """A place for the body.

    Attributes:
        file_path: The request writes this file itself, and `write()` is not called.
        is_streamed: Pieces are written as they arrive.
    """

    def __init__(self, *, file_path: str | None = None, is_streamed: bool = False) -> None:
        self.file_path = file_path
        self.is_streamed = is_streamed

    def write(self, octets: bytes) -> None:
        """Take a piece. Raises OutputError, or BrokenPipeError: nobody reads it any more."""

    def commit(self) -> None:
        """Be told that the body is complete. Raises OutputError."""


class _Standard(Output):
    def __init__(self, *, is_forced: bool, is_streamed: bool) -> None:
        super().__init__(is_streamed=is_streamed)
        self._is_text_only = sys.stdout.isatty() and not is_forced

    def write(self, octets: bytes) -> None:
        if self._is_text_only and b"\0" in octets:
            raise OutputError(BINARY)
        try:
            sys.stdout.buffer.write(octets)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            drop_output()
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error


class _Device(Output):
    def __init__(self, device: IO[bytes], *, is_streamed: bool) -> None:
        super().__init__(is_streamed=is_streamed)
        self._device = device

    def write(self, octets: bytes) -> None:
        try:
            while octets:
                octets = octets[self._device.write(octets) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"{self._device.name}: {error.strerror}") from error


class _File(Output):
    """A file whose content comes whole, out of memory."""

    def __init__(self, sink: FileSink) -> None:
        super().__init__()
        self._sink = sink

    def write(self, octets: bytes) -> None:
        with _explained():
            self._sink.expect(len(octets))
            self._sink.write(octets)

    def commit(self) -> None:
        with _explained():
            self._sink.commit()


@contextmanager
def _explained() -> Iterator[None]:
    """Make an OutputError of an OSError that names its file."""
    try:
        yield
    except OSError as error:
        raise OutputError(describe_error(error)) from error


@contextmanager
def open_output(wish: Wish) -> Iterator[Output]:
    """Open the place for the body, before anything is sent.

    Raises:
        OutputError: It cannot be written.
    """
    is_streamed = not wish.is_compressed and wish.checksum is None
    if wish.output is None:
        if sys.stdout is None:
            raise OutputError(NO_OUTPUT)
        yield _Standard(is_forced=wish.is_output_forced, is_streamed=is_streamed)
    elif is_special(wish.output):
        with _explained():
            device = open(wish.output, "wb", buffering=0)  # noqa: SIM115 - in the next line
        with device:
            yield _Device(device, is_streamed=is_streamed)
    elif wish.is_compressed:
        with _explained():
            sink = FileSink(wish.output)
        with sink:
            yield _File(sink)
    else:
        yield Output(file_path=wish.output)


def is_special(path: str) -> bool:
    """Whether a path is that of a device or a pipe, which takes octets but cannot be replaced."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def kept_words(wish: Wish) -> str:
    """How much --resume can build on, for the end of a line; '' where there is nothing."""
    if not wish.is_resumed or wish.output is None:
        return ""
    part, note = part_paths(wish.output)
    try:
        os.stat(note)
        size = os.stat(part).st_size
    except OSError:
        return ""
    return f"; {size_text(size)} are kept, and --resume continues there" if size else ""


def drop_output() -> None:
    """Have nowhere in the place of standard output, which the interpreter flushes once more at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
