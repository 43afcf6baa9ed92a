"""The command line -> Wish: what the user of the command wants, checked.

Whatever is wrong ends the process with exit code 2 and one line, before anything is sent. The line never repeats what
may hold a password: a URL, a proxy, the value of a field. Runs on the main thread.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NoReturn

from ._deadline import check_seconds
from ._message import check_method, read_fields
from ._target import parse_target
from ._version import __version__
from .errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Wish", "read_arguments"]

USAGE = """python -m urlrequest [options] URL
       python -m urlrequest demo"""

DESCRIPTION = (
    "Fetch a URL: the body goes to standard output, or to a file with -o. The word demo shows the library at work."
)

EPILOG = """exit codes:
  0    success: a status of 2xx
  1    another status; redirects are not followed, where they lead is told
  2    the command line is wrong
  3    an error: no complete response, or no place for it
  130  interrupted by Ctrl-C

examples:
  python -m urlrequest https://example.org/data.json
  python -m urlrequest -o report.pdf https://example.org/report.pdf
  python -m urlrequest --json '{"name": "Ada"}' https://example.org/people
  python -m urlrequest -X PUT -H 'Content-Type: text/csv' -d @a.csv localhost/a

The progress bar on a terminal needs tqdm (the extra `progress`).
"""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Wish:
    """What is to be fetched, and where the body goes. As a context manager it closes the file of the body.

    Attributes:
        url: As it was typed.
        shown_url: The same without userinfo and fragment.
        headers: For `req_headers`: None leaves a field out.
        body: For `req_body`; a file is streamed.
        output: The file for the body; None: standard output.
        is_output_forced: Standard output was asked for, terminal or not.
        proxy: For `proxy_host`.
    """

    url: str
    shown_url: str
    method: str | None
    headers: list[tuple[str, str | None]]
    body: bytes | IO[bytes] | None
    output: str | None
    is_output_forced: bool
    timeout: float | None
    deadline: float | None
    is_insecure: bool
    ca_file: str | None
    proxy: str | None
    is_verbose: bool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.body is not None and not isinstance(self.body, bytes):
            self.body.close()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"urlrequest: {message} (-h shows how)\n")


def read_arguments(arguments: Sequence[str]) -> Wish:
    """Understand a command line.

    Raises:
        SystemExit: It is wrong (2), or was a question that has been answered (0).
    """
    parser = _make_parser()
    given = parser.parse_args(arguments)
    if given.url == "demo":
        parser.error("demo has no options; a host of that name is reached by http://demo")
    return Wish(
        url=given.url,
        shown_url=parse_target(given.url).url,
        method=given.method,
        headers=_complete(given.headers, is_json=bool(given.json), is_form=bool(given.data)),
        body=_read_body(parser, given),
        output=None if given.output == "-" else given.output,
        is_output_forced=given.output == "-",
        timeout=given.timeout,
        deadline=given.deadline,
        is_insecure=given.insecure,
        ca_file=given.ca_file,
        proxy=given.proxy,
        is_verbose=given.verbose,
    )


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="python -m urlrequest",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("url", metavar="URL", type=_url, help="where to; without a scheme, http")
    add("-o", "--output", metavar="FILE", type=_path, help="save the body; the file appears when it is complete")
    add("-X", "--request", metavar="METHOD", dest="method", type=_method, help="GET, or POST with -d or --json")
    add(
        "-H", "--header", metavar="FIELD", dest="headers", type=_field, action="append", default=[],
        help="'Name: value' sends a header field, 'Name:' leaves one out; may be repeated",
    )  # fmt: skip
    body = parser.add_mutually_exclusive_group()
    body.add_argument(
        "-d", "--data", metavar="TEXT", action="append",
        help="send TEXT as a form; @FILE sends a file's octets, @- those of standard input; repeated: joined with &",
    )  # fmt: skip
    body.add_argument(
        "--json", metavar="TEXT", action="append", help="the same as JSON, with Content-Type and Accept set"
    )
    add("--timeout", metavar="SECONDS", type=_seconds, help="the longest wait for the network in any single step")
    add("--deadline", metavar="SECONDS", type=_seconds, help="the longest time for the whole request")
    add("-k", "--insecure", action="store_true", help="do not check the server's certificate")
    add("--ca-file", metavar="FILE", type=_path, help="trust the certificates in this file only")
    add("--proxy", metavar="URL", type=_proxy, help="an HTTP proxy: [http://][user:password@]host[:port]")
    add("-v", "--verbose", action="store_true", help="show both heads and the timings, without credentials")
    add("--version", action="version", version=f"urlrequest {__version__}", help="show the version")
    return parser


# Single values. argparse would repeat the text of a ValueError's argument, so it gets a message instead.


def _url(text: str) -> str:
    try:
        target = parse_target(text)
    except InvalidURL as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if target.scheme not in {"http", "https"}:
        raise argparse.ArgumentTypeError(f"the scheme {target.scheme} is not served, only http and https are")
    return text


def _proxy(text: str) -> str:
    try:
        parse_target(text if "://" in text else f"http://{text}")
    except InvalidURL as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a path is needed")
    return text


def _method(text: str) -> str:
    try:
        return check_method(text, has_body=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> float | None:
    try:
        return check_seconds("the time", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds above 0") from None


def _field(text: str) -> tuple[str, str | None]:
    """Read a field as curl does: `Name: value`, `Name:` to leave it out, `Name;` to send it empty."""
    name, colon, value = text.partition(":")
    if not colon and name.endswith(";"):
        name, colon, value = name[:-1], ":", ""
        return _checked(name, value)
    if not colon:
        raise argparse.ArgumentTypeError("'Name: value' is needed, or 'Name:' to leave a field out")
    # The octets that were typed are the ones that are sent.
    return _checked(name, os.fsencode(value.strip(" \t")).decode("latin-1") or None)


def _checked(name: str, value: str | None) -> tuple[str, str | None]:
    try:
        read_fields([(name, value)], "the field")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, value


# What belongs together


def _complete(headers: list[tuple[str, str | None]], *, is_json: bool, is_form: bool) -> list[tuple[str, str | None]]:
    """Add the fields that go with the body, unless the user has named them."""
    named = {name.lower() for name, _ in headers}
    ours: list[tuple[str, str | None]] = []
    if is_json:
        ours = [("Content-Type", JSON), ("Accept", JSON)]
    elif is_form:
        ours = [("Content-Type", FORM)]
    return [*(field for field in ours if field[0].lower() not in named), *headers]


def _read_body(parser: argparse.ArgumentParser, given: Any) -> bytes | IO[bytes] | None:
    """The body: a single file is streamed, everything else is put together in memory."""
    texts: list[str] | None = given.json or given.data
    if texts is None:
        return None
    try:
        if len(texts) == 1 and texts[0].startswith("@") and texts[0] != "@-":
            return open(texts[0][1:], "rb")  # the Wish closes it
        return (b"" if given.json else b"&").join(map(_octets, texts))
    except OSError as error:
        parser.error(f"{error.filename or 'standard input'} cannot be read: {error.strerror}")


def _octets(text: str) -> bytes:
    if text == "@-":
        if sys.stdin is None:
            raise OSError(0, "it is closed")
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        with open(text[1:], "rb") as file:
            return file.read()
    return os.fsencode(text)
