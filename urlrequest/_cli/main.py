"""The command: `python -m urlrequest URL` and `python -m urlrequest demo`.

It owns the exit codes, standard output and standard error. Everything here runs on the main thread, which also runs the
callbacks, in `wait()`; the worker thread prints only what `_cli.verbose` says.

Invariants:
    CLI-1  Standard output gets the bytes of the body and nothing else; all messages go to standard error.
    CLI-2  Any error is one line, without a traceback and without credentials.
    CLI-3  However the command ends, no request runs any more, and no temporary file is left but what --resume needs.
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

from .options import Arguments, read_arguments
from .output import NO_OUTPUT, Output, OutputError, describe_partial, open_output, silence_stdout
from .progress import Progress
from .verbose import VerboseRequest, describe_error, print_error, printable, show_timings, without_userinfo

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ERROR", "FAILURE", "INTERRUPTED", "SUCCESS", "main"]

SUCCESS: Final = 0  # 2 is for a wrong command line, see `_cli.options`
FAILURE: Final = 1  # a status that is not a success
ERROR: Final = 3  # no complete response, or its body cannot be written
INTERRUPTED: Final = 130  # as in shells: 128 and the number of SIGINT

MAX_ENDING = 2.0  # seconds for the workers to remove their temporary files, on a busy machine too
CHUNK_SIZE = 64 * 1024  # bytes from one step of the progress bar to the next


def main(argv: Sequence[str]) -> int:
    """Run the command on the main thread, and return its exit code.

    Args:
        argv: The command line without the program's name.
    """
    _end_on_signals()
    try:
        if list(argv) == ["demo"]:
            return _show_demo()
        with read_arguments(argv) as arguments:
            try:
                return _fetch(arguments)
            except KeyboardInterrupt:
                return _interrupt(arguments)
    except KeyboardInterrupt:
        return _interrupt(None)
    except BrokenPipeError:
        # The reader of the output has read enough. At exit the interpreter flushes once more, which would fail.
        silence_stdout()
        return ERROR


def _show_demo() -> int:
    from .demo import run_demo

    if sys.stdout is None:
        print_error(NO_OUTPUT)
        return ERROR
    return SUCCESS if run_demo(sys.stdout) else FAILURE


def _end_on_signals() -> None:
    """Make signals that would end the process at once run its `finally` clauses first."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not if nohup has set another action
            signal.signal(number, _end)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _interrupt(arguments: Arguments | None) -> int:
    """End all requests, and give their workers time to remove temporary files."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt this
    until = monotonic() + MAX_ENDING
    running = list(g_requests)
    cancel_all()
    wait_all(running, timeout=MAX_ENDING)
    for request in running:
        request.join(max(0.0, until - monotonic()))
    print_error("interrupted" if arguments is None else f"interrupted{describe_partial(arguments)}")
    return INTERRUPTED


def _fetch(arguments: Arguments) -> int:
    """Make the request, wait for it, and write its body."""
    received = None if arguments.output is None else os.path.basename(arguments.output)
    progress = Progress(sys.stderr, sent=arguments.payload.name, received=received)
    request = None
    try:
        with open_output(arguments) as output:
            request = _start(arguments, output, progress)
            try:
                request.wait()
            finally:
                progress.close()
            if arguments.is_verbose:
                show_timings(request.timings)
            return _conclude(request, arguments, output)
    except OutputError as error:
        print_error(str(error))
        return ERROR
    finally:
        if request is not None:
            request.cancel()  # in case writing its body failed or was interrupted


def _show_restarts() -> None:
    """Print why a download starts over, which the library logs at DEBUG."""
    import logging  # few runs continue a download

    class Printer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.DEBUG:
                print_error(record.getMessage().partition(": ")[2])  # without the name of the request

    logger = logging.getLogger("urlrequest")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(Printer())


def _start(arguments: Arguments, output: Output, progress: Progress) -> UrlRequest:
    def write_piece(_: UrlRequest, octets: bytes) -> None:
        progress.end_sent()
        output.write(octets)

    if arguments.is_resumed:
        _show_restarts()
    warnings.simplefilter("ignore", InsecureRequestWarning)  # the option --insecure is explicit
    return (VerboseRequest if arguments.is_verbose else UrlRequest)(
        arguments.url,
        # With on_progress a request asks for a body without content codings (contract 4.6).
        on_progress=None if arguments.is_compressed else progress.show_received,
        on_upload_progress=None if arguments.payload.name is None else progress.show_sent,
        on_chunk=write_piece if output.is_streamed else None,
        on_finish=_ignore,
        req_body=arguments.payload.body,
        files=arguments.payload.files,
        req_headers=arguments.headers,
        chunk_size=CHUNK_SIZE,
        timeout=arguments.timeout,
        method=arguments.method,
        file_path=output.file_path,
        resume=arguments.is_resumed,
        checksum=arguments.checksum,
        max_size=arguments.max_size,
        follow_redirects=arguments.is_following,
        retries=arguments.retries,
        ca_file=arguments.ca_file,
        verify=not arguments.is_insecure,
        proxy_host=arguments.proxy,
        deadline=arguments.deadline,
    )


def _ignore(request: Any) -> None:
    """Keep the outcome from being logged: this command reports it itself."""


def _conclude(request: UrlRequest, arguments: Arguments, output: Output) -> int:
    """Report an outcome that is no success, write the body unless that has been done, and return the exit code."""
    if request.error is not None:
        cause = describe_error(request.error)
        print_error(f"{_describe_url(request, arguments)}: {cause}{describe_partial(arguments)}")
        return ERROR
    is_success = _is_success(request.resp_status or 0)
    if not is_success:
        print_error(_describe_failure(request, arguments))
    if is_success or arguments.output is None:
        _write_body(request, arguments, output)
    return SUCCESS if is_success else FAILURE


def _is_success(status: int) -> bool:
    return 200 <= status < 300 or status == 101


def _write_body(request: UrlRequest, arguments: Arguments, output: Output) -> None:
    output.write(request.content or b"")
    if arguments.method != "HEAD" and request.resp_status != 204:  # without a body a file stays as it was
        output.commit()


def _describe_url(request: UrlRequest, arguments: Arguments) -> str:
    if not request.history or request.resp_url is None:
        return arguments.shown_url
    return f"{arguments.shown_url} (redirected to {printable(request.resp_url)})"


def _describe_failure(request: UrlRequest, arguments: Arguments) -> str:
    status = request.resp_status or 0
    text = f"{_describe_url(request, arguments)}: {status} {printable(request.resp_reason or '')}".rstrip()
    if 300 <= status < 400:
        text += _describe_redirect(request)
    if arguments.output is not None:
        text += f"; {arguments.output} was not written{describe_partial(arguments)}"
    return text


def _describe_redirect(request: UrlRequest) -> str:
    """Say where a redirect leads, as an absolute URL; '' if it does not say."""
    location = None if request.resp_headers is None else request.resp_headers.get("Location")
    if not location:
        return ""
    from urllib.parse import urljoin

    with suppress(ValueError):  # it cannot be parsed
        location = urljoin(request.resp_url or "", location)
    return f", leads to {printable(without_userinfo(location))} (not followed)"
