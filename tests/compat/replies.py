"""Scenarios about what is received: heads, framing, codings, truncation, time, TLS; and about files.

As in `requests.py`: a scenario that names no row promises that nothing differs but what differs everywhere.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

from compat import drives
from compat.requests import SUCCESS_FIELDS, succeeds
from compat.scenarios import Scenario, Want, reply
from support.messages import frame_chunks
from urlrequest.testing import Step, hold, reset, send, signal, wait_for

__all__ = ["REPLIES"]

CUT, STATUS, GZIP = "truncated bodies are errors", "status 600+ is a failure, 1xx skipped", "gzip decoded"
TYPE, FIELDS = "one result type rule (4.1)", "duplicate and case-insensitive headers"
FILES, STORES = "file_path atomic and 2xx only", "certifi with the platform store"

OK = reply(200, b"ok")
NINE = b"nine octs"
SHORT = reply(200, NINE, length=20)
CHUNKED = "Transfer-Encoding: chunked"
PACKED = gzip.compress(b"hello " * 20, mtime=0)
HEAD = "3.4 resp_status and resp_headers are set whatever the outcome, once there was a head"
SHORT_HEAD = Want(status=200, fields=(("Content-Length", "20"), ("Content-Type", "text/plain")))
CHUNKS_HEAD = Want(status=200, fields=(("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")))
BROKEN = Want(terminal="error", result=None, error="HTTPException")


def hear(name: str, *steps: Step | bytes, differs: tuple[str, ...] = (), **kwargs: Any) -> Scenario:
    """Make a scenario about a reply; bytes are sent as they are, and options stand in `options`."""
    script = tuple(send(step) if isinstance(step, bytes) else step for step in steps)
    return Scenario(name, script, differs=differs, **kwargs)


def chunks(framed: bytes, *fields: str, **kwargs: Any) -> bytes:
    """Make a reply whose body is framed as chunks already."""
    return reply(200, framed, CHUNKED, *fields, length=False, **kwargs)


HEADS = (
    hear("reply 1.0", b"HTTP/1.0 200 OK\r\n\r\nabc"),
    hear("reply without reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
    hear("reply in other spelling", b"HTTP/1.1 200 OK\r\ncONTENT-lENGTH: 2\r\nx-Mixed-CASE: Value\r\n\r\nok"),
    hear("reply in latin-1", b"HTTP/1.1 200 Tr\xe8s bien\r\nX-A: caf\xe9\r\nContent-Length: 2\r\n\r\nok"),
    hear("reply without fields", b"HTTP/1.1 200 OK\r\n\r\nok"),
    hear("reply in pieces", OK[:30], OK[30:]),
    hear("reply with more than its length", reply(200, b"okay", length=2)),
    hear("reply closed at once"),
    hear("reply reset at once", reset()),
    hear("reply that is noise", b"noise\r\n\r\n"),
    hear("reply of another protocol", b"HTTP/2 200 OK\r\n\r\n"),
    hear("100 before", b"HTTP/1.1 100 Continue\r\n\r\n", OK),
    hear("102 before", b"HTTP/1.1 102 Processing\r\n\r\n", OK, differs=(STATUS,), want=succeeds()),
    hear("103 before", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK, differs=(STATUS,), want=succeeds()),
    hear("100 and 103 before", b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\n\r\n", OK, differs=(STATUS,), want=succeeds()),
    hear(
        "several Set-Cookie",
        reply(200, b"ok", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2"),
        keeps=";-joined Set-Cookie",
    ),
    hear("one Set-Cookie", reply(200, b"ok", "Set-Cookie: a=1"), keeps=";-joined Set-Cookie"),
    hear(
        "repeated field",
        reply(200, b"ok", "X-D: 1", "X-D: 2"),
        differs=(FIELDS,),
        want=Want(fields=(*SUCCESS_FIELDS, ("X-D", "1, 2"))),
    ),
    hear(
        "repeated field in two spellings",
        reply(200, b"ok", "X-D: 1", "x-d: 2"),
        differs=(FIELDS,),
        want=Want(fields=(*SUCCESS_FIELDS, ("X-D", "1, 2"))),
    ),
    hear("302", reply(302, b"", "Location: /elsewhere"), keeps="3xx are not followed unless asked"),
    hear(
        "307 of a POST",
        reply(307, b"", "Location: /elsewhere"),
        options={"req_body": "x"},
        keeps="3xx are not followed unless asked",
    ),
)

BODIES = (
    hear("chunks", chunks(frame_chunks(b"ab", b"cde"))),
    hear("chunks with extensions and trailers", chunks(b"2;a=b\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")),
    hear("chunk of bad size", chunks(b"zz\r\nok\r\n0\r\n\r\n"), differs=(HEAD,), want=CHUNKS_HEAD),
    hear("chunks cut", chunks(frame_chunks(NINE)[:8]), differs=(HEAD,), want=CHUNKS_HEAD),
    hear("chunks cut progress", chunks(frame_chunks(NINE)[:8]), progress=True),
    hear("chunks without the last", chunks(frame_chunks(NINE, is_whole=False)), differs=(HEAD,), want=CHUNKS_HEAD),
    hear("body cut", SHORT, differs=(HEAD,), want=SHORT_HEAD),
    # The end comes twice (5.2), but this is none: only whole chunks are told of.
    hear("body cut progress", SHORT, progress=True, differs=(CUT,), want=replace(BROKEN, progress=((0, 20),))),
    hear(
        "body cut 404 progress",
        reply(404, NINE, length=20),
        progress=True,
        options={"chunk_size": -1},
        differs=(CUT,),
        want=replace(BROKEN, progress=((0, 20),)),
    ),
    hear(
        "body cut by 8",
        SHORT,
        progress=True,
        options={"chunk_size": 8},
        differs=(CUT,),
        want=replace(BROKEN, progress=((0, 20), (8, 20))),
    ),
    hear("body reset", SHORT, signal("half"), reset(), differs=(HEAD,), want=SHORT_HEAD),
    hear("large body", reply(200, b"0123456789" * 100_000)),
    hear(
        "large body progress",
        reply(200, b"0123456789" * 10_000),
        progress=True,
        options={"chunk_size": 30_000},
        body=b"0123456789" * 10_000,
        content_type="text/plain",
        differs=(TYPE,),
    ),
    hear(
        "default chunk_size",
        reply(200, b"x" * 20_000),
        progress=True,
        body=b"x" * 20_000,
        content_type="text/plain",
        differs=(TYPE,),
    ),
    hear(
        "twenty octets by 8",
        reply(200, b"x" * 20),
        progress=True,
        options={"chunk_size": 8},
        body=b"x" * 20,
        content_type="text/plain",
        differs=(TYPE,),
        keeps="the duplicate final progress event",
    ),
    hear("gzip", reply(200, PACKED, "Content-Encoding: gzip"), differs=(GZIP,), want=Want(result="hello " * 20)),
    hear(
        "gzip in chunks",
        chunks(frame_chunks(PACKED[:9], PACKED[9:]), "Content-Encoding: gzip"),
        differs=(GZIP,),
        want=Want(result="hello " * 20),
    ),
    hear(
        "gzip of JSON",
        reply(200, gzip.compress(b"[1]", mtime=0), "Content-Encoding: gzip", content_type="application/json"),
        differs=(GZIP,),
        want=Want(
            terminal="success",
            error="",
            result=[1],
            status=200,
            fields=(("Content-Encoding", "gzip"), ("Content-Length", "23"), ("Content-Type", "application/json")),
        ),
    ),
    hear("problem+json", reply(200, b"{}", content_type="application/problem+json"), keeps="`application/json` only"),
    hear("text/json", reply(200, b"{}", content_type="text/json"), keeps="`application/json` only"),
    hear("x-json", reply(200, b"{}", content_type="application/x-json"), keeps="`application/json` only"),
)

TIMES = (
    hear("timeout in the head", hold(), options={"timeout": 0.2}),
    hear("timeout in the body", SHORT, hold(), options={"timeout": 0.2}, differs=(HEAD,), want=SHORT_HEAD),
    hear("timeout not reached", OK, options={"timeout": 3}),
    hear("timeout as a float", OK, options={"timeout": 2.5}),
    hear("timeout negative", OK, options={"timeout": -1}),
    hear("timeout None", signal("asked"), wait_for("go"), OK, drive=drives.hold_back, keeps="timeout None"),
)

TARGET = {"file_path": "{folder}/target"}
OLD = (("target", b"old"),)
CUT_FILE = replace(BROKEN, files=OLD)

DISK = (
    hear("file new", reply(200, NINE), options=TARGET, keeps="b'' with file_path"),
    hear("file replaced", reply(200, NINE), options=TARGET, existing=b"old", keeps="b'' with file_path"),
    hear(
        "file with JSON",
        reply(200, b"[1]", content_type="application/json"),
        options=TARGET,
        differs=(TYPE,),
        keeps="b'' with file_path",
    ),
    hear(
        "file progress",
        reply(200, NINE),
        options={**TARGET, "chunk_size": 8},
        progress=True,
        keeps="b'' with file_path",
    ),
    hear("file of chunks", chunks(frame_chunks(b"nine ", b"octs")), options=TARGET),
    hear("file of an empty body", reply(200, b""), options=TARGET, existing=b"old"),
    hear("file undecoded", reply(200, NINE), options={**TARGET, "decode": False}),
    hear(
        "file of JSON that failed",
        reply(404, b'{"a": 1}', content_type="application/json"),
        options=TARGET,
        existing=b"old",
        body=b'{"a": 1}',
        content_type="application/json",
        differs=(FILES,),
    ),
    hear("file cut", SHORT, options=TARGET, existing=b"old", differs=(CUT, FILES), want=CUT_FILE),
    hear(
        "file cut progress",
        SHORT,
        options=TARGET,
        progress=True,
        existing=b"old",
        differs=(CUT, FILES),
        want=replace(CUT_FILE, progress=((0, 20),)),
    ),
    hear("file cut, none before", SHORT, options=TARGET, differs=(CUT, FILES), want=replace(CUT_FILE, files=())),
    hear("file and a connection closed", options=TARGET, existing=b"old"),
    hear(
        "file in no folder",
        OK,
        options={"file_path": "{folder}/none/target"},
        differs=(FILES,),
        want=Want(sent=0),
    ),
    hear("file at a folder", OK, options={"file_path": "{folder}"}, differs=(FILES,), want=Want(sent=0)),
)


def secure(name: str, *differs: str, want: Want | None = None, **kwargs: Any) -> Scenario:
    """Make a scenario with TLS; keyword arguments that are no field of `Scenario` are options."""
    own = {key: kwargs.pop(key) for key in list(kwargs) if key in Scenario.__dataclass_fields__}
    url = own.pop("url", "https://{host}:{port}/p")
    return Scenario(
        f"TLS {name}", (send(OK),), url=url, tls=True, options=kwargs, differs=differs, want=want or Want(), **own
    )


TLS = (
    secure("with its authority", ca_file="{ca_file}"),
    secure("by address", ca_file="{ca_file}", url="https://127.0.0.1:{port}/p"),
    secure("of an unknown authority"),
    secure("unverified", verify=False),
    secure("without the authority's file", ca_file="{folder}/none.pem"),
    hear("TLS options for http", OK, options={"ca_file": "{folder}/none.pem", "verify": False}),
    secure(
        "with its authority, whatever SSL_CERT_FILE says",
        ca_file="{ca_file}",
        drive=drives.use_environment({"SSL_CERT_FILE": "{folder}/none.pem"}),
    ),
    secure(
        "unverified, whatever SSL_CERT_FILE says",
        verify=False,
        drive=drives.use_environment({"SSL_CERT_FILE": "{folder}/none.pem"}),
    ),
    secure(
        "by SSL_CERT_FILE",
        fresh=True,
        drive=drives.use_environment({"SSL_CERT_FILE": "{ca_file}"}),
    ),
    secure(
        "by certifi",
        STORES,
        fresh=True,
        drive=drives.use_stores,
        want=succeeds(method="GET", header={"Host": "localhost:PORT"}),
    ),
)

REPLIES = (*HEADS, *BODIES, *TIMES, *DISK, *TLS)
