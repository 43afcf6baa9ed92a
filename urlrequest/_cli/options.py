"""The command line -> Arguments, checked. Runs on the main thread.

A wrong command line ends the process with exit code 2 and one line, before anything is sent. The line names the option
that is wrong. It never repeats a text that may contain a password: a URL, a proxy, a header, a body.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

from urlrequest._http.target import parse_target
from urlrequest._record import Record

from .option_table import COMMANDS, OPTIONS, REMOTE_NAME, Option
from .parser import Parser, add_option, refuse_unknown, usage_error
from .payload import JSON, Payload, complete_fields, make_payload, query_of, read_text
from .values import read_url
from .verbose import shown_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

__all__ = ["DESCRIPTION", "EXAMPLES", "EXIT_CODES", "Arguments", "Job", "is_special", "read_arguments"]

DESCRIPTION = """Fetch URLs. The body goes to standard output, or to a file with -o or -O.
The options of curl that are here mean the same. With -d, --json or -F it is a
POST; options that take a value show it in capitals."""

EXIT_CODES = """  0    success: a status of 2xx
  1    the server returned another status
  2    the command line is wrong; nothing was sent
  3    an error: no complete response, or its body cannot be written
  130  interrupted by Ctrl-C
"""

EXAMPLES = """  urlrequest https://example.org/data.json
  urlrequest -L -C - -O https://example.org/disk.iso
  urlrequest --json '{"name": "Ada"}' https://example.org/people
  urlrequest -F title=Notes -F file=@notes.txt http://localhost/add
"""


class Job(Record):
    """One URL to fetch, and where its body goes.

    Attributes:
        url: To be requested.
        shown_url: The same without userinfo, query and fragment, for messages.
        output: The file for the body; None: standard output.
        is_output_forced: Standard output was named, so a binary body may go to a terminal.
        payload: The body to send.
    """

    __slots__ = ("is_output_forced", "output", "payload", "shown_url", "url")

    def __init__(self, url: str, output: str | None, payload: Payload, *, is_output_forced: bool) -> None:
        self.url, self.shown_url = url, shown_url(url)
        self.output, self.is_output_forced, self.payload = output, is_output_forced, payload


class Arguments:
    """What to fetch, and how. As a context manager it closes the files that are sent.

    Attributes:
        jobs: One for each URL.
        headers: For `req_headers`: the value None leaves a header out.
        is_named_by_server: The server may name the file (-J).
        is_resumed, checksum, max_size, retries, auth, cookies, client_cert, address_family: As of UrlRequest.
        is_including: The headers are written before the body (-i), or in place of it (-I).
        is_failing: Error pages are not written.
        is_compressed: Compressed bodies are accepted; they are decoded in memory.
        is_json: JSON was sent, so JSON is shown indented on a terminal.
        write_out: The text of -w.
        cookie_file, cookie_jar: Files of cookies to load and to save.
        proxy: For `proxy_host`; None: that of the environment, "": none.
        rate: Bytes per second at most.
    """

    jobs: list[Job]
    method: str | None
    headers: list[tuple[str, str | None]]
    is_named_by_server: bool
    is_resumed: bool
    is_including: bool
    is_failing: bool
    checksum: str | None
    max_size: int | None
    is_compressed: bool
    is_json: bool
    write_out: str | None
    auth: Any
    cookies: str | None
    cookie_file: str | None
    cookie_jar: str | None
    client_cert: Any
    is_following: bool
    is_parallel: bool
    retries: int
    timeout: float | None
    connect_timeout: float | None
    deadline: float | None
    rate: int | None
    proxy: str | None
    is_insecure: bool
    address_family: str | None
    ca_file: str | None
    is_silent: bool
    shows_errors: bool
    is_verbose: bool

    def __init__(self, **parts: Any) -> None:
        """Set all parts, by name."""
        vars(self).update(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in self.jobs:
            job.payload.close()


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Read and check a command line.

    Raises:
        SystemExit: It is wrong (2), or asked for help or the version, which was printed (0).
    """
    parser = _make_parser()
    given, rest = parser.parse_known_args(_join_values(arguments))
    unknown = next((text for text in rest if text.startswith("-") and text != "--"), None)
    if unknown is not None:
        refuse_unknown(unknown, OPTIONS)
    urls = [_url(text) for text in rest if text != "--"]
    if not urls:
        parser.error("a URL is needed")
    _check_together(parser, given, urls)
    _check_resume(parser, given)
    return _make_arguments(given, _make_jobs(parser, given, urls))


