r"""A scripted HTTP/1.1 server on the loopback interface, for tests of applications that make requests.

It owns its sockets and its threads (all daemons named ``urlrequest-testing-...``), and uses only the standard library.

Fixed replies, in one line::

    with serve({"/hello": "Hello", "/user": {"name": "Ada"}, "/gone": Reply(410)}) as server:
        request = UrlRequest(server.url + "/user")
        request.wait()
        assert request.result == {"name": "Ada"}
        assert server.requests[0].path == "/user"

Faults, byte by byte, at moments that the test chooses::

    with Server() as server:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"
        server.play(send(head), signal("head"), wait_for("go"), reset())
        request = UrlRequest(server.url, on_error=print)
        server.wait("head")
        server.signal("go")

Replies to requests that name real hosts, without a network::

    with MockNetwork() as mock:
        mock.get("https://api.example.com/user", json={"name": "Ada"})
        request = UrlRequest("https://api.example.com/user")
        request.wait()
        assert request.result == {"name": "Ada"}

Invariants:

1. Closing the server ends all its threads and sockets, whatever a script waits for.
2. A client that goes away is normal. An error in a script or a route is kept in `Server.errors`, and `Server.close()`
   raises it.
3. Scripts are played one per connection, in the order in which connections are accepted.
"""

from ._messages import MalformedRequest, RecordedRequest, Reply
from ._mock import MockedRequest, MockNetwork, UnexpectedRequest
from ._script import Step
from ._server import ScriptError, Server, serve
from ._signals import ServerClosed
from ._steps import (
    close,
    close_without_notify,
    finish,
    hold,
    receive,
    receive_head,
    receive_some,
    reset,
    routes,
    send,
    signal,
    start_tls,
    trickle,
    wait_closed,
    wait_for,
)

__all__ = [
    "MalformedRequest",
    "MockNetwork",
    "MockedRequest",
    "RecordedRequest",
    "Reply",
    "ScriptError",
    "Server",
    "ServerClosed",
    "Step",
    "UnexpectedRequest",
    "close",
    "close_without_notify",
    "finish",
    "hold",
    "receive",
    "receive_head",
    "receive_some",
    "reset",
    "routes",
    "send",
    "serve",
    "signal",
    "start_tls",
    "trickle",
    "wait_closed",
    "wait_for",
]

for _name in __all__:
    globals()[_name].__module__ = "urlrequest.testing"  # where users find it
