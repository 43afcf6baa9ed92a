"""Responses that begin before the request was sent as a whole (contract 10.5)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import CONTINUE, reply
from support.programs import free_port, program, running
from urlrequest import Session, UrlRequest
from urlrequest._http1 import interim
from urlrequest._net import stream
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import ContentTooLarge, IncompleteContent
from urlrequest.testing import (
    Server,
    finish,
    receive_head,
    receive_some,
    send,
    signal,
    wait_closed,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1024 * 1024
SIZE = 8 * MEGABYTE  # more than the system keeps of what was sent

# Both begin their response before they ask for the body: it comes back, or "done" when it was read.
NODE = """
require("http").createServer((request, response) => {
  response.writeHead(200, {"Content-Type": "application/octet-stream"});
  response.flushHeaders();
  if (request.url === "/echo") { request.pipe(response); return; }
  let size = 0;
  request.on("data", (piece) => { size += piece.length; });
  request.on("end", () => { response.end("done " + size); });
}).listen(+process.argv[1], "127.0.0.1");
"""


def in_pieces(octets: bytes) -> Iterator[bytes]:
    return (octets[start : start + 65536] for start in range(0, len(octets), 65536))


WAYS: dict[str, Any] = {
    "expect": (bytes, {}),
    "plain": (bytes, {"Expect": None}),
    "chunked": (in_pieces, {"Expect": None}),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Node server."""
    path, port = program("node", "nodejs"), free_port()
    with running([path, "-e", NODE, str(port)], port, tmp_path_factory.mktemp("node") / "log"):
        yield f"http://127.0.0.1:{port}"


# Below 300: the sending goes on


@pytest.mark.system
@pytest.mark.parametrize("way", WAYS)
def test_10_5_node_begins_early(node: str, way: str) -> None:
    """Contract 10.5: Node sends its head, reads the whole body, and then the rest of the response comes."""
    make, headers = WAYS[way]
    request = UrlRequest(node, req_body=make(bytes(SIZE)), req_headers=headers, timeout=20)
    assert request.wait(timeout=30)

    assert (200, f"done {SIZE}".encode()) == (request.resp_status, request.content), request.error


