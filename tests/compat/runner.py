"""Runs one scenario through one implementation and writes down what can be seen of it from outside.

It runs in a child process (`child.py`), on its main thread, which is the dispatch thread unless a drive waits on
another one. The server's connections have threads of their own; so does each call that may never return.

Invariants:
1. Both implementations go through the same lines; what they do not share is in `Kivy` and `Ours`.
2. No wait is without a limit: what did not happen within it is written down as such.
3. After a run in which a call never returned, `Run.is_tainted`: that process must not run another scenario.
"""

from __future__ import annotations

import copy
import logging
import re
import stat
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from compat.scenarios import NOTHING, Event, Fresh, Observation, Place, Scenario, Sent, family_of, value_of
from urlrequest.testing import RecordedRequest, ScriptError, Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Implementation", "Run", "kivy", "ours", "run"]

PATIENCE = 20.0  # seconds for what must happen
IMPATIENCE = 0.8  # seconds for what is not expected to happen
HUNG = 4.0  # seconds after which a call counts as one that never returns: Kivy's wait() takes one at best
AFTERWARDS = 3  # ticks after on_finish, for events that come too late

TERMINAL_NAMES = ("success", "redirect", "failure", "error", "cancel", "finish")


class Implementation(Protocol):
    """What a scenario needs of an implementation."""

    name: str
    make: Callable[..., Any]
    settling: float  # seconds for an outcome to be decided, with nothing dispatched
    hung: float  # seconds after which a call counts as one that never returns

    def tick(self) -> None:
        """Run the callbacks that are ready, on this thread."""

    def is_pending(self, request: object) -> bool:
        """Return whether a request is not finished, by `g_requests`."""
        raise NotImplementedError


class Kivy:
    """Kivy's class; its events come with the ticks of Kivy's Clock."""

    name = "kivy"
    settling = IMPATIENCE  # its thread lives on until then
    hung = HUNG

    def __init__(self) -> None:
        from kivy.clock import Clock
        from kivy.logger import Logger
        from kivy.network import urlrequest

        self.make: Callable[..., Any] = urlrequest.UrlRequest
        self._requests: list[object] = urlrequest.g_requests
        self._clock = Clock
        Logger.setLevel(logging.DEBUG)

    def tick(self) -> None:
        self._clock.tick()

    def is_pending(self, request: object) -> bool:
        return request in self._requests


class Ours:
    """Our class with no hook, in a loop that drains as a frame loop does."""

    name = "ours"
    settling = hung = PATIENCE

    def __init__(self) -> None:
        import urlrequest

        urlrequest.defaults.detect_hook = False
        logging.getLogger("urlrequest").setLevel(logging.DEBUG)
        self.make: Callable[..., Any] = urlrequest.UrlRequest
        self._module = urlrequest

    def tick(self) -> None:
        if not self._module.drain():
            time.sleep(0.001)  # The frame of a loop that has nothing to draw.

    def is_pending(self, request: object) -> bool:
        return request in self._module.g_requests


def kivy() -> Implementation:
    """Load Kivy's class; the environment must be that of `child.py`."""
    return Kivy()


def ours() -> Implementation:
    """Load our class."""
    return Ours()


