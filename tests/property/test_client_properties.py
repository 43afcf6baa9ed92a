"""Replies that were changed at random, through the whole client: documented errors only, and never a hang.

The client talks to a pair of sockets that holds the reply already, so that no name is looked up, whatever a reply says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.messages import head
from support.replies import REPLIES, TOKENS, Peer, run
from urlrequest import DigestAuth, Session
from urlrequest._client.call import active_calls
from urlrequest.testing import Server, receive, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

fewer = settings(max_examples=settings().max_examples // 2)

places = st.integers(0, 1000)
mutations = st.tuples(
    st.sampled_from(["insert", "replace", "delete", "repeat", "cut", "swap"]),
    places,
    places,
    st.sampled_from(TOKENS) | st.binary(max_size=8),
)
replies = st.tuples(st.sampled_from(REPLIES), st.lists(mutations, max_size=4))
options = st.fixed_dictionaries(
    {},
    optional={
        "follow_redirects": st.just(True),
        "method": st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"]),
        "retries": st.just(1),
        "resume": st.just(True),
        "auth": st.just(DigestAuth("user", "password")),
        "on_progress": st.just(lambda *_: None),
        "on_chunk": st.just(lambda *_: None),
        "decode": st.just(False),
        "req_headers": st.just({"Range": "bytes=0-9"}),
        "checksum": st.just("sha256:" + "0" * 64),
        "expect_type": st.just("text/*"),
    },
)


def mutated(octets: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, first, second, new in changes:
        begin, end = sorted(place * len(octets) // 1000 for place in (first, second))
        part = octets[begin:end]
        if kind == "insert":
            octets = octets[:begin] + new + octets[begin:]
        elif kind == "replace":
            octets = octets[:begin] + new + octets[begin + len(new) :]
        elif kind == "delete":
            octets = octets[:begin] + octets[min(end, begin + 20) :]
        elif kind == "repeat":
            octets = octets[:end] + part[:200] + octets[end:]
        elif kind == "cut":
            octets = octets[:end]
        else:
            octets = octets[:begin] + part[::-1] + octets[end:]
    return octets


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("CRITICAL")
    before = set(active_calls)  # what tests of other files have left
    yield
    assert set(active_calls) <= before


@pytest.mark.filterwarnings("ignore::urlrequest.errors.InsecureRequestWarning")
@given(st.lists(replies, min_size=1, max_size=3), options, st.booleans())
def test_fault_130_mutated_replies(
    tmp_path_factory: pytest.TempPathFactory, sent: list[Any], given_options: dict[str, Any], to_file: bool
) -> None:
    """Fault 130: whatever comes, to memory or a file, there is one documented outcome, and nothing stays over."""
    peer = Peer([mutated(*each) for each in sent])
    folder: Path = tmp_path_factory.mktemp("f")
    if to_file:
        given_options = {**given_options, "file_path": folder / "f"}
        given_options.pop("on_chunk", None)
    else:
        given_options.pop("resume", None)
    try:
        with Session(max_requests=1) as session:
            request = run(
                lambda url, **more: peer.request(url, session=session, **more), "http://a.test/", given_options
            )
    finally:
        peer.close()
    has_file = to_file and request.error is None and 200 <= (request.resp_status or 0) < 300
    has_body = given_options.get("method") != "HEAD" and request.resp_status not in {204, 205}
    names = {path.name for path in folder.iterdir()}
    assert "f" not in names or has_file
    assert not (has_file and has_body) or "f" in names
    assert given_options.get("resume") or names <= {"f"}


@fewer
@given(replies, st.booleans())
def test_fault_130_mutated_replies_on_a_kept_connection(sent: tuple[bytes, Any], has_worker: bool) -> None:
    """Fault 130: likewise on a connection that is kept, where a request may have no worker; the next one works."""
    octets = mutated(*sent)
    sound = head(2) + b"ok"
    with Server() as server, Session(max_requests=1) as session:
        server.play(send(sound), receive(), send(octets))
        server.play(send(sound))
        assert "ok" == run(session.request, server.url, {}).result
        run(session.request, server.url, {"on_progress": lambda *_: None} if has_worker else {})
        following = run(session.request, server.url, {})
        assert following.error is None or octets.startswith(b"HTTP/1")
