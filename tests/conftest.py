"""What all tests share: servers, certificates, a clean environment, and a look at what each test leaves behind."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

# So what the tests share asserts where Python itself leaves out assertions (-O), and says more where one fails.
pytest.register_assert_rewrite("support")

import urlrequest
from support import programs
from support.certificates import NAMES, context_of
from support.clients import Recorder
from support.interrupts import press_ctrl_c
from support.leaks import DESCRIPTORS, describe, descriptors_left, open_descriptors, threads_left
from support.servers import closed_port, forget_servers
from urlrequest import Session, defaults
from urlrequest._concurrency import sync, wakeup
from urlrequest._concurrency.watch import watch
from urlrequest.testing import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

VARIABLES = [
    "NETRC",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    *(f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "FTP", "ALL", "NO")),
]

# Markers of tests that run where they are asked for: by `-m`, or, but for the first three, where CI is set.
ALWAYS_ON_REQUEST = {"clock", "long", "network"}
ON_REQUEST = ALWAYS_ON_REQUEST if os.environ.get("CI") else {*ALWAYS_ON_REQUEST, "slow", "stress", "system"}


def pytest_configure(config: pytest.Config) -> None:
    """Make Ctrl-C end the programs that tests start, and a crash of a worker process end the run."""
    # A background job ignores Ctrl-C, and so does what it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A test that runs into its timeout ends its process. pytest-xdist 3.8 starts another, and with `--dist loadfile`
    # the run may then wait for ever: https://github.com/pytest-dev/pytest-xdist/issues/1378
    if getattr(config.option, "maxworkerrestart", "") is None:
        config.option.maxworkerrestart = "0"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose markers nobody has named."""
    unnamed = ON_REQUEST - set(re.findall(r"\w+", config.option.markexpr))
    wanted, left_out = [], []
    for item in items:
        is_unnamed = any(marker.name in unnamed for marker in item.iter_markers())
        (left_out if is_unnamed else wanted).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = wanted


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give programs of the system to tests that say so."""
    programs.ARE_ALLOWED = item.get_closest_marker("system") is not None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report which copy was tested, what was left out, and why tests were skipped, in a line each."""
    write = terminalreporter.write_line
    write(f"tested: {Path(urlrequest.__file__).parent}")
    write(f"left out: tests marked {', '.join(sorted(ON_REQUEST))}, unless -m names them; bash .ci/run runs all")
    reasons = Counter(report.longrepr[2].partition(": ")[2] for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        write(f"skipped: {', '.join(f'{reason} ({count})' for reason, count in sorted(reasons.items()))}")


@pytest.fixture(scope="session", autouse=True)
def _bytecode_of_children(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have the processes that tests start compile a module once, where none may stand beside the source.

    They do so in a folder of this run: one that loads the library takes 0.1 s of CPU time instead of 0.25 s.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        own = tmp_path_factory.getbasetemp()
        shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
        os.environ["PYTHONPYCACHEPREFIX"] = str(shared / "bytecode")


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread behind; with the marker `no_leaks` an open descriptor too."""
    checks_descriptors = request.node.get_closest_marker("no_leaks") is not None and DESCRIPTORS.is_dir()
    threads = set(threading.enumerate())
    watch.start()  # it has descriptors, and goes on for as long as the process
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


@pytest.fixture(autouse=True)
def _patient_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give new threads time to begin: on a busy machine one may need longer than a program is to wait for it."""
    monkeypatch.setattr(sync, "MIN_START_TIME", 60.0)
    monkeypatch.setattr(sync, "START_TIME", 60.0)


@pytest.fixture(autouse=True)
def _unknown_servers() -> None:
    """Forget what was found out about servers: one of another test may have had the same port."""
    forget_servers()


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
    """A URL whose connections are refused."""
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def session() -> Iterator[Session]:
    """A session with connections of its own, so that none comes from another test."""
    with Session(timeout=15) as session:
        yield session


@pytest.fixture
def without_keep_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection is closed at the end of its request, so that tests can look for what is left."""
    monkeypatch.setattr(defaults, "keep_alive", False)


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
    return context_of(authority.issue_cert(*NAMES))


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Presses Ctrl-C once this thread is about to sleep."""
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("no signals between threads")
    with press_ctrl_c(monkeypatch):
        yield
