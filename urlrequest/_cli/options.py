"""The command line -> Arguments, checked. Runs on the main thread.

A wrong command line ends the process with exit code 2 and one line, before anything is sent. The line never repeats a
text that may contain a password: a URL, a proxy, the value of a header.
"""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from urlrequest import __version__
from urlrequest._concurrency.deadline import check_seconds
from urlrequest._content.checksum import check_checksum
from urlrequest._engine.proxies import choose_proxy
from urlrequest._http.fields import read_fields
from urlrequest._http.request_head import check_method
from urlrequest._http.target import parse_target
from urlrequest.errors import InvalidURL

from .payload import Payload, complete_fields, form_part, make_payload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Arguments", "is_special", "read_arguments"]

BAD_USAGE = 2  # exit code

USAGE = """python -m urlrequest [options] URL
       python -m urlrequest demo"""

DESCRIPTION = """Fetch a URL: the body goes to standard output, or to a file with -o.
The word demo shows the library at work."""

EPILOG = """exit codes:
  0    success: a status of 2xx
  1    another status; of a redirect, the line says where it leads
  2    the command line is wrong
  3    an error: no complete response, or its body cannot be written
  130  interrupted by Ctrl-C

examples:
  python -m urlrequest https://example.org/data.json
  python -m urlrequest -L --resume -o disk.iso https://example.org/disk.iso
  python -m urlrequest --json '{"name": "Ada"}' https://example.org/people
  python -m urlrequest -F title=Notes -F file=@notes.txt http://localhost/add

The progress bar on a terminal needs tqdm (the extra `progress`).
"""

