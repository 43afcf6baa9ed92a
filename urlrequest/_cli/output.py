"""Where the command's body goes: standard output, a device, or a file.

Runs on the main thread, in `wait()`; but without `--compressed` the request itself writes a file.

Invariants:
    OUTPUT-1  A stream gets each piece as it arrives, unless the whole body must be checked first (--compressed,
              --checksum).
    OUTPUT-2  A file appears only when it is complete.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from urlrequest._content.file_sink import FileSink
from urlrequest._content.resumable_file import part_paths

from .options import is_special
from .progress import size_text
from .verbose import describe_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .options import Arguments

__all__ = ["NO_OUTPUT", "Output", "OutputError", "describe_partial", "open_output", "silence_stdout"]

NO_OUTPUT = "standard output is closed"
BINARY = "the body is binary; -o FILE saves it, -o - writes it to the terminal all the same"


class OutputError(Exception):
    """The body cannot be written; the text says why."""


class Output:
    """Where the body is written.

    Attributes:
        file_path: The request writes this file itself, and `write()` is not called.
        is_streamed: Pieces are written as they arrive.
    """

    def __init__(self, *, file_path: str | None = None, is_streamed: bool = False) -> None:
        self.file_path = file_path
        self.is_streamed = is_streamed

    def write(self, octets: bytes) -> None:
        """Write a piece; OutputError when that fails, BrokenPipeError when the reader is gone."""

    def commit(self) -> None:
        """Finish: the body is complete; OutputError when that fails."""


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
            silence_stdout()
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
    """A file that is written in one piece, from memory."""

    def __init__(self, sink: FileSink) -> None:
        super().__init__()
        self._sink = sink

    def write(self, octets: bytes) -> None:
        with _as_output_error():
            self._sink.expect(len(octets))
            self._sink.write(octets)

    def commit(self) -> None:
        with _as_output_error():
            self._sink.commit()


@contextmanager
def _as_output_error() -> Iterator[None]:
    """Turn an OSError into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(describe_error(error)) from error


@contextmanager
def open_output(arguments: Arguments) -> Iterator[Output]:
    """Open the output, before anything is sent.

    Raises:
        OutputError: It cannot be written.
    """
    is_streamed = not arguments.is_compressed and arguments.checksum is None
    if arguments.output is None:
        if sys.stdout is None:
            raise OutputError(NO_OUTPUT)
        yield _Standard(is_forced=arguments.is_output_forced, is_streamed=is_streamed)
    elif is_special(arguments.output):
        with _as_output_error():
            device = open(arguments.output, "wb", buffering=0)  # noqa: SIM115 - it is closed below
        with device:
            yield _Device(device, is_streamed=is_streamed)
    elif arguments.is_compressed:
        with _as_output_error():
            sink = FileSink(arguments.output)
        with sink:
            yield _File(sink)
    else:
        yield Output(file_path=arguments.output)


def describe_partial(arguments: Arguments) -> str:
    """Say how much of a download is kept for --resume, for the end of a line; '' when nothing is kept."""
    if not arguments.is_resumed or arguments.output is None:
        return ""
    part, sidecar = part_paths(arguments.output)
    try:
        os.stat(sidecar)
        size = os.stat(part).st_size
    except OSError:
        return ""
    return f"; {size_text(size)} are kept, and --resume continues there" if size else ""


def silence_stdout() -> None:
    """Point standard output at os.devnull, so that the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
