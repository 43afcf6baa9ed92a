"""The transfers of one run: one after the other, or with -Z at the same time. Several share a session.

Runs on the main thread. The callbacks run there, too, in `wait()`.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from urlrequest import UrlRequest
from urlrequest.errors import InsecureRequestWarning

from .output import OutputError, check_folder, open_output
from .progress import Progress, Total, make_display
from .transfer import ERROR, SUCCESS, Transfer
from .verbose import describe_error, print_error, show_timings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from urlrequest import Session

    from .options import Arguments, Job

__all__ = ["fetch"]

MAX_PARALLEL = 50  # requests at a time


def fetch(arguments: Arguments) -> int:
    """Fetch all URLs, and return the exit code: the largest one of the transfers."""
    report = print_error if arguments.shows_errors else _say_nothing
    if arguments.is_resumed and arguments.shows_errors:
        _show_restarts()
    warnings.simplefilter("ignore", InsecureRequestWarning)  # the option --insecure is explicit
    try:
        if arguments.cookie_jar is not None:
            check_folder(arguments.cookie_jar)
        with _open_session(arguments) as session:
            run = _fetch_parallel if arguments.is_parallel and len(arguments.jobs) > 1 else _fetch_serial
            return run(arguments, _request_maker(arguments, session), report)
    except OutputError as error:
        report(str(error))
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        report(describe_error(error))  # a file of cookies
    return ERROR


def _say_nothing(_: str) -> None:
    """Report nothing (-s)."""


def _settings(arguments: Arguments) -> dict[str, Any]:
    """Return what all requests have in common, as options of a request or of a session."""
    return {
        "timeout": arguments.timeout,
        "deadline": arguments.deadline,
        "ca_file": arguments.ca_file,
        "verify": not arguments.is_insecure,
        "client_cert": arguments.client_cert,
        "auth": arguments.auth,
        "proxy_host": arguments.proxy or None,
        "trust_env": arguments.proxy is None,
        "follow_redirects": arguments.is_following,
        "retries": arguments.retries,
        "address_family": arguments.address_family,
    }


@contextmanager
def _open_session(arguments: Arguments) -> Iterator[Session | None]:
    """Make the session of several URLs, or of one with files of cookies; None: one URL needs none."""
    keeps_cookies = arguments.cookie_file is not None or arguments.cookie_jar is not None
    if len(arguments.jobs) == 1 and not keeps_cookies:
        yield None
        return
    from urlrequest import CookieStore, Session  # most runs need none

    class Forgetful(CookieStore):
        """Keeps no cookies: as in curl, only -b and -c ask for that."""

        def store(self, target: Any, head: Any) -> None:
            """Forget the cookies that a response sets."""

    cookies = CookieStore() if keeps_cookies else Forgetful()
    if arguments.cookie_file:
        with suppress(FileNotFoundError):  # as at the first run with -b FILE -c FILE
            cookies.load(arguments.cookie_file)
    with Session(cookies=cookies, max_requests=MAX_PARALLEL, **_settings(arguments)) as session:
        try:
            yield session
        finally:
            if arguments.cookie_jar is not None:
                cookies.save(arguments.cookie_jar)


def _fetch_serial(arguments: Arguments, make: Callable[..., UrlRequest], report: Callable[[str], None]) -> int:
    code = SUCCESS
    for job in arguments.jobs:
        progress = _make_progress(job, arguments)
        try:
            with open_output(job, arguments) as output:
                transfer = Transfer(job, arguments, output, progress, report)
                code = max(code, _run_transfer(transfer, job, arguments, progress, make))
        except OutputError as error:
            report(str(error))
            code = ERROR
    return code


def _run_transfer(
    transfer: Transfer, job: Job, arguments: Arguments, progress: Progress, make: Callable[..., UrlRequest]
) -> int:
    request = transfer.request = make(job.url, **transfer.options())
    try:
        try:
            request.wait()
        finally:
            progress.close()
        if arguments.is_verbose:
            show_timings(request.timings)
        transfer.conclude()
        return transfer.code
    finally:
        request.cancel()  # in case writing its body failed or was interrupted


def _fetch_parallel(arguments: Arguments, make: Callable[..., UrlRequest], report: Callable[[str], None]) -> int:
    from urlrequest import as_completed, cancel_all  # for -Z only

    jobs = arguments.jobs
    files = [os.path.basename(job.output) for job in jobs if job.output is not None]
    display = _display(arguments, files[0] if len(files) == 1 else f"{len(files)} files") if files else None
    total = Total(display, len(files))
    code = SUCCESS
    transfers: dict[Any, Transfer] = {}
    with ExitStack() as outputs:
        try:
            for job in jobs:
                progress = Progress(None, None if job.output is None else total.part())
                try:
                    output = outputs.enter_context(open_output(job, arguments))
                except OutputError as error:
                    report(str(error))
                    code = ERROR
                    continue
                transfer = Transfer(job, arguments, output, progress, report)
                transfer.request = make(job.url, **transfer.options())
                transfers[transfer.request] = transfer
            ended = list(as_completed(transfers))
        finally:
            total.close()
            cancel_all()
        for request in ended:
            if arguments.is_verbose:
                show_timings(request.timings)
            transfers[request].conclude()
            code = max(code, transfers[request].code)
    return code


def _request_maker(arguments: Arguments, session: Session | None) -> Callable[..., UrlRequest]:
    """Return what makes a request: the library's own, unless an option needs connections of the command's."""
    common: dict[str, Any] = _settings(arguments) if session is None else {"session": session}
    if not (arguments.is_verbose or arguments.rate or arguments.connect_timeout):
        return partial(UrlRequest, **common)
    from .request import CommandRequest, Settings, connection_classes  # most runs need none of it

    classes = connection_classes(Settings(arguments.is_verbose, arguments.rate, arguments.connect_timeout))
    return partial(CommandRequest, classes=classes, is_verbose=arguments.is_verbose, **common)


def _make_progress(job: Job, arguments: Arguments) -> Progress:
    sent, received = job.payload.name, job.output
    return Progress(
        None if sent is None else _display(arguments, sent, is_terse=True),
        None if received is None else _display(arguments, os.path.basename(received)),
    )


def _display(arguments: Arguments, name: str, *, is_terse: bool = False) -> Any:
    stream = None if arguments.is_silent else sys.stderr
    return make_display(stream, name, is_terse=is_terse, is_bar_allowed=not arguments.is_verbose)


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