def _join_values(arguments: Sequence[str]) -> list[str]:
    """Join each value that begins with "-" to its option, since argparse would take it for an option: -d -5."""
    known = {name: option for option in OPTIONS for name in option.names.split()}
    joined: list[str] = []
    rest = iter(arguments)
    for text in rest:
        option = known.get(text)
        if option is None and text[:1] == "-" and text[1:2] not in {"", "-"}:
            _check_flags(text, known)
        value = next(rest, None) if option is not None and option.metavar else None
        if value is None:
            joined.append(text)
        elif value.startswith("-") and value != "-" and value not in known:
            joined.append(f"{text}={value}" if text.startswith("--") else text + value)
        else:
            joined += [text, value]
    return joined


def _check_flags(text: str, known: dict[str, Option]) -> None:
    """Refuse -abc where one of the letters is no option; what follows an option with a value is that value."""
    for letter in text[1:]:
        option = known.get(f"-{letter}")
        if option is None:
            refuse_unknown(f"-{letter}", OPTIONS)
        if option.metavar:
            return


def _url(text: str) -> str:
    words = {command.word for command in COMMANDS}
    if text in words:
        usage_error(f"{text} is a command and stands first; a host of that name is reached by http://{text}")
    try:
        return read_url(text)
    except ArgumentTypeError as error:
        usage_error(f"argument URL: {error}")


# The parser


def _make_parser() -> Parser:
    commands = "".join(f"\n       {command.usage}" for command in COMMANDS)
    parser = Parser(
        f"urlrequest [options] URL...{commands}",
        DESCRIPTION,
        f"exit codes:\n{EXIT_CODES}\nexamples:\n{EXAMPLES}",
    )
    groups: dict[str, Any] = {}
    for option in OPTIONS:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        add_option(groups[option.group], option)
    return parser


# Options that depend on each other


def _check_together(parser: Parser, given: Any, urls: list[str]) -> None:
    """Refuse options that would have no effect, or exclude each other."""
    bodies = [name for name, value in _bodies(given) if value]
    named = {name.lower() for name, _ in given.headers or []}
    outputs = given.outputs or []
    wrong = [
        (len(bodies) > 1, f"{' and '.join(bodies[:2])} exclude each other"),
        (given.get and bodies not in ([], ["-d"]), f"-G puts -d into the query; it cannot be used with {bodies}"),
        (
            given.head and not given.get and bodies,
            "-I requests headers only: it sends no body; -G puts -d into the URL",
        ),
        (given.upload_file and len(urls) > 1, "-T sends one file to one URL"),
        (given.form and "content-type" in named, "-F sets the Content-Type itself, since it names the boundary"),
        (given.compressed and "accept-encoding" in named, "--compressed sets the Accept-Encoding itself"),
        (given.range and "range" in named, "-r sets the Range itself"),
        (len(outputs) > len(urls), "there are more outputs (-o, -O) than URLs"),
        (given.remote_header_name and REMOTE_NAME not in outputs, "-J needs -O"),
        (given.remote_header_name and given.include, "-J and -i exclude each other"),
        (given.digest and given.user is None, "--digest needs -u"),
        (given.user is not None and given.oauth2_bearer, "-u and --oauth2-bearer exclude each other"),
        (given.key and not given.cert, "--key needs --cert"),
        (given.cookie_jar == "-", "-c needs a file"),
        (given.ipv4 and given.ipv6, "-4 and -6 exclude each other"),
    ]
    for is_wrong, message in wrong:
        if is_wrong:
            parser.error(message)


def _bodies(given: Any) -> list[tuple[str, Any]]:
    return [("-d", given.data), ("--json", given.json), ("-F", given.form), ("-T", given.upload_file)]


def _check_resume(parser: Parser, given: Any) -> None:
    if not given.resume:
        return
    outputs = given.outputs or []
    if not outputs or any(output == "-" or (output and is_special(output)) for output in outputs):
        parser.error("--resume (-C -) needs a file, by -o FILE or -O")
    for value, option in (
        (given.remote_header_name, "-J"),
        (given.include, "-i"),
        (given.compressed, "--compressed"),
        (given.range, "-r"),
    ):
        if value:
            parser.error(f"--resume (-C -) and {option} exclude each other")
    if (given.method or "GET") != "GET" or given.head or any(value for _, value in _bodies(given) if not given.get):
        parser.error("--resume (-C -) continues only the download of a GET without a body")
    if "range" in {name.lower() for name, _ in given.headers or []}:
        parser.error("--resume (-C -) sets the Range itself")


