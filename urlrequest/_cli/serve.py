"""`urlrequest serve [--port N] [FOLDER]`: a server to try things out with. It listens on this machine only.

The functions that make replies run on the threads of the connections; they share nothing that changes.

Invariants:
    SERVE-1  No file outside of the folder is sent, whatever a path or a link says.
    SERVE-2  Nothing is kept of a request that has ended, however long the server runs; and while it comes, no more of
              its body than MAX_BODY.
"""

from __future__ import annotations

import json
import mimetypes
import re
import time
from email.utils import formatdate
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from urlrequest import testing

from .verbose import print_error, print_line, printable, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from urlrequest.testing import RecordedRequest, Reply

__all__ = ["Site", "serve_folder", "start_server"]

PORT = 8000  # another one if it is in use
MAX_BODY = 16 * 1024 * 1024  # bytes of a request's body that a page gets
MAX_ENDING = 2  # seconds; only a file that cannot be read on takes them all
BAD_USAGE, ERROR = 2, 3  # exit codes
WAIT = 1.0  # seconds; a Ctrl-C that comes just before a sleep begins is noticed at its end
PIECE = 64 * 1024  # bytes
PAUSE = 0.1  # seconds between two pieces of /slow.bin, and two words of /chat
TICK = 1.0  # seconds between two events
SLOW_SIZE = 5 * 1024 * 1024

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
EVENTS = {"Content-Type": "text/event-stream"}

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")

PAGE = """What this server has:
  /hello.json   JSON
  /echo         what it was asked, as JSON: method, target, headers, body
  /slow.bin     5 MiB in some 8 seconds; a download can be continued
  /old          a redirect to /hello.json
  /status/404   any other status likewise
  /private      for the user ada with the password lovelace
  /events       server-sent events, one a second, without end: a temperature as JSON
  /chat         server-sent events, as a language model answers a POST: words as JSON
"""
ANSWER = "Paris is the capital of France."


def serve_folder(path: str | None = None, *, port: int | None = None) -> int:
    """Serve a folder, or the pages for trying out, until Ctrl-C; return the exit code."""
    folder = None if path is None else Path(path)
    if folder is not None and not folder.is_dir():
        print_error(f"{folder} is not a folder")
        return BAD_USAGE
    try:
        server = start_server(Site(folder), port)
    except OSError as error:
        print_error(f"port {port} cannot be listened on: {error.strerror}; --port N takes another one, 0 a free one")
        return ERROR
    try:
        shown = "pages for trying out" if folder is None else folder
        print_line(f"Serving {shown} at http://127.0.0.1:{server.port}/ (Ctrl-C ends it)")
        while True:
            time.sleep(WAIT)  # which Ctrl-C ends; on Windows it ends no wait for a lock
    except KeyboardInterrupt:
        print_line("")
    finally:
        try:
            server.close(MAX_ENDING)
        except testing.ScriptError as error:
            print_error(f"some requests failed: {error}")
    return 0


def start_server(site: Site, port: int | None) -> testing.Server:
    """Start a server that keeps nothing of its requests; None: the usual port, or a free one.

    Raises:
        OSError: The port cannot be had.
    """
    for wanted in (PORT, 0) if port is None else (port,):
        server = testing.Server(port=wanted, handler=site.reply, is_recording=False, max_body=MAX_BODY)
        try:
            return server.start()
        except OSError:
            if not wanted or port is not None:
                raise
    raise AssertionError("a free port can be had")


