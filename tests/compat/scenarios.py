"""The vocabulary of the comparison: a scenario, what was observed of it, and what the contract wants of it.

Values only; no thread, no socket. Both child processes and the tests import it, and know a scenario by its name.

Invariants:
1. A scenario is the same for both implementations; nothing in it asks which of them runs.
2. An observation holds plain values, so that it can be sent between processes and compared with `==`.
3. What differs from run to run is taken out when it is observed: ports, folders, wording of errors.
"""

from __future__ import annotations

import enum
import hashlib
import http.client
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from compat.runner import Run
    from urlrequest.testing import Reply, Step

__all__ = [
    "ABSENT",
    "KEEP",
    "NOTHING",
    "TERMINALS",
    "Event",
    "Fresh",
    "Observation",
    "Place",
    "Scenario",
    "Sent",
    "Value",
    "Want",
    "reply",
    "value_of",
]


class Keep(enum.Enum):
    """No value: whatever Kivy has."""

    KEEP = enum.auto()


TERMINALS: Final = ("success", "redirect", "failure", "error", "cancel")
SHOWN = 200  # octets of a value that are compared as they are; more are compared by digest
KEEP: Final = Keep.KEEP  # in a Want: as Kivy has it
ABSENT: Final = None  # for Scenario.existing: there is no file yet

Value = tuple[str, str]  # name of the type, repr
NOTHING: Final[Value] = ("NoneType", "None")


@dataclass(frozen=True)
class Place:
    """Where one run of a scenario takes place.

    Attributes:
        host: ``127.0.0.1``, or ``localhost`` with TLS.
        port: The scripted server's.
        folder: An empty folder of this run, as text; ``file_path`` lies in ``<folder>/target``.
        ca_file: The certification authority of the server's certificate, for scenarios with TLS.
    """

    host: str
    port: int
    folder: str
    ca_file: str

    def fill(self, text: str) -> str:
        """Put the place into a text with ``{host}``, ``{port}``, ``{folder}`` and ``{ca_file}``."""
        return text.format(host=self.host, port=self.port, folder=self.folder, ca_file=self.ca_file)


@dataclass(frozen=True)
class Fresh:
    """An option that must be made anew for every run, such as an iterator."""

    make: Callable[[Place], object]


@dataclass(frozen=True)
class Event:
    """One call of a callback.

    Attributes:
        name: Without its ``on_``.
        arguments: Without the request itself.
        status: ``resp_status`` within the callback.
        is_finished: Likewise.
        result: Likewise, its type only.
        error: Likewise, its family.
        place: ``dispatch``: on the thread that ticks or waits; else ``elsewhere``.
    """

    name: str
    arguments: tuple[Value, ...] = ()
    status: int | None = None
    is_finished: bool = False
    result: str = "NoneType"
    error: str = ""
    place: str = "dispatch"


@dataclass(frozen=True)
class Sent:
    """One request as it was on the wire.

    Attributes:
        line: The request line; the port of the server reads PORT.
        fields: Name and value, sorted by name: the order of different names has no meaning (RFC 9110, section 5.3).
        body: The octets after the head, framing of chunks included.
    """

    line: str
    fields: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Observation:
    """All that the comparison knows of one run.

    Attributes:
        constructed: ``request``, or the family of the exception that the constructor raised.
        events: In order, on_finish included.
        result: Afterwards, as for the next ones.
        error: Its family.
        status: ``resp_status``.
        fields: ``resp_headers`` as items, sorted.
        cookie: ``resp_headers["Set-Cookie"]``.
        is_finished: The attribute.
        sent: The requests on the wire, in order.
        connections: How many the server accepted.
        files: Name, content and mode of all that lies in the folder.
        mutated: Which of the objects that were passed have changed.
        read_back: Which of `url`, `req_body`, `req_headers` do not equal what was passed.
        facts: What the drive noted, by its own names.
    """

    constructed: str = "request"
    events: tuple[Event, ...] = ()
    result: Value = NOTHING
    error: str = ""
    status: int | None = None
    fields: tuple[tuple[str, str], ...] | None = None
    cookie: str | None = None
    is_finished: bool = False
    sent: tuple[Sent, ...] = ()
    connections: int = 0
    files: tuple[tuple[str, bytes, str], ...] = ()
    mutated: tuple[str, ...] = ()
    read_back: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def terminal(self) -> Event | None:
        """The event that says how it ended, on_finish apart."""
        return next((event for event in self.events if event.name in TERMINALS), None)

    @property
    def progress(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.name == "progress")

    def with_fact(self, name: str, text: str) -> Observation:
        return replace(self, facts={**self.facts, name: text})