_SIZE = re.compile(r"([0-9]{1,15})([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class Arguments(NamedTuple):
    """What to fetch, and where the body goes. As a context manager it closes the files that are sent.

    Attributes:
        url: As it was typed.
        shown_url: The same without userinfo and fragment, for messages.
        headers: For `req_headers`: the value None leaves a header out.
        payload: The body to send.
        output: The file for the body; None: standard output.
        is_output_forced: Standard output was named, so a binary body may go to a terminal.
        is_resumed, checksum, max_size, retries: As of UrlRequest.
        is_following: Redirects are followed.
        is_compressed: Compressed bodies are accepted; they are decoded in memory.
        proxy: For `proxy_host`.
    """

    url: str
    shown_url: str
    method: str | None
    headers: list[tuple[str, str | None]]
    payload: Payload
    output: str | None
    is_output_forced: bool
    is_resumed: bool
    checksum: str | None
    max_size: int | None
    is_following: bool
    retries: int
    is_compressed: bool
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
        self.payload.close()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_USAGE, f"urlrequest: {message} (-h shows how)\n")


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Read and check a command line.

    Raises:
        SystemExit: It is wrong (2), or asked for help or the version, which was printed (0).
    """
    parser = _make_parser()
    given = parser.parse_args(arguments)
    if given.url == "demo":
        parser.error("demo has no options; a host of that name is reached by http://demo")
    _check_together(parser, given)
    return Arguments(
        url=given.url,
        shown_url=parse_target(given.url).url,
        method=given.method,
        headers=complete_fields(given.headers, is_json=bool(given.json), is_form=bool(given.data)),
        payload=_read_payload(parser, given),
        output=None if given.output == "-" else given.output,
        is_output_forced=given.output == "-",
        is_resumed=given.resume,
        checksum=given.checksum,
        max_size=given.max_size,
        is_following=given.location,
        retries=given.retry,
        is_compressed=given.compressed,
        timeout=given.timeout,
        deadline=given.deadline,
        is_insecure=given.insecure,
        ca_file=given.ca_file,
        proxy=given.proxy,
        is_verbose=given.verbose,
    )


def _layout(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26)


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="python -m urlrequest",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_layout,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("url", metavar="URL", type=_url, help="the address; without a scheme, http")
    _add_output_options(parser)
    _add_body_options(parser)
    add("-L", "--location", action="store_true", help="follow redirects, up to 20")
    add("--retry", metavar="N", type=_count, default=0, help="try again when the network or the server fails")
    add("--timeout", metavar="SECONDS", type=_seconds, help="the longest wait for the network in any single step")
    add("--deadline", metavar="SECONDS", type=_seconds, help="the longest time for the whole request")
    add("-k", "--insecure", action="store_true", help="do not check the server's certificate")
    add("--ca-file", metavar="FILE", type=_path, help="trust the certificates in this file only")
    add("--proxy", metavar="URL", type=_proxy, help="[http|https|socks5|socks4|socks4a://][user:password@]host[:port]")
    add("-v", "--verbose", action="store_true", help="show all headers and the timings, without credentials")
    add("--version", action="version", version=f"urlrequest {__version__}", help="show the version")
    return parser


def _add_output_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", type=_path, help="save the body; the file appears when it is complete")
    add("--resume", action="store_true", help="with -o: continue a download that broke off")
    add("--checksum", metavar="ALGORITHM:HEX", type=_checksum, help="the checksum of the body, as in sha256:9f86d0...")
    add("--max-size", metavar="BYTES", type=_size, help="the largest body; K, M and G are powers of 1024")
    add("--compressed", action="store_true", help="accept a compressed body; it is decoded in memory")


def _add_body_options(parser: _Parser) -> None:
    add = parser.add_argument
    add("-X", "--request", metavar="METHOD", dest="method", type=_method, help="GET, or POST with -d, --json or -F")
    add(
        "-H", "--header", metavar="HEADER", dest="headers", type=_header, action="append", default=[],
        help="'Name: value' sends a header, 'Name:' leaves one out; may be repeated",
    )  # fmt: skip
    body = parser.add_mutually_exclusive_group()
    body.add_argument(
        "-d", "--data", metavar="TEXT", action="append",
        help="send TEXT as a form; @FILE sends a file's bytes, @- those of standard input; repeated: joined with &",
    )  # fmt: skip
    body.add_argument(
        "--json", metavar="TEXT", action="append", help="the same as JSON, with Content-Type and Accept set"
    )
    body.add_argument(
        "-F", "--form", metavar="NAME=VALUE", type=form_part, action="append",
        help="send a form with files (multipart/form-data): NAME=@FILE[;type=TYPE] sends one; may be repeated",
    )  # fmt: skip


# Single values. Of a ValueError, argparse would print the argument; of an ArgumentTypeError it prints the message.


def _url(text: str) -> str:
    try:
        target = parse_target(text)
    except InvalidURL as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if target.scheme not in {"http", "https"}:
        raise argparse.ArgumentTypeError(f"the scheme {target.scheme} is not supported; http or https is needed")
    return text


def _proxy(text: str) -> str:
    try:
        choose_proxy(text, None, None, parse_target("http://origin"), is_environment_trusted=False)
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
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of seconds above 0") from None


def _checksum(text: str) -> str | None:
    try:
        return check_checksum(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _size(text: str) -> int:
    read = _SIZE.fullmatch(text)
    if read is None:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of bytes, such as 1000 or 20M")
    return int(read[1]) * _UNITS[read[2].lower()]


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of 0 or more")
    return int(text)


def _header(text: str) -> tuple[str, str | None]:
    """Read a header as curl does: `Name: value`, `Name:` to leave it out, `Name;` to send it empty."""
    name, colon, value = text.partition(":")
    if not colon and name.endswith(";"):
        name, colon, value = name[:-1], ":", ""
        return _checked(name, value)
    if not colon:
        raise argparse.ArgumentTypeError("'Name: value' is needed, or 'Name:' to leave a header out")
    # The bytes that were typed are sent.
    return _checked(name, os.fsencode(value.strip(" \t")).decode("latin-1") or None)


def _checked(name: str, value: str | None) -> tuple[str, str | None]:
    try:
        read_fields([(name, value)], "the header")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, value


# Options that depend on each other


def _check_together(parser: _Parser, given: Any) -> None:
    """Refuse options that would have no effect together with others."""
    named = {name.lower() for name, _ in given.headers}
    if given.form and "content-type" in named:
        parser.error("-F sets the Content-Type itself, since it names the boundary between the parts")
    if given.compressed and "accept-encoding" in named:
        parser.error("--compressed sets the Accept-Encoding itself")
    if not given.resume:
        return
    if given.output in {None, "-"} or is_special(given.output):
        parser.error("--resume needs a file, by -o FILE")
    if given.compressed:
        parser.error("--resume needs the body as it is, so it excludes --compressed")
    if (given.method or "GET") != "GET" or given.data or given.json or given.form:
        parser.error("--resume continues only the download of a GET without a body")
    if "range" in named:
        parser.error("--resume sets the Range itself")


def is_special(path: str) -> bool:
    """Whether a path is that of a device or a pipe, which can be written but not replaced."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _read_payload(parser: _Parser, given: Any) -> Payload:
    try:
        return make_payload(given.data, given.json, given.form)
    except OSError as error:
        parser.error(f"{error.filename or 'standard input'} cannot be read: {error.strerror}")
