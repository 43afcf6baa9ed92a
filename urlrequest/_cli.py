"""The command: `python -m urlrequest URL` and `python -m urlrequest demo`.

It owns the exit codes, standard output and standard error. Everything here runs on the main thread, which runs the
callbacks too, by `wait()`; only what `_cli_verbose` writes is written by the worker.

Invariants:
    1. Standard output gets the body's octets and nothing else; everything said goes to standard error.
    2. Whatever goes wrong is one line, without a traceback and without credentials.
    3. However the command ends, no request is running any more and no temporary file is left.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from . import UrlRequest, cancel_all, g_requests, wait_all
from ._cli_options import Wish, read_arguments
from ._cli_progress import make_display
from ._cli_verbose import ShownRequest, complain, describe_error, printable, show_timings, without_userinfo
from .errors import InsecureRequestWarning, InvalidURL

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BAD_USAGE", "ERROR", "FAILURE", "INTERRUPTED", "SUCCESS", "main"]

SUCCESS: Final = 0
FAILURE: Final = 1  # a status that is no success
BAD_USAGE: Final = 2
ERROR: Final = 3  # no complete response, or no place for it
INTERRUPTED: Final = 130  # as shells count: 128 and the number of SIGINT

NO_OUTPUT = "standard output is closed"
ENDING_TIME = 0.2  # seconds for the workers to remove their temporary files
CHUNK_SIZE = 64 * 1024  # octets from one step of the progress bar to the next


def main(arguments: Sequence[str]) -> int:
    """Run the command, on the main thread, and return its exit code.

    Args:
        arguments: The command line without the program's name.
    """
    _end_on_signals()
    try:
        if list(arguments) == ["demo"]:
            return _show_demo()
        with read_arguments(arguments) as wish:
            return _fetch(wish)
    except KeyboardInterrupt:
        return _interrupt()
    except BrokenPipeError:
        # Whoever read the output has read enough. At its end the interpreter flushes once more, and would complain.
        _drop_output()
        return ERROR


def _show_demo() -> int:
    from ._demo import run_demo

    if sys.stdout is None:
        complain(NO_OUTPUT)
        return ERROR
    return SUCCESS if run_demo(sys.stdout) else FAILURE


def _end_on_signals() -> None:
    """Have signals that would end the process at once end it by way of its `finally` clauses."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has set another one
            signal.signal(number, _end)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _interrupt() -> int:
    """End all requests, and give their workers the time to tidy up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the next Ctrl-C of somebody impatient must not end the tidying up
    until = monotonic() + ENDING_TIME
    running = list(g_requests)
    cancel_all()
    wait_all(running, timeout=ENDING_TIME)
    for request in running:
        request.join(max(0.0, until - monotonic()))
    complain("interrupted")
    return INTERRUPTED


def _drop_output() -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _fetch(wish: Wish) -> int:
    """Make the request, wait for it, and put its body where it is wanted."""
    file_path = None if wish.output is None or _is_special(wish.output) else wish.output
    display = None if wish.output is None else make_display(sys.stderr, os.path.basename(wish.output))

    def show_progress(request: UrlRequest, current: int, total: int) -> None:
        if display is not None and request.resp_status is not None and 200 <= request.resp_status < 300:
            display.show(current, total)

    warnings.simplefilter("ignore", InsecureRequestWarning)  # it was asked for by name
    try:
        request = (ShownRequest if wish.is_verbose else UrlRequest)(
            wish.url,
            on_progress=None if display is None else show_progress,
            on_finish=_ignore,
            req_body=wish.body,
            req_headers=wish.headers,
            chunk_size=CHUNK_SIZE,
            timeout=wish.timeout,
            method=wish.method,
            decode=True,
            file_path=file_path,
            ca_file=wish.ca_file,
            verify=not wish.is_insecure,
            proxy_host=wish.proxy,
            deadline=wish.deadline,
        )
        request.wait()
    finally:
        if display is not None:
            display.close()
    if wish.is_verbose:
        show_timings(request.timings)
    if request.error is not None:
        complain(f"{wish.shown_url}: {describe_error(request.error)}")
        return BAD_USAGE if isinstance(request.error, InvalidURL) else ERROR
    return _judge(request, wish, is_written=file_path is not None)


def _ignore(request: Any) -> None:
    """Be there, so that the outcome is not logged: it is told in words of this command."""


def _is_special(path: str) -> bool:
    """Whether a path is that of a device or a pipe, which takes octets but cannot be replaced."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _judge(request: UrlRequest, wish: Wish, *, is_written: bool) -> int:
    """Say what a response means, and write its body unless the request has done that."""
    status = request.resp_status or 0
    is_success = 200 <= status < 300 or status == 101
    if not is_success:
        told = f"{wish.shown_url}: {status} {printable(request.resp_reason or '')}".rstrip()
        if 300 <= status < 400:
            told += _tell_direction(request)
        if wish.output is not None:
            told += f"; {wish.output} was not written"
        complain(told)
    if is_written or (wish.output is not None and not is_success):
        return SUCCESS if is_success else FAILURE
    try:
        _write(request.content or b"", wish)
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(describe_error(error))
        return ERROR
    return SUCCESS if is_success else FAILURE


def _tell_direction(request: UrlRequest) -> str:
    """Where a redirect leads, as an absolute URL."""
    location = None if request.resp_headers is None else request.resp_headers.get("Location")
    if not location:
        return ""
    from urllib.parse import urljoin

    with suppress(ValueError):  # it leads to nowhere that could be parsed
        location = urljoin(request.resp_url or "", location)
    return f", leads to {printable(without_userinfo(location))} (not followed)"


def _write(content: bytes, wish: Wish) -> None:
    """Write a body to standard output, or to a device.

    Raises:
        BrokenPipeError: Nobody reads it any more. OSError: It cannot be written.
    """
    if wish.output is not None:
        with open(wish.output, "wb") as device:
            device.write(content)
        return
    if sys.stdout is None:
        raise OSError(errno.EBADF, NO_OUTPUT)
    if b"\0" in content and sys.stdout.isatty() and not wish.is_output_forced:
        raise OSError(errno.EINVAL, "the body is binary; -o FILE saves it, -o - writes it to the terminal all the same")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        raise OSError(error.errno, f"standard output cannot be written: {error.strerror}") from error
