"""One URL: its request, its output, and what is said about the outcome. Runs on the main thread, in `wait()`."""

from __future__ import annotations

from contextlib import suppress

from .output import OutputError, describe_partial
from .payload import JSON
from .verbose import describe_error, printable, shown_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from urlrequest import UrlRequest

    from .options import Arguments, Job
    from .output import Output
    from .progress import Progress

__all__ = ["ERROR", "FAILURE", "SUCCESS", "Transfer"]

SUCCESS = 0  # 2 is for a wrong command line, see `_cli.options`
FAILURE = 1  # a status that is not a success
ERROR = 3  # no complete response, or its body cannot be written

CHUNK_SIZE = 64 * 1024  # bytes from one step of the progress bar to the next


class Transfer:
    """A URL that is being fetched.

    Attributes:
        request: The request, when it was made.
        code: The exit code, when it has ended.
    """

    def __init__(
        self, job: Job, arguments: Arguments, output: Output, progress: Progress, report: Callable[[str], None]
    ) -> None:
        self._job = job
        self._arguments = arguments
        self._output = output
        self._progress = progress
        self._report = report
        self._has_begun = False  # to write the body
        self._held: list[bytes] | None = None  # JSON that will be shown indented
        self._output_error: OutputError | None = None
        self.request: UrlRequest | None = None
        self.code = ERROR

    def options(self) -> dict[str, Any]:
        """Return what the request takes."""
        arguments, payload = self._arguments, self._job.payload
        is_streamed = self._output.is_streamed
        return {
            # With on_progress a request asks for a body without content codings (contract 4.6).
            "on_progress": None if arguments.is_compressed else self._progress.show_received,
            "on_upload_progress": None if payload.name is None else self._progress.show_sent,
            "on_chunk": self._write_chunk if is_streamed else None,
            "on_finish": _ignore,
            "req_body": payload.body,
            "files": payload.files,
            "req_headers": arguments.headers,
            "chunk_size": CHUNK_SIZE,
            "method": arguments.method,
            "file_path": self._output.file_path,
            "resume": arguments.is_resumed,
            "checksum": arguments.checksum,
            "max_size": arguments.max_size,
            "cookies": arguments.cookies,
        }

    # The body

    def _write_chunk(self, request: UrlRequest, octets: bytes) -> None:
        self._progress.end_sent()
        if self._output_error is not None:
            return
        try:
            self._begin(request)
            if self._held is not None:
                self._held.append(octets)
            else:
                self._output.write(octets)
        except OutputError as error:
            self._output_error = error
            request.cancel()  # the rest has no place; other transfers go on

    def _begin(self, request: UrlRequest) -> None:
        """Write what precedes the body, once."""
        if self._has_begun:
            return
        self._has_begun = True
        if self._arguments.is_including:
            self._output.write(_heads(request))
        if self._arguments.is_json and self._is_shown_to_people() and _is_json(request):
            self._held = []

    def _is_shown_to_people(self) -> bool:
        import sys  # as standard output is now

        return self._job.output is None and not self._job.is_output_forced and sys.stdout.isatty()

    def _write_body(self, request: UrlRequest) -> None:
        """Write the rest of the body, or all of it."""
        self._begin(request)
        if self._held is not None:
            self._output.write(_indented(b"".join(self._held) or request.content or b""))
        else:
            self._output.write(request.content or b"")
        has_body = self._arguments.method != "HEAD" and request.resp_status != 204  # without one a file stays as it was
        if has_body or self._arguments.is_including:
            self._output.commit(request.resp_headers)

    # The outcome

    def conclude(self) -> None:
        """Report an outcome that is no success, write the body unless that has been done, and set the exit code."""
        request = self.request
        assert request is not None, "it was made"
        try:
            if self._output_error is not None:
                raise self._output_error
            self.code = self._conclude(request)
        except OutputError as error:
            self._report(str(error))
        if self._arguments.write_out is not None:
            self._write_out(request, self._arguments.write_out)

    def _conclude(self, request: UrlRequest) -> int:
        if request.error is not None:
            partial = describe_partial(self._job, self._arguments)
            self._report(f"{self._describe_url(request)}: {describe_error(request.error)}{partial}")
            return ERROR
        is_success = _is_success(request.resp_status or 0)
        if not is_success:
            self._report(self._describe_failure(request))
        if is_success or (self._job.output is None and not self._arguments.is_failing):
            self._write_body(request)
        return SUCCESS if is_success else FAILURE

    def _describe_url(self, request: UrlRequest) -> str:
        if not request.history or request.resp_url is None:
            return self._job.shown_url
        return f"{self._job.shown_url} (redirected to {shown_url(request.resp_url)})"

    def _describe_failure(self, request: UrlRequest) -> str:
        status = request.resp_status or 0
        text = f"{self._describe_url(request)}: {status} {printable(request.resp_reason or '')}".rstrip()
        if 300 <= status < 400:
            text += _describe_redirect(request)
        if self._job.output is not None:
            text += f"; {self._job.output} was not written{describe_partial(self._job, self._arguments)}"
        return text

    def _write_out(self, request: UrlRequest, text: str) -> None:
        import sys  # as above

        from .write_out import write_out  # few runs use it

        received = self._progress.received or len(request.content or b"")
        name = self._output.name if self.code == SUCCESS else None
        filled = write_out(
            text,
            request,
            method=self._arguments.method or ("GET" if self._job.payload.body is None else "POST"),
            file_name=name,
            sent=self._progress.sent,
            received=received,
            code=self.code,
        )
        if sys.stdout is not None:
            sys.stdout.flush()
            sys.stdout.buffer.write(filled.encode(errors="surrogateescape"))
            sys.stdout.buffer.flush()


def _ignore(request: Any) -> None:
    """Keep the outcome from being logged: this command reports it itself."""


def _is_success(status: int) -> bool:
    return 200 <= status < 300 or status == 101


def _is_json(request: UrlRequest) -> bool:
    from urlrequest._http.fields import media_type_of  # with the engine, which the request has loaded

    media_type = media_type_of(None if request.resp_headers is None else request.resp_headers.get("Content-Type"))
    return media_type == JSON or media_type.endswith("+json")


def _indented(octets: bytes) -> bytes:
    """Return JSON with line breaks and indentation; what is none stays as it is."""
    import json  # few runs show any

    try:
        return f"{json.dumps(json.loads(octets), indent=2, ensure_ascii=False)}\n".encode()
    except (ValueError, RecursionError):
        return octets


def _heads(request: UrlRequest) -> bytes:
    """Return the heads of all responses: those of the redirects that were followed, and the last one."""
    import http  # few runs show them

    heads: list[str] = []
    for hop in request.history:
        try:
            reason = http.HTTPStatus(hop.status).phrase
        except ValueError:
            reason = ""
        heads += [f"HTTP/1.1 {hop.status} {reason}", *_field_lines(hop.headers), ""]
    heads += [f"HTTP/1.1 {request.resp_status} {request.resp_reason or ''}", *_field_lines(request.resp_headers), ""]
    return "".join(f"{line}\r\n" for line in heads).encode("latin-1", "replace")


def _field_lines(headers: Any) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.fields()]


def _describe_redirect(request: UrlRequest) -> str:
    """Say where a redirect leads, as an absolute URL; '' if it does not say."""
    location = None if request.resp_headers is None else request.resp_headers.get("Location")
    if not location:
        return ""
    from urllib.parse import urljoin

    with suppress(ValueError):  # it cannot be parsed
        location = urljoin(request.resp_url or "", location)
    return f": redirects to {shown_url(location)} (use -L to follow)"
