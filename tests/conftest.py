"""What all tests share: servers, certificates, a clean environment, and a look at what each test leaves behind."""

from __future__ import annotations

import gc
import signal
import socket
import ssl
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from urlrequest import UrlRequest, testing
from urlrequest._concurrency import wakeup
from urlrequest._concurrency.sync import Signal
from urlrequest.testing import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ENDING_TIME = 20.0  # seconds that threads have to end, and descriptors to be closed, after a test
LOOK_INTERVAL = 0.005  # seconds; a worker does not announce that it became idle
PACKAGE = Path(testing.__file__).parent.parent
BLAMED: weakref.WeakSet[threading.Thread] = weakref.WeakSet()  # so that one test's leak does not fail the next ones
DESCRIPTORS = Path("/proc/self/fd")
VARIABLES = [
    "NETRC",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    *(f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "FTP", "ALL", "NO")),
]


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread behind; with the marker `no_leaks` an open descriptor too."""
    checks_descriptors = request.node.get_closest_marker("no_leaks") is not None and DESCRIPTORS.is_dir()
    threads = set(threading.enumerate())
    wakeup.drop_spare_wakers()  # kept for the next requests
    before = open_descriptors() if checks_descriptors else {}
    yield
    left = threads_left(threads)
    if left:
        pytest.fail(f"left behind: {', '.join(describe(thread) for thread in left)}")
    if checks_descriptors:
        opened = descriptors_left(before)
        if opened:
            pytest.fail(f"descriptors left open: {opened}")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the machine says of certificates and proxies."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class Recorder:
    """Makes requests whose callbacks are noted in the order in which they run.

    Attributes:
        events: Name (without `on_`), arguments behind the request, and the thread's ident.
    """

    NAMES = ("success", "redirect", "failure", "error", "progress", "cancel", "finish")

    def __init__(self) -> None:
        self.events: list[tuple[str, tuple[Any, ...], int]] = []

    def get(self, url: Any, *, cls: type[UrlRequest] = UrlRequest, **options: Any) -> Any:
        """Make a request; of its progress there is a note only where on_progress is given."""
        callbacks = {}
        for name in self.NAMES:
            given = options.pop(f"on_{name}", None)
            if name != "progress" or given is not None:
                callbacks[f"on_{name}"] = self.noting(name, given)
        return cls(url, **callbacks, **options)

    def run(self, url: Any, **options: Any) -> Any:
        """Make a request and see it through."""
        request = self.get(url, **options)
        assert request.wait(timeout=20), f"{request!r} did not end"
        return request

    def noting(self, name: str, then: Callable[..., object] | None = None) -> Callable[..., object]:
        def note(request: UrlRequest, *arguments: Any) -> object:
            self.events.append((name, arguments, threading.get_ident()))
            return then(request, *arguments) if then is not None else None

        return note

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    @property
    def terminal(self) -> str:
        """The one event that tells the outcome; it must be followed by finish, and by nothing else."""
        names = [name for name in self.names if name != "progress"]
        assert 2 == len(names), names
        assert "finish" == self.names[-1], names
        return names[0]

    @property
    def progress(self) -> list[tuple[Any, ...]]:
        return [arguments for name, arguments, _ in self.events if name == "progress"]


@pytest.fixture
def recorder() -> Recorder:
    """Makes requests and notes their callbacks."""
    return Recorder()


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted server on 127.0.0.1; a script that fails, fails the test."""
    with Server() as running:
        yield running


@pytest.fixture
def tls_server(server_context: ssl.SSLContext) -> Iterator[Server]:
    """The same over TLS, with a certificate of `authority` for localhost, 127.0.0.1 and ::1."""
    with Server(tls=server_context) as running:
        yield running


@pytest.fixture
def refusing() -> Iterator[str]:
    """A URL whose connections are refused: its port is taken, and nobody listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that only these tests trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of the authority's certificate, as PEM."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """The TLS settings of a server with a good certificate; shared, so tests do not change it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Presses Ctrl-C once this thread is about to sleep.

    A signal in the last moment before the sleep is one that Python sees to afterwards, so it is pressed until it has
    had its effect, once.
    """
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("no signals between threads")
    main, sleeping, over = threading.get_ident(), threading.Event(), threading.Event()

    def watched(sleep: Callable[[Any, float | None], Any]) -> Callable[[Any, float | None], Any]:
        def watch(sleeper: Any, seconds: float | None) -> Any:
            if threading.get_ident() == main:
                sleeping.set()
            return sleep(sleeper, seconds)

        return watch

    def interrupt(*_: object) -> None:
        if not over.is_set():
            over.set()
            raise KeyboardInterrupt

    def press() -> None:
        sleeping.wait()
        while not over.is_set():
            signal.pthread_kill(main, signal.SIGINT)
            over.wait(0.1)

    monkeypatch.setattr(Signal, "wait", watched(Signal.wait))
    monkeypatch.setattr(wakeup.EventFdWaker, "sleep", watched(wakeup.EventFdWaker.sleep))
    before = signal.signal(signal.SIGINT, interrupt)
    thread = threading.Thread(target=press)
    thread.start()
    yield
    over.set()
    sleeping.set()
    thread.join(20)
    signal.signal(signal.SIGINT, before)


def threads_left(known: set[threading.Thread]) -> list[threading.Thread]:
    """Give the threads of a test time to end or to become idle, and return those that do not."""
    limit = time.monotonic() + ENDING_TIME
    left: list[threading.Thread] = []
    for thread in set(threading.enumerate()) - set(BLAMED):
        if is_worker(thread):
            while thread.is_alive() and not is_idle(thread):
                if time.monotonic() > limit:
                    left.append(thread)
                    break
                time.sleep(LOOK_INTERVAL)
        elif thread not in known and (not thread.daemon or thread.name.startswith("urlrequest")):
            # As the base class does it: requests are threads that join in their own way.
            threading.Thread.join(thread, max(0.0, limit - time.monotonic()))
            if threading.Thread.is_alive(thread):
                left.append(thread)
    BLAMED.update(left)
    return left


def descriptors_left(known: dict[str, str]) -> dict[str, str]:
    """Give what was opened in a test time to be closed, and return what is not."""
    limit = time.monotonic() + ENDING_TIME
    while True:
        wakeup.drop_spare_wakers()
        gc.collect()
        left = {number: what for number, what in open_descriptors().items() if known.get(number) != what}
        if not left or time.monotonic() > limit:
            return left
        time.sleep(LOOK_INTERVAL)


def is_worker(thread: threading.Thread) -> bool:
    return thread.name.startswith("urlrequest-worker")


def is_idle(worker: threading.Thread) -> bool:
    """Whether a worker waits for requests: of the library's code it then runs the workers' own file and its signal."""
    return set(library_files(worker)) <= {"worker_pool.py", "sync.py"}


def library_files(thread: threading.Thread) -> Iterator[str]:
    """The files of the library that a thread is in, from the innermost call outwards."""
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            yield path.name
        frame = frame.f_back


def describe(thread: threading.Thread) -> str:
    return f"{thread.name} ({'daemon' if thread.daemon else 'not a daemon'}; in {list(library_files(thread))})"


def open_descriptors() -> dict[str, str]:
    """What each open descriptor of this process is, by its number."""
    found: dict[str, str] = {}
    for entry in DESCRIPTORS.iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # The one that listed them.
    return found
