"""A server that takes bodies and keeps nothing, and sends one in a million chunks: `python -m ... FOLDER`.

It prints its two ports, of http and https, and serves each connection on a thread until its standard input ends. nginx
cannot do the like without a module: it answers an upload that nobody wants before the upload has come.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from pathlib import Path

__all__ = ["CHUNKS"]

CHUNKS = 1_000_000  # of one byte each
PIECE = 1 << 20  # bytes read at a time
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n\r\n"


def serve(sock: socket.socket) -> None:
    """Answer the requests of one connection."""
    chunks = CHUNKED + b"1\r\n\xff\r\n" * CHUNKS + b"0\r\n\r\n"
    while head := read_head(sock):
        name, _, rest = head[0].lower().partition(b"\r\n")
        if b"\r\nexpect: 100-continue" in head[0].lower():
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"transfer-encoding: chunked" in rest:
            discard_chunks(sock, head[1])
        elif b"content-length: " in rest:
            discard(sock, int(rest.partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(head[1]))
        sock.sendall(chunks if b" /chunks" in name else OK)


def read_head(sock: socket.socket) -> tuple[bytes, bytes] | None:
    """The head of the next request, and what has come of its body."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        piece = sock.recv(PIECE)
        if not piece:
            return None
        octets += piece
    head, _, rest = octets.partition(b"\r\n\r\n")
    return head + b"\r\n", rest


def discard(sock: socket.socket, left: int) -> None:
    """Read so many bytes."""
    room = memoryview(bytearray(PIECE))
    while left > 0:
        count = sock.recv_into(room[: min(left, PIECE)])
        if not count:
            raise ConnectionError("the client has gone")
        left -= count


def discard_chunks(sock: socket.socket, begun: bytes) -> None:
    """Read to the last chunk, by its bytes: no body of the benchmarks has them."""
    end = begun[-5:]
    room = memoryview(bytearray(PIECE))
    while end != b"0\r\n\r\n":
        count = sock.recv_into(room)
        if not count:
            raise ConnectionError("the client has gone")
        end = (end + bytes(room[max(0, count - 5) : count]))[-5:]


def accept(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Serve each connection on a thread of its own."""
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_serve_safely, args=(sock, context), daemon=True).start()


def _serve_safely(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock if context is None else context.wrap_socket(sock, server_side=True) as connection:
            serve(connection)
    except OSError:
        pass  # the client has gone


def main() -> None:
    """Serve until the standard input ends."""
    folder = Path(sys.argv[1])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    ports = []
    for each in (None, context):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        ports.append(listener.getsockname()[1])
        threading.Thread(target=accept, args=(listener, each), daemon=True).start()
    print(*ports, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