@pytest.mark.system
@pytest.mark.parametrize("has_file", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize("way", WAYS)
def test_10_5_node_sends_the_body_back(node: str, tmp_path: Path, way: str, has_file: bool) -> None:
    """Contract 10.5: all of what is sent back while it is sent arrives."""
    make, headers = WAYS[way]
    octets = os.urandom(SIZE)
    path = tmp_path / "file"
    request = UrlRequest(
        node + "/echo", req_body=make(octets), req_headers=headers, timeout=20, file_path=path if has_file else None
    )
    assert request.wait(timeout=30)

    assert 200 == request.resp_status, request.error
    assert octets == (path.read_bytes() if has_file else request.result)


HEAD = b"HTTP/1.1 %s Begun\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("status", [b"200", b"202", b"299"])
@pytest.mark.parametrize("begun", [9, 10, 30, len(HEAD) - 1, len(HEAD) + 1, len(HEAD) + 3])
def test_10_5_success_does_not_stop_the_sending(server: Server, begun: int, status: bytes) -> None:
    """Contract 10.5: wherever an early response below 300 stops for a while, the whole body is sent."""
    octets = HEAD % status + b"done"
    server.play(
        receive_head(), receive_some(100_000), send(octets[:begun]), receive_some(SIZE - 100_000),
        send(octets[begun:]), read_request=False,
    )  # fmt: skip
    request = UrlRequest(server.url, req_body=bytes(SIZE), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=30)

    assert (int(status), "done") == (request.resp_status, request.result), request.error


@pytest.mark.parametrize("first", [b"", CONTINUE])
def test_10_5_success_instead_of_100(server: Server, first: bytes) -> None:
    """Contract 10.5: a response below 300 that begins instead of 100 Continue asks for the body, too."""
    octets = HEAD % b"200" + b"done"
    server.play(receive_head(), send(first + octets[:-2]), receive_some(SIZE), send(octets[-2:]), read_request=False)
    request = UrlRequest(server.url, req_body=bytes(SIZE), timeout=20)
    assert request.wait(timeout=30)

    assert (200, "done") == (request.resp_status, request.result), request.error


def test_10_5_early_success_keeps_the_connection(server: Server) -> None:
    """Contract 10.5, 17.10: a whole early response leaves the connection to the next request: all was sent."""
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    exchange = [receive_head(), receive_some(100_000), send(octets), receive_some(SIZE - 100_000)]
    server.play(*exchange * 2, read_request=False)
    with Session() as session:
        for _ in range(2):
            request = session.request(
                server.url, method="PUT", req_body=bytes(SIZE), req_headers={"Expect": None}, timeout=20
            )
            assert request.wait(timeout=30)
            assert (200, "ok") == (request.resp_status, request.result), request.error

    assert 1 == server.connection_count


def test_10_5_success_ends_before_the_sending(server: Server) -> None:
    """Contract 10.5: a server that has sent its whole response and closes its side needs no more of the request."""
    steps = [receive_head(), receive_some(100_000), send(reply(b"ok")), finish(), wait_for("over")]
    server.play(*steps, read_request=False)
    request = UrlRequest(server.url, req_body=bytes(8 * SIZE), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=30)
    server.signal("over")

    assert (200, "ok") == (request.resp_status, request.result), request.error


def test_10_5_an_early_response_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: what comes before the request was sent is kept up to a limit, and is an error beyond it."""
    monkeypatch.setattr(interim, "MAX_EARLY_SIZE", MEGABYTE)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    server.play(receive_head(), send(head), send(bytes(65536) for _ in range(1000)), read_request=False)
    request = UrlRequest(server.url, req_body=bytes(SIZE), timeout=20)
    assert request.wait(timeout=30)

    assert isinstance(request.error, ContentTooLarge)
    assert f"more than {MEGABYTE} bytes before the request was sent" in str(request.error)


# 300 and above: the sending ends, and our side is closed


REFUSALS = {
    "until the end": b"HTTP/1.1 413 No\r\nConnection: close\r\n\r\nrefused",
    "redirect": b"HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nConnection: close\r\n\r\nrefused",
    "server error": b"HTTP/1.0 500 Oh\r\n\r\nrefused",
}


@pytest.mark.parametrize("is_tls", [False, True])
def test_10_5_a_refusal_by_a_server_that_reads_on(
    server: Server, tls_server: Server, ca_file: str, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool
) -> None:
    """Contract 10.5: it stops the sending also where each piece can be sent at once."""
    monkeypatch.setattr(stream, "LOOK_INTERVAL", 0.0)
    each = tls_server if is_tls else server
    each.play(receive_head(), send(REFUSALS["until the end"]), signal("refused"), wait_closed(), read_request=False)

    ends = list[bool]()

    def pieces() -> Iterator[bytes]:
        yield b"x"
        each.wait("refused")
        for _ in range(1000):
            yield b"x"
        ends.append(True)

    request = UrlRequest(each.url, req_body=pieces(), req_headers={"Expect": None}, ca_file=ca_file)
    assert request.wait(timeout=20)

    assert 413 == request.resp_status, request.error
    assert [] == ends


def signal_stop(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the server the signal `stopped` when the client has stopped sending.

    The client looks for a response now and then. A server that reads as quickly as it sends could get all before.
    """
    stop = NetworkStream.give_up_sending

    def stop_and_tell(stopped: NetworkStream) -> None:
        stop(stopped)
        server.signal("stopped")

    monkeypatch.setattr(NetworkStream, "give_up_sending", stop_and_tell)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", REFUSALS)
def test_10_5_a_server_that_drains_before_it_closes(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str, way: str
) -> None:
    """Contract 10.5 (RFC 9112, section 9.5): it reads the request to its end, which is that of our side, and closes."""
    make, headers = WAYS[way]
    signal_stop(server, monkeypatch)
    steps = [receive_head(), send(REFUSALS[kind]), wait_for("stopped"), wait_closed("drained")]
    server.play(*steps, read_request=False)
    request = UrlRequest(server.url, req_body=make(bytes(8 * SIZE)), req_headers=headers)
    assert request.wait(timeout=20)
    server.wait("drained")

    assert "refused" == request.result, request.error
    assert request.resp_status in {307, 413, 500}


def test_10_5_a_server_that_drains_over_tls(tls_server: Server, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: over TLS as well; the end of the response comes with close_notify."""
    server = tls_server
    signal_stop(server, monkeypatch)
    steps = [receive_head(), send(REFUSALS["until the end"]), wait_for("stopped"), wait_closed("drained")]
    server.play(*steps, read_request=False)
    request = UrlRequest(server.url, req_body=bytes(8 * SIZE), ca_file=ca_file)
    assert request.wait(timeout=20)
    server.wait("drained")

    assert 413 == request.resp_status


def test_10_5_a_server_that_drains_before_it_goes_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: a refusal of which nothing comes for a second is not waited for with our side open."""
    head = b"HTTP/1.1 413 No\r\nContent-Length: 7\r\nConnection: close\r\n\r\nref"
    signal_stop(server, monkeypatch)
    steps = [receive_head(), send(head), wait_for("stopped"), wait_closed("drained")]
    server.play(*steps, read_request=False)
    request = UrlRequest(server.url, req_body=bytes(8 * SIZE))
    server.wait("drained", 20)
    assert request.wait(timeout=20)

    assert (413, IncompleteContent) == (request.resp_status, type(request.error))


def test_10_5_a_refusal_that_comes_slowly(server: Server) -> None:
    """Contract 10.5: our side stays open while a refusal of known length comes, since some servers stop at its end."""
    head = b"HTTP/1.1 413 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"
    server.play(receive_head(), send(head), signal("head"), wait_for("go"), send(b"refuse"), read_request=False)
    request = UrlRequest(server.url, req_body=bytes(8 * SIZE), timeout=20)
    server.wait("head")
    server.signal("go")
    assert request.wait(timeout=20)

    assert (413, "refuse") == (request.resp_status, request.result), request.error