@dataclass
class Run:
    """One run of one scenario, as its drive sees it."""

    implementation: Implementation
    scenario: Scenario
    server: Server
    place: Place
    events: list[Event] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    constructed: str = "request"
    request: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    react: Callable[[str], None] | None = None
    make: Callable[..., Any] | None = None
    is_tainted: bool = False
    hides_head: bool = False
    _untouched: dict[str, Any] = field(default_factory=dict)
    _dispatch_thread: int = field(default_factory=threading.get_ident)
    _logged: list[logging.LogRecord] = field(default_factory=list)

    # -- What drives do

    def start(self, **changes: Any) -> None:
        """Make the scenario's request, with these options changed."""
        options = {name: self._fill(option) for name, option in self.scenario.options.items()}
        options.update({f"on_{name}": self.recorder(name) for name in self._heard()})
        options.update(changes)
        # Callbacks are not kept: whether they live is the request's business.
        self.options = {name: option for name, option in options.items() if not name.startswith("on_")}
        self._untouched = {name: _copy(option) for name, option in self.options.items()}
        try:
            self.request = (self.make or self.implementation.make)(self.url, **options)
        except Exception as error:  # Which one is what is observed.
            self.constructed = family_of(error)

    @property
    def url(self) -> str:
        return self.place.fill(self.scenario.url)

    def recorder(self, name: str) -> Callable[..., None]:
        """Make a callback that writes down its call, then lets the drive react."""

        def record(request: Any = None, *arguments: object) -> None:
            self.events.append(self._describe(name, request, arguments))
            if self.react is not None:
                self.react(name)

        return record

    def pump(self, until: Callable[[], bool], limit: float = PATIENCE) -> bool:
        """Tick until something is so, and return whether it came to be within the limit."""
        end = time.monotonic() + limit
        while not until():
            if time.monotonic() > end:
                return False
            self.tick()
        return True

    def tick(self) -> None:
        """Tick once; an exception that comes out of it is written down."""
        try:
            self.implementation.tick()
        except Exception as error:  # As above.
            self.facts["raised by the tick"] = family_of(error)

    def has(self, name: str) -> bool:
        """Whether a callback was called."""
        return any(event.name == name for event in self.events)

    def finish(self, limit: float = PATIENCE) -> None:
        """Dispatch until on_finish, and a little more to see what comes after it."""
        if self.request is None:
            return
        if not self.pump(lambda: self.has("finish"), limit):
            self.facts["on_finish"] = "never"
        for _ in range(AFTERWARDS):
            self.tick()

    def await_signal(self, name: str) -> None:
        """Wait until the server's script has come to its signal of that name."""
        self.server.wait(name, PATIENCE)

    def settle(self) -> None:
        """Let the worker end, with nothing dispatched."""
        self.request.join(self.implementation.settling)

    def call(self, what: str, function: Callable[[], object]) -> None:
        """Call what dispatches, and may never return, on a thread of its own; note what came of it as a fact."""
        outcome = ["never returns"]

        def body() -> None:
            self._dispatch_thread = threading.get_ident()
            try:
                outcome[0] = f"returns {function()!r}"
            except Exception as error:  # As above.
                outcome[0] = f"raises {family_of(error)}"

        thread = threading.Thread(target=body, name=f"compat-{what}", daemon=True)
        thread.start()
        thread.join(self.implementation.hung)
        self.is_tainted = self.is_tainted or thread.is_alive()
        self.facts[what] = outcome[0]
        self._dispatch_thread = threading.get_ident()

    @contextmanager
    def logging(self) -> Iterator[list[logging.LogRecord]]:
        """Collect what is logged meanwhile, on any logger."""
        handler = _Collector(self._logged)
        names = ("", "kivy", "urlrequest")
        loggers = [logging.getLogger(name) for name in names]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
            logger.addHandler(handler)
        try:
            yield self._logged
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.removeHandler(handler)
                logger.setLevel(level)

    # -- What is observed

    def observe(self) -> Observation:
        """Write down the state at the end of the run."""
        request = self.request
        headers = request.resp_headers if request is not None and not self.hides_head else None
        return Observation(
            constructed=self.constructed,
            events=tuple(self.events),
            result=value_of(request.result) if request is not None else NOTHING,
            error=family_of(request.error) if request is not None else "",
            status=request.resp_status if request is not None and not self.hides_head else None,
            fields=_fields_of(headers),
            cookie=None if headers is None else headers["Set-Cookie"],
            is_finished=bool(request.is_finished) if request is not None else False,
            sent=tuple(_describe_sent(request, self.place) for request in self.server.requests),
            connections=self.server.connection_count,
            files=_files_in(Path(self.place.folder)),
            mutated=tuple(name for name, before in self._untouched.items() if before != _copy(self.options[name])),
            read_back=self._read_back(),
            facts=dict(self.facts),
        )

    def _read_back(self) -> tuple[str, ...]:
        if self.request is None:
            return ()
        expected = {"url": self.url, **{name: self.options.get(name) for name in ("req_body", "req_headers")}}
        return tuple(name for name, passed in expected.items() if getattr(self.request, name) != passed)

    def _describe(self, name: str, request: Any, arguments: tuple[object, ...]) -> Event:
        place = "dispatch" if threading.get_ident() == self._dispatch_thread else "elsewhere"
        if request is None:
            return Event(name, place=place)
        return Event(
            name,
            tuple(value_of(argument) for argument in arguments),
            None if self.hides_head else request.resp_status,
            request.is_finished,
            type(request.result).__name__,
            family_of(request.error),
            place,
        )

    def _heard(self) -> tuple[str, ...]:
        heard = (*self.scenario.listen, "finish") if self.scenario.listen else ()
        return (*heard, "progress") if self.scenario.progress else heard

    def _fill(self, option: object) -> object:
        if isinstance(option, Fresh):
            return option.make(self.place)
        if isinstance(option, str):
            return self.place.fill(option)
        return copy.deepcopy(option)