class Site:
    """What the server sends.

    Args:
        folder: The folder whose files it sends; None: the pages for trying out.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder.resolve()

    def reply(self, request: RecordedRequest) -> Reply:
        """Make a reply, and print a line about it."""
        if request.is_cut:
            reply = testing.Reply(413, f"The body has more than {MAX_BODY:,} bytes; it was not kept.\n", TEXT)
        else:
            reply = self._page(request) if self._folder is None else self._file(self._folder, request)
        print_line(f"{request.method} {printable(without_secrets(request.target))} {reply.status}")
        return reply

    def _page(self, request: RecordedRequest) -> Reply:
        path = request.path
        if path in _PAGES:
            return _PAGES[path](request)
        status = re.fullmatch(r"/status/([2-9][0-9]{2})", path)
        if status is not None:
            return testing.Reply(int(status[1]), f"This is status {status[1]}.\n", TEXT)
        return testing.Reply(404, f"There is no {path}.\n", TEXT)

    def _file(self, folder: Path, request: RecordedRequest) -> Reply:
        path = folder.joinpath(*(part for part in unquote(request.path).split("/") if part))
        try:
            path = path.resolve()
            is_inside = path.is_relative_to(folder)
        except (OSError, ValueError):
            is_inside = False
        if not is_inside or "\0" in str(path) or not path.exists():
            return testing.Reply(404, f"There is no {request.path}.\n", TEXT)
        if request.method not in {"GET", "HEAD"}:
            return testing.Reply(405, "Files can be read only.\n", {**TEXT, "Allow": "GET, HEAD"})
        if not (path.is_dir() or path.is_file()):  # a named pipe would keep its reader waiting
            return testing.Reply(403, "This is no file.\n", TEXT)
        if path.is_dir():
            if not request.path.endswith("/"):
                return testing.Reply(301, "", {"Location": f"{request.path}/"})
            return testing.Reply(200, _listing(path, request.path), HTML)
        return _send_file(path, request)


def _listing(folder: Path, path: str) -> str:
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    names = ([] if path == "/" else ["../"]) + names
    links = "".join(f'<li><a href="{quote(name)}">{escape(name)}</a></li>\n' for name in names)
    return f"<!DOCTYPE html>\n<title>{escape(unquote(path))}</title>\n<ul>\n{links}</ul>\n"


def _send_file(path: Path, request: RecordedRequest) -> Reply:
    status = path.stat()
    headers = {
        "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
    }
    return _send_part(
        request, status.st_size, f'"{status.st_mtime_ns:x}"', headers, lambda start, end: _read(path, start, end)
    )


def _send_part(
    request: RecordedRequest,
    size: int,
    tag: str,
    headers: dict[str, str],
    read: Callable[[int, int], Iterable[bytes]],
) -> Reply:
    """Send a body, or the part of it that was asked for; `read` makes the pieces from one byte to another."""
    headers = {**headers, "ETag": tag, "Accept-Ranges": "bytes"}
    part = _part(request.header("Range") or "", size) if request.header("If-Range") in {None, tag} else None
    if part is None:
        return testing.Reply(200, read(0, size), {**headers, "Content-Length": str(size)})
    start, end = part
    if start >= end:
        return testing.Reply(416, b"", {"Content-Range": f"bytes */{size}"})
    headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    return testing.Reply(206, read(start, end), headers)


def _part(field: str, size: int) -> tuple[int, int] | None:
    """Return the part that a Range field asks for, up to but not including its end; None: the whole."""
    found = _RANGE.fullmatch(field.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _read(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            piece = file.read(min(PIECE, end - start))
            if not piece:
                return
            start += len(piece)
            yield piece


# The pages for trying out


def _describe(request: RecordedRequest) -> Reply:
    told = {
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": request.body.decode("utf-8", "replace"),
    }
    return testing.Reply(200, json.dumps(told, indent=2) + "\n", JSON)


def _send_slowly(request: RecordedRequest) -> Reply:
    def pieces(start: int, end: int) -> Iterator[bytes]:
        for position in range(start, end, PIECE):
            yield bytes(min(PIECE, end - position))
            time.sleep(PAUSE)

    return _send_part(request, SLOW_SIZE, '"slow"', {"Content-Type": "application/octet-stream"}, pieces)


def _demand_password(request: RecordedRequest) -> Reply:
    if request.header("Authorization") == "Basic YWRhOmxvdmVsYWNl":
        return testing.Reply(200, "Welcome, Ada.\n", TEXT)
    return testing.Reply(401, "Who is there?\n", {**TEXT, "WWW-Authenticate": 'Basic realm="private"'})


def _send_events(_: RecordedRequest) -> Reply:
    def events() -> Iterator[bytes]:
        number = 0
        while True:
            number += 1
            yield f'id: {number}\ndata: {{"temperature": {20 + number % 10 / 10}}}\n\n'.encode()
            time.sleep(TICK)

    return testing.Reply(200, events(), EVENTS)


def _send_words(_: RecordedRequest) -> Reply:
    def events() -> Iterator[bytes]:
        for word in re.findall(r"\S+ ?", ANSWER):
            yield f"data: {json.dumps({'text': word})}\n\n".encode()
            time.sleep(PAUSE)
        yield b"data: [DONE]\n\n"

    return testing.Reply(200, events(), EVENTS)


_PAGES = {
    "/": lambda _: testing.Reply(200, PAGE, TEXT),
    "/hello.json": lambda _: testing.Reply(200, '{"greeting": "Hello"}\n', JSON),
    "/echo": _describe,
    "/slow.bin": _send_slowly,
    "/old": lambda _: testing.Reply(301, "It has moved.\n", {**TEXT, "Location": "/hello.json"}),
    "/private": _demand_password,
    "/events": _send_events,
    "/chat": _send_words,
}
