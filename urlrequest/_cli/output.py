"""Where the command's body goes: standard output, a device, or a file.

Runs on the main thread, in `wait()`; but a plain file is written by the request itself.

Invariants:
    OUTPUT-1  A stream gets each piece as it arrives, unless the whole body must be checked first (--compressed,
              --checksum), or several bodies arrive at the same time (-Z).
    OUTPUT-2  A file appears only when it is complete.
    OUTPUT-3  A name that a server has chosen (-J) is a name in the current folder, and replaces no file.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress

from .options import is_special
from .progress import size_text
from .verbose import describe_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from urlrequest._content.file_sink import FileSink

    from .options import Arguments, Job

__all__ = ["NO_OUTPUT", "Output", "OutputError", "check_folder", "describe_partial", "open_output", "silence_stdout"]

NO_OUTPUT = "standard output is closed"
BINARY = "the body is binary; -o FILE saves it, -o - writes it to the terminal all the same"


class OutputError(Exception):
    """The body cannot be written; the text says why."""


class Output:
    """Where the body is written.

    Attributes:
        file_path: The request writes this file itself, and `write()` is not called.
        is_streamed: Pieces are written as they arrive.
        name: The file that was written; None: there is none.
    """

    def __init__(self, *, file_path: str | None = None, is_streamed: bool = False) -> None:
        self.file_path = self.name = file_path
        self.is_streamed = is_streamed

    def write(self, octets: bytes) -> None:
        """Write a piece; OutputError when that fails, BrokenPipeError when the reader is gone."""

    def commit(self, _: Any, /) -> None:
        """Finish: the body is complete, and came with these headers; OutputError when that fails."""


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
    """A file that the command writes, in pieces."""

    def __init__(self, path: str, sink: FileSink, *, is_streamed: bool) -> None:
        super().__init__(is_streamed=is_streamed)
        self.name = path
        self._sink = sink
        self._is_begun = False

    def write(self, octets: bytes) -> None:
        with _as_output_error():
            if not self._is_begun:
                self._is_begun = True
                self._sink.expect(None)
            self._sink.write(octets)

    def commit(self, _: Any, /) -> None:
        with _as_output_error():
            self._sink.commit()


class _NamedByServer(Output):
    """A file whose name the response gives. Until then it has one that nobody chooses."""

    def __init__(self, fallback: str) -> None:
        super().__init__(file_path=f".urlrequest-{os.urandom(8).hex()}.tmp")
        self.name = self._fallback = fallback

    def commit(self, headers: Any, /) -> None:
        from .file_name import file_name_of  # few runs let the server choose

        name = file_name_of(headers.get("Content-Disposition", "")) or self._fallback
        assert self.file_path is not None, "the constructor sets it"
        try:
            with open(name, "xb"):
                os.replace(self.file_path, name)
        except FileExistsError:
            raise OutputError(f"{name}: the file exists, and -J replaces none") from None
        except OSError as error:
            raise OutputError(f"{name}: it cannot be written: {error.strerror}") from error
        self.name = name

    def close(self) -> None:
        """Remove what has no name."""
        with suppress(OSError):
            os.unlink(self.file_path or "")


@contextmanager
def _as_output_error() -> Iterator[None]:
    """Turn an OSError into an OutputError that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(describe_error(error)) from error


def check_folder(path: str) -> None:
    """Refuse a file whose folder is missing: the system's own words do not say which folder that is.

    Raises:
        OutputError: It is missing, or something else.
    """
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        is_there = os.path.exists(folder)
        reason = f"{folder} is not a folder" if is_there else f"the folder {folder} does not exist; create it first"
        raise OutputError(f"{path} cannot be written: {reason}")


@contextmanager
def open_output(job: Job, arguments: Arguments) -> Iterator[Output]:
    """Open the output, before anything is sent.

    Raises:
        OutputError: It cannot be written.
    """
    is_streamed = not arguments.is_compressed and arguments.checksum is None
    if job.output is None:
        if sys.stdout is None:
            raise OutputError(NO_OUTPUT)
        yield _Standard(is_forced=job.is_output_forced, is_streamed=is_streamed and not arguments.is_parallel)
        return
    if is_special(job.output):
        with _as_output_error():
            device = open(job.output, "wb", buffering=0)  # noqa: SIM115 - it is closed below
        with device:
            yield _Device(device, is_streamed=is_streamed)
        return
    check_folder(job.output)
    if arguments.is_compressed or arguments.is_including:
        from urlrequest._content.file_sink import FileSink  # else the request writes the file

        with _as_output_error():
            sink = FileSink(job.output)
        with sink:
            yield _File(job.output, sink, is_streamed=is_streamed)
    elif arguments.is_named_by_server:
        output = _NamedByServer(job.output)
        try:
            yield output
        finally:
            output.close()
    else:
        yield Output(file_path=job.output)


def describe_partial(job: Job, arguments: Arguments) -> str:
    """Say how much of a download is kept for --resume, for the end of a line; '' when nothing is kept."""
    if not arguments.is_resumed or job.output is None:
        return ""
    from urlrequest._content.resumable_file import part_paths  # few runs continue a download

    part, sidecar = part_paths(job.output)
    try:
        os.stat(sidecar)
        size = os.stat(part).st_size
    except OSError:
        return ""
    return f"; kept {size_text(size)}, run again with -C - to continue" if size else ""


def silence_stdout() -> None:
    """Point standard output at os.devnull, so that the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
