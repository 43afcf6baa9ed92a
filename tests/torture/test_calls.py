"""The Nth call of the system fails, N = 1 to the end, in requests of each kind.

Whatever fails: there is exactly one outcome, the file is the old one or complete, nothing stays open, and the next
request works.
"""

from __future__ import annotations

import errno
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.leaks import DESCRIPTORS, open_descriptors
from support.moments import FailingCalls
from support.waiting import becomes
from urlrequest import Session
from urlrequest._client.call import active_calls
from urlrequest._concurrency import wakeup
from urlrequest._net import loopback
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from urlrequest.testing import RecordedRequest

MAX_CALLS = 500
PATIENCE = 20.0  # seconds; a guard against hanging
BODY = bytes(range(256)) * 800
ENTITY = {"ETag": '"a"', "Content-Type": "application/octet-stream"}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(autouse=True)
def _drop_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget an exception in a finaliser, or of a wake-up: pytest would keep it, and with it what its frames hold."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


def answer(request: RecordedRequest) -> Reply:
    begin = {name.lower(): value for name, value in request.headers}.get("range")
    if begin is None:
        return Reply(200, BODY, ENTITY)
    first = int(begin.removeprefix("bytes=").partition("-")[0])
    span = f"bytes {first}-{len(BODY) - 1}/{len(BODY)}"
    return Reply(206, BODY[first:], {**ENTITY, "Content-Range": span})


def plain(url: str, folder: Path) -> dict[str, Any]:
    return {"url": url + "/body"}


def pooled(url: str, folder: Path) -> dict[str, Any]:
    return {"url": url + "/body", "params": {"again": "1"}}


def uploading(url: str, folder: Path) -> dict[str, Any]:
    return {"url": url + "/upload", "req_body": BODY * 8, "method": "PUT"}


def downloading(url: str, folder: Path) -> dict[str, Any]:
    return {"url": url + "/body", "file_path": folder / "f", "checksum": None}


def resuming(url: str, folder: Path) -> dict[str, Any]:
    return {"url": url + "/body", "file_path": folder / "f", "resume": True, "retries": 0}


def proxied(url: str, folder: Path) -> dict[str, Any]:
    host, _, port = url.removeprefix("http://").partition(":")
    return {"url": "http://origin.test/body", "proxy_host": host, "proxy_port": int(port)}


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="the system does not tell descriptors")
@pytest.mark.parametrize(
    "make_error",
    [
        lambda: OSError(errno.EIO, "made to fail"),
        pytest.param(lambda: MemoryError("made to fail"), marks=pytest.mark.long),
    ],
    ids=["os", "memory"],
)
@pytest.mark.parametrize(
    "kind",
    [
        plain,
        *(
            pytest.param(kind, marks=pytest.mark.long)
            for kind in (pooled, uploading, downloading, resuming, proxied, "tls")
        ),
    ],
)
def test_fault_120_the_nth_call_fails(
    server: Server, tls_server: Server, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[str, Path], dict[str, Any]] | str, make_error: Callable[[], BaseException],
) -> None:  # fmt: skip
    """Fault 120: whichever call of the system fails, there is one outcome, nothing stays, and the next one works."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    here = tls_server if kind == "tls" else server
    make = plain if isinstance(kind, str) else kind
    here.route("/body", answer)
    here.respond("/upload", "ok")
    failures: list[str] = []
    for number in range(1, MAX_CALLS):
        calls = FailingCalls(number, make_error())  # a new one each time: its traceback keeps what was open
        failures += [f"{failure}: {calls.place}" for failure in torture(make, here.url, tmp_path, ca_file, calls)]
        if calls.place is None:
            break
    else:
        pytest.fail("there is no end to the calls")

    assert [] == failures
    assert number > 8
    assert {} == active_calls


def torture(
    make: Callable[[str, Path], dict[str, Any]], url: str, folder: Path, ca_file: str, calls: FailingCalls
) -> Iterator[str]:
    """Make a request while calls fail, then another one; what went wrong."""
    target, ends = folder / "f", []
    target.write_bytes(b"old")
    before = settled_descriptors()
    loopback.servers.clear()  # a worker is to open the connection
    with Session(timeout=10, ca_file=ca_file) as session, calls:
        if make is pooled:
            session.request(url + "/body").wait(timeout=PATIENCE)
        request = session.request(
            **make(url, folder), on_success=lambda *_: ends.append("success"),
            on_error=lambda *_: ends.append("error"), on_finish=lambda _: ends.append("finish"),
        )  # fmt: skip
        if not request.wait(timeout=PATIENCE):
            yield "it hangs"
        request.join(PATIENCE)
    if ends not in (["success", "finish"], ["error", "finish"]):
        yield f"{ends} {request.error!r}"
    if target.read_bytes() not in {b"old", BODY}:
        yield "the file is neither the old one nor complete"
    with Session(timeout=10, ca_file=ca_file) as session:
        following = session.request(url + "/body")
        if not following.wait(timeout=PATIENCE) or following.content != BODY:
            yield f"the next one fails with {following!r} {following.error!r}"
    del request, following  # their errors refer to what they had open
    if not becomes(lambda: settled_descriptors() <= before):
        yield f"{settled_descriptors() - before} descriptors stay open"


def settled_descriptors() -> int:
    """How many descriptors are open that are not kept for the next request."""
    wakeup.drop_spare_wakers()
    gc.collect()
    return len(open_descriptors())