class _Collector(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.DEBUG)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        if not any(record is other for other in self._records):  # It is on the parents of a logger as well.
            self._records.append(record)


def run(
    implementation: Implementation, scenario: Scenario, folder: Path, *, tls: ssl.SSLContext, ca_file: str
) -> tuple[Observation, bool]:
    """Run a scenario and return what was observed, and whether the process is tainted."""
    target = folder / "target"
    if scenario.existing is not None:
        target.write_bytes(scenario.existing)
        target.chmod(0o640)
    server = Server(tls=tls if scenario.tls else None)
    if scenario.script is not None:
        server.play(*scenario.script)
    for path, answer in scenario.routes.items():
        server.respond(path, answer.body, status=answer.status, headers=answer.headers, reason=answer.reason)
    server.start()
    try:
        host = "localhost" if scenario.tls else server.host
        this = Run(implementation, scenario, server, Place(host, server.port, str(folder), ca_file))
        try:
            (scenario.drive or _make_and_finish)(this)
        except TimeoutError as error:
            this.facts["drive"] = str(error)
        observation = this.observe()
    finally:
        fault = _close(server)
    if fault:
        observation = observation.with_fact("fault of the server", fault)
    return observation, this.is_tainted


def _close(server: Server) -> str:
    """Close the server and return what it found wrong with its script or with what it was sent."""
    try:
        server.close()
    except ScriptError as error:
        return re.sub(r"\d{4,5}", "PORT", str(error))
    return ""


def _make_and_finish(this: Run) -> None:
    this.start()
    this.finish()


def _copy(option: object) -> object:
    """Copy what can be compared later: containers of plain values. Other objects are only compared by identity."""
    return copy.deepcopy(option) if isinstance(option, (dict, list, bytearray)) else option


def _fields_of(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...] | None:
    if headers is None:
        return None
    return tuple(sorted(headers.items()))


def _describe_sent(request: RecordedRequest, place: Place) -> Sent:
    def hide(text: str) -> str:
        return text.replace(f":{place.port}", ":PORT")

    head, _, body = request.raw.partition(b"\r\n\r\n")
    line, *_ = head.decode("latin-1").split("\r\n")
    fields = sorted(((name, hide(value)) for name, value in request.headers), key=lambda pair: pair[0].lower())
    return Sent(hide(line), tuple(fields), body)


def _files_in(folder: Path) -> tuple[tuple[str, bytes, str], ...]:
    return tuple(
        (path.name, path.read_bytes(), stat.filemode(path.stat().st_mode))
        for path in sorted(folder.iterdir())
        if path.is_file()
    )