@dataclass(frozen=True)
class Want:
    """What the contract wants of a scenario where Kivy does otherwise; a row of the table may use its own part of it.

    Attributes:
        terminal: The terminal callback.
        result: The result, as a value.
        error: The family of the error.
        status: ``resp_status``.
        fields: ``resp_headers`` as items.
        progress: Pairs of current and total.
        target: The request target.
        method: The request method.
        version: The version in the request line.
        header: Fields of the request by name; None: not sent.
        body: The request's body on the wire.
        sent: How many requests are on the wire, the first ones.
        connections: How many connections the server accepts.
        constructed: As in `Observation`.
        files: As in `Observation`, but without modes.
        facts: Likewise, the ones that differ; None: not noted.
    """

    terminal: str | Keep = KEEP
    result: Any = KEEP
    error: str | Keep = KEEP
    status: int | Keep | None = KEEP
    fields: tuple[tuple[str, str], ...] | Keep | None = KEEP
    progress: tuple[tuple[int, int], ...] | Keep = KEEP
    target: str | Keep = KEEP
    method: str | Keep = KEEP
    version: str | Keep = KEEP
    header: Mapping[str, str | None] | Keep = KEEP
    body: bytes | Keep = KEEP
    sent: int | Keep = KEEP
    connections: int | Keep = KEEP
    constructed: str | Keep = KEEP
    files: tuple[tuple[str, bytes], ...] | Keep = KEEP
    facts: Mapping[str, str | None] | Keep = KEEP


@dataclass(frozen=True)
class Scenario:
    """One request, or a few, against one scripted server.

    Attributes:
        name: Of the test as well.
        script: What the server does on its first connection; None: it answers from `routes`.
        routes: Replies by path.
        url: With the names of `Place.fill()`.
        options: Keyword arguments of the constructor; texts are filled as `url` is, `Fresh` ones made.
        progress: Whether there is an on_progress.
        listen: The other callbacks.
        drive: What happens after the request is scripted; None: it is made and dispatched until on_finish.
        existing: What lies at ``<folder>/target`` beforehand.
        tls: Whether the server speaks TLS, with a certificate of ``localhost``.
        fresh: Whether it needs an interpreter that has made no request yet.
        body: The response's body for the rules about types; None: they do not apply.
        content_type: Likewise.
        differs: The rows of the table that explain the differences.
        optional: Whether a row of `differs` may turn out not to be needed: those of generated scenarios.
        keeps: The item of "Kept on purpose" that it shows.
        want: What the rows of `differs` want.
    """

    name: str
    script: tuple[Step, ...] | None = None
    routes: Mapping[str, Reply] = field(default_factory=dict)
    url: str = "http://{host}:{port}/p"
    options: Mapping[str, object] = field(default_factory=dict)
    progress: bool = False
    listen: tuple[str, ...] = TERMINALS
    drive: Callable[[Run], None] | None = None
    existing: bytes | None = ABSENT
    tls: bool = False
    fresh: bool = False
    body: bytes | None = None
    content_type: str | None = None
    differs: tuple[str, ...] = ()
    optional: bool = False
    keeps: str = ""
    want: Want = field(default_factory=Want)

    @property
    def is_to_memory(self) -> bool:
        return "file_path" not in self.options


def value_of(thing: object) -> Value:
    """Describe a value; a long one by its length and digest, an exception by its family."""
    if isinstance(thing, BaseException):
        return ("error", family_of(thing))
    text = repr(thing)
    if len(text) > SHOWN:
        text = f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return (type(thing).__name__, text)


def family_of(error: BaseException | None) -> str:
    """Name the standard type that a user's `except` knows an error by: the library's own ones derive from it.

    All of `http.client` is one family, as its types name what its parser met and not what went wrong.
    """
    if error is None:
        return ""
    kinds: tuple[type[BaseException], ...] = (
        socket.gaierror,
        ssl.SSLCertVerificationError,
        ssl.SSLError,
        TimeoutError,
        ConnectionRefusedError,
        ConnectionError,
        FileNotFoundError,
        IsADirectoryError,
        PermissionError,
        OSError,
        http.client.HTTPException,
        UnicodeError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    )
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), "Exception")


def reply(
    status: int = 200,
    body: bytes = b"",
    *fields: str,
    content_type: str | None = "text/plain",
    length: int | bool = True,
) -> bytes:
    """Make the octets of one reply.

    Args:
        status: Any number.
        body: As it goes over the wire.
        fields: Whole lines.
        content_type: None: no such field.
        length: A Content-Length other than that of the body; False: none.
    """
    lines = [f"HTTP/1.1 {status} Reason", *fields]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is True else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