def is_special(path: str) -> bool:
    """Whether a path is that of a device or a pipe, which can be written but not replaced."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


# From what argparse has found to what a request takes


def _make_jobs(parser: Parser, given: Any, urls: list[str]) -> list[Job]:
    outputs: list[str | None] = [*(given.outputs or []), *([None] * len(urls))]
    jobs: list[Job] = []
    try:
        query = query_of(given.data).decode("latin-1") if given.get and given.data else ""
        for url, output in zip(urls, outputs, strict=False):
            target = _with_query(_with_name(url, given.upload_file), query)
            name = _remote_name(parser, target) if output == REMOTE_NAME else output
            payload = make_payload(None if given.get else given.data, given.json, given.form, given.upload_file)
            jobs.append(Job(target, None if name == "-" else name, payload, is_output_forced=output == "-"))
    except OSError as error:
        option = next(name for name, value in _bodies(given) if value)  # at most one is given
        parser.error(f"option {option}: {_unreadable(error)}")
    return jobs


def _unreadable(error: OSError) -> str:
    """What a file or standard input that cannot be read is reported as."""
    return f"{error.filename or 'standard input'} cannot be read: {error.strerror}"


def _with_query(url: str, query: str) -> str:
    if not query:
        return url
    url = url.partition("#")[0]
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _with_name(url: str, upload: str | None) -> str:
    """Add the name of an uploaded file to a URL that ends in "/"."""
    if upload is None or upload == "-" or "?" in url or parse_target(url).path[-1:] != "/":
        return url
    from urllib.parse import quote  # few runs upload a file

    return f"{url.rstrip('/')}/{quote(os.path.basename(upload))}"


def _remote_name(parser: Parser, url: str) -> str:
    name = parse_target(url).path.partition("?")[0].rpartition("/")[2]
    if name in {"", ".", ".."} or "\\" in name or ":" in name:
        parser.error("-O needs a URL whose path ends in a file name; -o FILE gives one")
    return name


def _make_arguments(given: Any, jobs: list[Job]) -> Arguments:
    cookies = given.cookie is not None and "=" in given.cookie
    return Arguments(
        jobs=jobs,
        method=_method(given),
        headers=_headers(given),
        is_named_by_server=given.remote_header_name,
        is_resumed=given.resume or False,
        is_including=given.include or given.head,
        is_failing=given.fail,
        checksum=given.checksum,
        max_size=given.max_size,
        is_compressed=given.compressed,
        is_json=bool(given.json),
        write_out=_write_out(given.write_out),
        auth=_auth(given),
        cookies=given.cookie if cookies else None,
        cookie_file=None if cookies else given.cookie,
        cookie_jar=given.cookie_jar,
        client_cert=_client_cert(given),
        is_following=given.location,
        is_parallel=given.parallel,
        retries=given.retry or 0,
        timeout=given.timeout,
        connect_timeout=given.connect_timeout,
        deadline=given.deadline,
        rate=given.limit_rate,
        proxy=given.proxy,
        is_insecure=given.insecure,
        address_family="IPv4" if given.ipv4 else "IPv6" if given.ipv6 else None,
        ca_file=given.ca_file,
        is_silent=given.silent,
        shows_errors=given.show_error or not given.silent,
        is_verbose=given.verbose,
    )


def _method(given: Any) -> str | None:
    if given.method or given.head:
        return given.method or "HEAD"
    return "PUT" if given.upload_file else None


def _headers(given: Any) -> list[tuple[str, str | None]]:
    ours: list[tuple[str, str | None]] = []
    if given.json:
        ours += [("Content-Type", JSON), ("Accept", JSON)]
    elif given.data and not given.get:
        ours.append(("Content-Type", "application/x-www-form-urlencoded"))
    if given.oauth2_bearer:
        ours.append(("Authorization", f"Bearer {given.oauth2_bearer}"))
    for name, value in (("User-Agent", given.user_agent), ("Referer", given.referer), ("Range", given.range)):
        if value is not None:
            ours.append((name, value or None))
    return complete_fields(given.headers or [], ours)


def _auth(given: Any) -> Any:
    """Return the credentials of -u; ask for a password that was left out."""
    if given.user is None:
        return None
    user, colon, password = given.user.partition(":")
    if not colon:
        from getpass import getpass  # few runs ask

        password = getpass(f"Password of {user}: ")
    if not given.digest:
        return user, password
    from urlrequest import DigestAuth  # few runs use it

    return DigestAuth(user, password)


def _client_cert(given: Any) -> Any:
    if given.cert is None:
        return None
    path, password = given.cert
    if given.key is None and password is None:
        return path
    return (path, given.key or path) if password is None else (path, given.key or path, password)


def _write_out(text: str | None) -> str | None:
    if text is None:
        return None
    from .write_out import unknown_name  # few runs use it

    if text.startswith("@"):
        try:
            text = read_text(text).decode()
        except OSError as error:
            usage_error(f"option -w: {_unreadable(error)}")
        except UnicodeError:
            usage_error(f"option -w: {text[1:]} is not in utf-8")
    unknown = unknown_name(text)
    if unknown is not None:
        usage_error(f"option -w/--write-out: the name {unknown} is unknown")
    return text
