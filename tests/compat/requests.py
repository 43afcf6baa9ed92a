"""Scenarios about what is sent: URLs, methods, bodies, fields, credentials, proxies.

A scenario that names no row of the table promises that nothing differs but what differs everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat import drives
from compat.scenarios import Fresh, Scenario, Want, reply
from support.messages import basic
from urlrequest.testing import send

if TYPE_CHECKING:
    from urlrequest.testing import Step

__all__ = ["REQUESTS", "SUCCESS_FIELDS", "ask", "proxied", "succeeds"]

OK = send(reply(200, b"ok"))
SUCCESS_FIELDS = (("Content-Length", "2"), ("Content-Type", "text/plain"))

ENCODED, FRAGMENT, USERINFO = "percent-encoding of URLs", "fragment not sent", "userinfo decoded"
UPPER, BODY, FIELDS = "methods upper-cased", "str bodies utf-8, dict bodies", "duplicate and case-insensitive headers"
MUTATED, AUTH = "nothing mutated", "auth honoured"
PROXY = "proxy_headers for http, no credentials to the proxy"
FORM = "application/x-www-form-urlencoded"


def ask(name: str, *differs: str, want: Want | None = None, **kwargs: Any) -> Scenario:
    """Make a scenario with the reply "ok"; keyword arguments that are no field of `Scenario` are options."""
    fields = Scenario.__dataclass_fields__
    own = {key: kwargs.pop(key) for key in list(kwargs) if key in fields}
    script: tuple[Step, ...] = own.pop("script", (OK,))
    return Scenario(name, script, options=kwargs, differs=differs, want=want or Want(), **own)


def succeeds(**kwargs: Any) -> Want:
    """Want the reply "ok" where Kivy has an error."""
    return Want(terminal="success", result="ok", error="", status=200, fields=SUCCESS_FIELDS, **kwargs)


class Account:
    """An object with credentials, as users of `requests` have them."""

    username = "ad\u00e9"
    password = "p:w"


def sign(headers: Any) -> None:
    """Set a field, as a callable `auth` does."""
    headers["X-Signature"] = "abc"


def url(name: str, text: str, *differs: str, want: Want | None = None) -> Scenario:
    return ask(f"URL {name}", *differs, want=want, url=text)


URLS = (
    url("plain", "http://{host}:{port}/p"),
    url("with a query", "http://{host}:{port}/a/b?c=d&e=f"),
    url("without a path", "http://{host}:{port}"),
    url("with parameters", "http://{host}:{port}/a;p=1?b"),
    url("with an encoded path", "http://{host}:{port}/a%20b%2Fc?d=%26"),
    url("scheme in capitals", "HTTP://{host}:{port}/p"),
    url("host in capitals", "http://LOCALHOST:{port}/p"),
    url("with dots and doubled slashes", "http://{host}:{port}/a/../b//c/./d"),
    url("with an empty user", "http://@{host}:{port}/p"),
    url("with a fragment", "http://{host}:{port}/a?b#c", FRAGMENT, want=Want(target="/a?b")),
    url("with a fragment only", "http://{host}:{port}#c", FRAGMENT, want=Want(target="/")),
    url("with spaces", "http://{host}:{port}/a b?c d", ENCODED, want=succeeds(target="/a%20b?c%20d")),
    url("with letters", "http://{host}:{port}/caf\u00e9?\u20ac", ENCODED, want=succeeds(target="/caf%C3%A9?%E2%82%AC")),
    url("with white space around", " http://{host}:{port}/p ", ENCODED, want=succeeds(target="/p")),
    url("with credentials", "http://user:pass@{host}:{port}/p"),
    url(
        "with encoded credentials",
        "http://us%65r:p%40ss@{host}:{port}/p",
        USERINFO,
        want=Want(header={"Authorization": basic("user:p@ss")}),
    ),
    url("with a user", "http://user@{host}:{port}/p", USERINFO, want=Want(header={"Authorization": basic("user:")})),
    url(
        "with an empty password",
        "http://user:@{host}:{port}/p",
        USERINFO,
        want=Want(header={"Authorization": basic("user:")}),
    ),
    url("that refuses", "http://{host}:1/p"),
    url("with an unknown host", "http://nowhere.invalid/p"),
    url("with a port out of range", "http://{host}:99999/p"),
    url("with a port of letters", "http://{host}:80a/p"),
)

METHODS = (
    ask("method PUT", method="PUT", req_body="x"),
    ask("method DELETE", method="DELETE"),
    ask("method GET with a body", method="GET", req_body="x"),
    ask("method POST without a body", method="POST"),
    ask("method PATCH", method="PATCH", req_body=b"x"),
    ask("method OPTIONS", method="OPTIONS"),
    ask("method put", UPPER, method="put", req_body="x", want=Want(method="PUT")),
    ask("method delete", UPPER, method="delete", want=Want(method="DELETE")),
)

BODIES = (
    ask("body str", req_body="abc=d"),
    ask("body bytes", req_body=b"\x00\xff"),
    ask("body bytearray", req_body=bytearray(b"abc")),
    ask("body empty str", req_body=""),
    ask("body empty bytes", req_body=b""),
    ask("body of many octets", req_body=b"0123456789" * 30_000),
    ask("body list of bytes", req_body=[b"ab", b"c"]),
    ask("body iterator", req_body=Fresh(lambda place: iter([b"ab", b"c"]))),
    ask("body generator", req_body=Fresh(lambda place: (piece for piece in (b"ab", b"cde")))),
    ask("body with a type", req_body="a=b", req_headers={"Content-Type": FORM}),
    ask(
        "body latin-1 letters",
        BODY,
        req_body="caf\u00e9",
        want=Want(body="caf\u00e9".encode(), header={"Content-Length": "5"}),
    ),
    ask(
        "body other letters",
        BODY,
        req_body="\u20ac",
        want=succeeds(method="POST", header={"Content-Length": "3"}, body="\u20ac".encode()),
    ),
    ask(
        "body latin-1 by charset",
        req_body="caf\u00e9",
        req_headers={"Content-Type": "text/plain; charset=iso-8859-1"},
    ),
    ask(
        "body dict",
        BODY,
        req_body={"a": "1 2", "b": "\u20ac"},
        want=succeeds(method="POST", header={"Content-Type": FORM, "Content-Length": "17"}, body=b"a=1+2&b=%E2%82%AC"),
    ),
    ask(
        "body dict as JSON",
        BODY,
        req_body={"a": [1]},
        req_headers={"Content-Type": "application/json"},
        want=succeeds(
            method="POST", header={"Content-Type": "application/json", "Content-Length": "10"}, body=b'{"a": [1]}'
        ),
    ),
)

HEADERS = (
    ask("header True", req_headers={"X-A": True}),
    ask("chunk_size 1024.0 without progress", chunk_size=1024.0),
    ask("chunk_size 0 without progress", chunk_size=0),
    ask("on_redirect a number, as a Clock passes it on", on_redirect=0.016, listen=("success", "finish")),
    ask("headers", req_headers={"X-A": "1", "x-b": "two words"}),
    ask("headers empty", req_headers={}),
    ask("header int", req_headers={"X-A": 1}),
    ask("header bytes", req_headers={"X-A": b"1"}),
    ask("header latin-1", req_headers={"X-A": "caf\u00e9"}),
    ask("header empty", req_headers={"X-A": ""}),
    ask("header Host", req_headers={"Host": "other.example"}),
    ask("header host", req_headers={"host": "other.example"}),
    ask("header accept-encoding", req_headers={"accept-encoding": "x-own"}),
    ask("header content-type", req_headers={"content-type": "text/x"}, req_body="a"),
    ask("header Content-Length", req_headers={"Content-Length": "1"}, req_body="a"),
    ask("header User-Agent", req_headers={"User-Agent": "me"}),
    ask("header Connection", req_headers={"Connection": "close"}),
    ask("header Cookie", req_headers={"Cookie": "a=b"}),
    ask("header Authorization", req_headers={"Authorization": "Bearer abc"}),
    ask("header with CR LF", req_headers={"X-A": "a\r\nB: c"}),
    ask(
        "header twice",
        FIELDS,
        req_headers=[("X-A", "1"), ("X-A", "2")],
        want=succeeds(header={"X-A": "1\n2"}),
    ),
    ask(
        "header user-agent and user_agent",
        FIELDS,
        MUTATED,
        req_headers={"user-agent": "me"},
        user_agent="you",
        want=Want(header={"User-Agent": None, "user-agent": "me"}),
    ),
    ask("user_agent", user_agent="me/1"),
    ask("user_agent empty", user_agent=""),
    ask("user_agent and headers", MUTATED, user_agent="me/1", req_headers={"X-A": "1"}),
    ask("cookies", cookies="a=b; c=d"),
    ask("cookies and headers", MUTATED, cookies="a=b", req_headers={"X-A": "1"}),
    ask("credentials and headers", MUTATED, url="http://u:p@{host}:{port}/p", req_headers={"X-A": "1"}),
    ask("auth pair", AUTH, auth=("user", "pass"), want=Want(header={"Authorization": basic("user:pass")})),
    ask("auth object", AUTH, auth=Account(), want=Want(header={"Authorization": basic("ad\u00e9:p:w")})),
    ask("auth callable", AUTH, auth=sign, want=Want(header={"X-Signature": "abc"})),
)


def proxied(name: str, *differs: str, url: str = "http://origin.example/p?q", **kwargs: Any) -> Scenario:
    """Make a scenario in which the server is a proxy."""
    return ask(
        f"proxy {name}", *differs, url=url, proxy_host="{host}", proxy_port=Fresh(lambda place: place.port), **kwargs
    )


PROXIES = (
    proxied("for http"),
    proxied("for http on a port", url="http://origin.example:81/p"),
    proxied("with a body", req_body="abc"),
    proxied("with own headers", req_headers={"X-A": "1"}),
    proxied(
        "headers for http",
        PROXY,
        proxy_headers={"X-P": "1", "Proxy-Authorization": "Basic eDp5"},
        want=Want(header={"X-P": "1", "Proxy-Authorization": "Basic eDp5"}),
    ),
    proxied(
        "and credentials in the URL",
        PROXY,
        url="http://user:pass@origin.example/p",
        want=Want(target="http://origin.example/p", header={"Host": "origin.example"}),
    ),
    proxied("and a fragment", FRAGMENT, url="http://origin.example/p#f", want=Want(target="http://origin.example/p")),
    ask("proxy that refuses connections", url="http://origin.example/p", proxy_host="{host}", proxy_port=1),
    ask("proxy port without host", proxy_port=1),
    ask(
        "environment proxies are ignored",
        drive=drives.use_environment({"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}),
        keeps="no environment proxies",
    ),
)

REQUESTS = (*URLS, *METHODS, *BODIES, *HEADERS, *PROXIES)
