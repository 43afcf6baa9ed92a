"""The command: `python -m urlrequest URL` and `python -m urlrequest demo`.

It owns the exit codes, standard output and standard error. Everything here runs on the main thread, which runs the
callbacks too, by `wait()`; only what `_cli.verbose` writes is written by the worker.

Invariants:
    1. Standard output gets the body's octets and nothing else; everything said goes to standard error.
    2. Whatever goes wrong is one line, without a traceback and without credentials.
    3. However the command ends, no request is running any more and no temporary file is left but what --resume needs.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from urlrequest import UrlRequest, cancel_all, g_requests, wait_all
from urlrequest.errors import InsecureRequestWarning

from .options import Wish, read_arguments
from .output import NO_OUTPUT, Output, OutputError, drop_output, kept_words, open_output
from .progress import Progress
from .verbose import ShownRequest, complain, describe_error, printable, show_timings, without_userinfo

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ERROR", "FAILURE", "INTERRUPTED", "SUCCESS", "main"]

SUCCESS: Final = 0  # 2 is for a wrong command line, see `_cli.options`
FAILURE: Final = 1  # a status that is no success
ERROR: Final = 3  # no complete response, or no place for it
INTERRUPTED: Final = 130  # as shells count: 128 and the number of SIGINT

ENDING_TIME = 2.0  # seconds at most for the workers to remove their temporary files, on a busy machine too
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
            try:
                return _fetch(wish)
            except KeyboardInterrupt:
                return _interrupt(wish)
    except KeyboardInterrupt:
        return _interrupt(None)
    except BrokenPipeError:
        # Whoever read the output has read enough. At its end the interpreter flushes once more, and would complain.
        drop_output()
        return ERROR


def _show_demo() -> int:
    from .demo import run_demo

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


def _interrupt(wish: Wish | None) -> int:
    """End all requests, and give their workers the time to tidy up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the next Ctrl-C of somebody impatient must not end the tidying up
    until = monotonic() + ENDING_TIME
    running = list(g_requests)
    cancel_all()
    wait_all(running, timeout=ENDING_TIME)
    for request in running:
        request.join(max(0.0, until - monotonic()))
    complain("interrupted" if wish is None else f"interrupted{kept_words(wish)}")
    return INTERRUPTED


def _fetch(wish: Wish) -> int:
    """Make the request, wait for it, and put its body where it is wanted."""
    received = None if wish.output is None else os.path.basename(wish.output)
    progress = Progress(sys.stderr, sent=wish.payload.name, received=received)
    request = None
    try:
        with open_output(wish) as output:
            request = _start(wish, output, progress)
            try:
                request.wait()
            finally:
                progress.close()
            if wish.is_verbose:
                show_timings(request.timings)
            return _judge(request, wish, output)
    except OutputError as error:
        complain(str(error))
        return ERROR
    finally:
        if request is not None:
            request.cancel()  # where writing its body failed, or was interrupted


def _start(wish: Wish, output: Output, progress: Progress) -> UrlRequest:
    def write_piece(_: UrlRequest, octets: bytes) -> None:
        progress.end_sent()
        output.write(octets)

    warnings.simplefilter("ignore", InsecureRequestWarning)  # it was asked for by name
    return (ShownRequest if wish.is_verbose else UrlRequest)(
        wish.url,
        # Being told how far a body is asks for one without content codings (contract 4.6).
        on_progress=None if wish.is_compressed else progress.show_received,
        on_upload_progress=None if wish.payload.name is None else progress.show_sent,
        on_chunk=write_piece if output.is_streamed else None,
        on_finish=_ignore,
        req_body=wish.payload.body,
        files=wish.payload.files,
        req_headers=wish.headers,
        chunk_size=CHUNK_SIZE,
        timeout=wish.timeout,
        method=wish.method,
        file_path=output.file_path,
        resume=wish.is_resumed,
        checksum=wish.checksum,
        max_size=wish.max_size,
        follow_redirects=wish.is_following,
        retries=wish.retries,
        ca_file=wish.ca_file,
        verify=not wish.is_insecure,
        proxy_host=wish.proxy,
        deadline=wish.deadline,
    )


def _ignore(request: Any) -> None:
    """Be there, so that the outcome is not logged: it is told in words of this command."""


def _judge(request: UrlRequest, wish: Wish, output: Output) -> int:
    """Say what a response means, and write its body unless that has been done."""
    where = wish.shown_url
    if request.history and request.resp_url is not None:
        where += f" (redirected to {printable(request.resp_url)})"
    if request.error is not None:
        complain(f"{where}: {describe_error(request.error)}{kept_words(wish)}")
        return ERROR
    status = request.resp_status or 0
    is_success = 200 <= status < 300 or status == 101
    if not is_success:
        told = f"{where}: {status} {printable(request.resp_reason or '')}".rstrip()
        if 300 <= status < 400:
            told += _tell_direction(request)
        if wish.output is not None:
            told += f"; {wish.output} was not written{kept_words(wish)}"
        complain(told)
    if is_success or wish.output is None:
        output.write(request.content or b"")
        if wish.method != "HEAD" and status != 204:  # without a body a file stays what it was
            output.commit()
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
