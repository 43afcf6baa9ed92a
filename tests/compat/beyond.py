"""Differences that other rules of the contract make and section 19 does not name, and the scenarios that show them.

Kept apart from the table of section 19, so that it stays what the contract says; each row carries the rule's number.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, Final

from compat import drives
from compat.requests import ask, proxied, succeeds
from compat.scenarios import Fresh, Scenario, Want, reply
from support.messages import basic, frame_chunks
from urlrequest.testing import send, signal

__all__ = ["BEYOND", "NO_KEY", "RULES"]

CHUNKS: Final = "5.2 chunk_size: None and -1 are the whole body, 0 and below -1 an error"
SCHEME: Final = "9.1 no scheme: http; missing path: /"
COLLECTION: Final = "2.3 text or a collection for a callback: TypeError from the constructor"
BAD_VALUES: Final = "2.3 bad values are errors before anything is sent, each of the nearest standard type"
METHOD: Final = "10.1 a method that is not a token is an error"
LENGTH: Final = "10.2 Content-Length where the size of a body is known"
LEFT_OUT: Final = "10.3 a header that is None is left out"
COOKIES: Final = "10.4 cookies may be a dict"
RAISING: Final = "3.6 a callback that raises: on_finish still runs"
POLLING: Final = "3.4 without callbacks a request finishes when it settles"
LOGGING: Final = "3.8 an outcome that nobody hears of is logged once"
VERIFY: Final = "13.2 verify=None means True, verify=False wins over ca_file"
HEAD: Final = "3.4 resp_status and resp_headers are set whatever the outcome, once there was a head"
QUERY: Final = "9.2 the query is sent as it is, an empty one too"
TUNNEL: Final = "14.1 CONNECT is a request of HTTP/1.1 with a Host"
NO_KEY: Final = "11.1 an absent Set-Cookie reads '' without being a key"
PROXY: Final = "14.1 userinfo in proxy_host becomes Proxy-Authorization"

RULES: Final = (
    CHUNKS,
    SCHEME,
    COLLECTION,
    BAD_VALUES,
    METHOD,
    LENGTH,
    LEFT_OUT,
    COOKIES,
    RAISING,
    POLLING,
    LOGGING,
    VERIFY,
    HEAD,
    QUERY,
    TUNNEL,
    PROXY,
)

NINE = b"nine octs"
OK = send(reply(200, b"ok"))


def fails(error: str, **kwargs: Any) -> Want:
    """Want an error before anything is sent."""
    return Want(terminal="error", result=None, error=error, status=None, fields=None, progress=(), sent=0, **kwargs)


def sized(name: str, chunk_size: object, want: Want, octets: bytes | None = None) -> Scenario:
    return Scenario(
        f"chunk_size {name}",
        (send(octets or reply(200, NINE)),),
        options={"chunk_size": chunk_size},
        progress=True,
        differs=(CHUNKS,),
        want=want,
    )


def refused(name: str, status: int, port: int, **kwargs: Any) -> Scenario:
    """Make a scenario in which a proxy refuses a tunnel."""
    origin = f"origin.example:{port}"
    return proxied(
        f"that refuses {name}",
        TUNNEL,
        url=f"https://{origin}/p",
        script=(send(reply(status, b"no")),),
        want=Want(version="HTTP/1.1", header={"Host": origin}),
        **kwargs,
    )


BEYOND = (
    sized("0", 0, fails("ValueError")),
    sized("-2", -2, fails("ValueError")),
    sized("of letters", "8", fails("TypeError")),
    sized(
        "-1 of chunks",
        -1,
        Want(terminal="success", result=NINE.decode(), progress=((0, -1), (9, -1), (9, -1))),
        reply(200, frame_chunks(NINE), "Transfer-Encoding: chunked", length=False),
    ),
    ask("URL without a scheme", SCHEME, url="{host}:{port}/p", want=succeeds(target="/p")),
    ask("URL with slashes but no scheme", SCHEME, url="//{host}:{port}/p", want=succeeds(target="/p")),
    ask("URL with a query and no path", SCHEME, url="http://{host}:{port}?a=b", want=Want(target="/?a=b")),
    ask("URL with an empty query", QUERY, url="http://{host}:{port}/a?", want=Want(target="/a?")),
    ask("URL of an unknown scheme", BAD_VALUES, url="gopher://{host}:{port}/p", want=fails("ValueError")),
    ask("URL without a host", BAD_VALUES, url="http:///p", want=fails("ValueError")),
    ask("URL with control characters", BAD_VALUES, url="http://{host}:{port}/a\tb", want=fails("ValueError")),
    ask("URL that is empty", BAD_VALUES, url="", want=fails("ValueError")),
    ask("header name with a space", BAD_VALUES, req_headers={"X A": "a"}, want=fails("ValueError")),
    ask("timeout 0", BAD_VALUES, timeout=0, want=fails("ValueError")),
    ask("body int", BAD_VALUES, req_body=5, want=fails("TypeError")),
    ask("method that is no token", METHOD, method="A B", want=fails("ValueError")),
    ask(
        "body of a file",
        LENGTH,
        req_body=Fresh(lambda place: io.BytesIO(b"abc")),
        want=Want(header={"Transfer-Encoding": None, "Content-Length": "3"}, body=b"abc"),
    ),
    ask("header None", LEFT_OUT, req_headers={"X-A": None, "X-B": "1"}, want=succeeds(header={"X-B": "1"})),
    ask("cookies as a dict", COOKIES, cookies={"a": "b", "c": "d"}, want=succeeds(header={"Cookie": "a=b; c=d"})),
    ask(
        "callback that is text",
        COLLECTION,
        on_success="text",
        listen=("error",),
        drive=drives.construct,
        want=Want(constructed="TypeError"),
    ),
    ask(
        "raising on_success",
        RAISING,
        drive=drives.raise_in("success"),
        want=Want(terminal="success", facts={"on_finish": None}),
    ),
    ask(
        "raising on_error",
        RAISING,
        url="http://{host}:1/p",
        drive=drives.raise_in("error"),
        want=Want(terminal="error", facts={"on_finish": None}),
    ),
    Scenario(
        "no callbacks, polled",
        (OK, signal("sent")),
        listen=(),
        drive=drives.poll,
        differs=(POLLING,),
        want=Want(facts={"finished without a loop": "True"}),
    ),
    Scenario(
        "failure nobody hears of",
        (send(reply(404, b"no")), signal("sent")),
        listen=(),
        drive=drives.log_outcome,
        differs=(LOGGING,),
        want=Want(facts={"warnings": "urlrequest"}),
    ),
    refused("of the tunnel", 403, 81),
    refused("for authorization", 407, 443),
    refused("with headers", 502, 443, proxy_headers={"X-P": "1"}),
    Scenario(
        "TLS verify None",
        (OK,),
        url="https://{host}:{port}/p",
        tls=True,
        options={"verify": None},
        differs=(VERIFY,),
        want=replace(fails("SSLCertVerificationError"), connections=1),
    ),
    Scenario(
        "TLS unverified with a file that is not there",
        (OK,),
        url="https://{host}:{port}/p",
        tls=True,
        options={"verify": False, "ca_file": "{folder}/none.pem"},
        differs=(VERIFY,),
        want=succeeds(header={"Host": "localhost:PORT"}),
    ),
    ask(
        "proxy with credentials",
        PROXY,
        url="http://origin.example/p",
        proxy_host="pr%6Fxy:word@{host}",
        proxy_port=Fresh(lambda place: place.port),
        want=succeeds(
            target="http://origin.example/p",
            header={"Host": "origin.example", "Proxy-Authorization": basic("proxy:word")},
        ),
    ),
)
