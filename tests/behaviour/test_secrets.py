"""Secrets stay where they belong (security 57, contract 16.3): each kind, each way to end, each place to tell.

A request is given a secret in one place, and ends in one way. Then everything that the library says or leaves is looked
through: log, reprs, messages, notes, tracebacks with and without the values of variables, warnings, pickles, and the
notes of a part file.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import pickle
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from support.command import run
from support.messages import chunked, head, reply
from urlrequest import DigestAuth, Session
from urlrequest._engine.netrc_auth import NetrcAuth
from urlrequest.testing import Server, hold, reset, send, signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from urlrequest.testing import Step

PATIENCE = 20  # seconds
SECRET = "s3cretv4lue"
USER = f"user:{SECRET}"
SHAPES = [  # as it may be told
    SECRET,
    base64.b64encode(USER.encode()).decode(),
    base64.b64encode(SECRET.encode()).decode(),
    hashlib.md5(f"user:r:{SECRET}".encode()).hexdigest(),  # noqa: S324 - as Digest uses it
]


def netrc(folder: Path) -> NetrcAuth:
    (folder / "netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    (folder / "netrc").chmod(0o600)
    return NetrcAuth(str(folder / "netrc"))


class Login:
    """Credentials of a class of the program's."""

    username, password = "user", SECRET


# Where a program hands secrets over, or a server sends some: options, and what stands in the URL. Each is in one of
# these, together with others that do not exclude it.
KINDS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "userinfo": lambda _: {
        "userinfo": f"{USER}@",
        "query": f"?token={SECRET}#{SECRET}",
        "req_headers": {"X-Api-Key": SECRET},
        "cookies": {"id": SECRET},
        "user_agent": SECRET,
        "req_body": SECRET.encode(),
    },
    "auth": lambda _: {
        "auth": ("user", SECRET),
        "params": {"token": SECRET},
        "req_headers": {"Cookie": f"id={SECRET}"},
        "req_body": {"password": SECRET},
        "session": {"headers": {"X-Api-Key": SECRET}, "proxy_auth": ("user", SECRET)},
    },
    "auth-object": lambda _: {
        "auth": Login(),
        "files": {"key": ("key.pem", SECRET.encode())},
        "req_body": {"a": SECRET},
    },
    "auth-digest": lambda _: {
        "auth": DigestAuth("user", SECRET),
        "json": {"password": SECRET},
        "session": {"cookies": {"id": SECRET}},
    },
    "auth-callable": lambda _: {
        "auth": lambda fields: fields.update({"Authorization": f"Bearer {SECRET}"}),
        "client_cert": ("/missing", "/missing", SECRET),
        "resume_key": SECRET,
    },
    "auth-netrc": lambda folder: {"auth": netrc(folder), "location": f"http://{USER}@127.0.0.1:1/?token={SECRET}"},
    "headers": lambda _: {
        "req_headers": [("Authorization", f"Bearer {SECRET}"), ("Proxy-Authorization", SECRET)],
        "location": f"/next?token={SECRET}",
    },
    "reply": lambda _: {
        "reply": [f"Set-Cookie: id={SECRET}", f"Authentication-Info: {SECRET}"],
        "content": SECRET.encode(),
    },
}
PROXY_KINDS: dict[str, dict[str, Any]] = {
    "userinfo": {"userinfo": f"{USER}@"},
    "auth": {"proxy_auth": ("user", SECRET)},
    "auth-digest": {"proxy_auth": DigestAuth("user", SECRET)},
    "headers": {"proxy_headers": {"Proxy-Authorization": f"Bearer {SECRET}"}},
}
DIGEST = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'


def steps_of(end: str, content: bytes, fields: list[str], location: str) -> list[list[Step]]:
    """What the server does so that a request ends in that way, connection by connection."""
    whole = reply(content, *fields)
    return {
        "success": [[send(whole)]],
        "failure": [[send(reply(content, *fields, status="404 Not Found"))]],
        "challenge": [[send(reply(content, DIGEST, *fields, status="401 No"))]] * 3,
        "redirect": [[send(reply(content, f"Location: {location}", *fields, status="302 Found"))]],
        "redirects": [[send(reply(content, f"Location: {location}", *fields, status="307 Found"))]] * 4,
        "bad-redirect": [[send(reply(content, f"Location: x{location}:y", *fields, status="302 Found"))]] * 2,
        "noise": [[send(b"noise\r\n\r\n")]],
        "short": [[send(reply(content, *fields, length=99))]],
        "reset": [[send(reply(content, *fields, length=99)), reset()]],
        "chunks": [[send(chunked(b"x;\r\n" + content, *fields))]],
        "coding": [[send(reply(content, "Content-Encoding: gzip", *fields))]],
        "bad-json": [[send(reply(b"{" + content, "Content-Type: application/json", *fields))]],
        "wrong-type": [[send(reply(content, "Content-Type: text/odd", *fields))]],
        "too-large": [[send(whole)]],
        "timeout": [[hold()]],
        "cancel": [[signal("there"), hold()]],
        "part": [[send(head(99, 'ETag: "one"', "Accept-Ranges: bytes", *fields) + content), reset()]],
        "argument": [],
        "no-tls": [[send(b"HTTP/1.1 400 Bad\r\n\r\n")]],
    }[end]


OPTIONS: dict[str, dict[str, Any]] = {
    "redirects": {"follow_redirects": 2},
    "bad-redirect": {"follow_redirects": True},
    "wrong-type": {"expect_type": "image/png"},
    "too-large": {"max_size": 1},
    "timeout": {"timeout": 0.05},
    "argument": {"deadline": -1, "max_size": "x"},
}
ENDS = [
    "success", "failure", "challenge", "redirect", "redirects", "bad-redirect", "noise", "short", "reset", "chunks",
    "coding", "bad-json", "wrong-type", "too-large", "timeout", "cancel", "part", "argument", "no-tls",
]  # fmt: skip


def told(request: Any, session: Session, folder: Path) -> dict[str, str]:
    """Everything that is said or left of a request, by the place where it is."""
    errors = [request.error]
    try:
        request.raise_for_status()
    except Exception as error:
        errors.append(error)
    found = {
        "repr": f"{request!r} {request} {request.history!r}",
        "session": f"{session!r} {session.cookies!r}",
        "files": " ".join(
            path.name + " " + path.read_bytes().decode("latin-1")
            for path in folder.iterdir()
            if path.name != "netrc" and not path.name.endswith(".part")  # the bytes of the body are its own
        ),
    }
    for number, error in enumerate(each for each in errors if each is not None):
        found[f"message {number}"] = f"{error} {error!r} {error.args!r} {getattr(error, '__notes__', '')}"
        found[f"traceback {number}"] = "".join(traceback.format_exception(error))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        found[f"locals {number}"] = "".join(shown.format())
    for name, value in {"error": request.error, "request": request, "session": session}.items():
        try:
            found[f"pickle of {name}"] = pickle.dumps(value).decode("latin-1")
        except Exception as error:
            found[f"pickle of {name}"] = f"{error} {error!r}"
    return found


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_security_57_no_secret_is_told_anywhere(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, end: str
) -> None:
    """Security 57, contract 16.3, 9.3: whatever the secret, however it ends, wherever one looks: it is not there."""
    options = KINDS[kind](tmp_path)
    for script in steps_of(end, options.pop("content", b"x"), options.pop("reply", []), options.pop("location", "/y")):
        server.play(*script)
    url = f"{'https' if end == 'no-tls' else 'http'}://{options.pop('userinfo', '')}127.0.0.1:{server.port}/p"
    url += options.pop("query", "")
    if end == "part":
        options |= {"file_path": tmp_path / "file", "resume": True}
    settings = options.pop("session", {})
    with (
        warnings.catch_warnings(record=True) as warned,
        caplog.at_level(logging.DEBUG),
        Session(**settings) as session,
    ):
        warnings.simplefilter("always")
        request = session.request(url, **{"timeout": PATIENCE, "debug": True, **options, **OPTIONS.get(end, {})})
        if end == "cancel":
            server.wait("there")
            request.cancel()
        assert request.wait(timeout=PATIENCE)
        request.join(PATIENCE)
        found = told(request, session, tmp_path)
    found["log"] = caplog.text
    found["warnings"] = " ".join(str(each) for each in warned)

    assert {} == {place: text for place, text in found.items() if any(shape in text for shape in SHAPES)}


@pytest.mark.parametrize("octets", [reply(status="407 No"), reply(status="502 No"), b"noise\r\n\r\n", b""])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXY_KINDS)
def test_security_57_no_secret_of_a_proxy_is_told_anywhere(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, scheme: str, octets: bytes
) -> None:
    """Security 57, contract 16.3: nor the credentials of a proxy, whether it refuses, fails or talks nonsense."""
    options = dict(PROXY_KINDS[kind])
    host = f"http://{options.pop('userinfo', '')}127.0.0.1"
    for _ in range(3):
        server.play(send(octets))
    with caplog.at_level(logging.DEBUG), Session(timeout=PATIENCE) as session:
        request = session.get(f"{scheme}://a.test/", proxy_host=host, proxy_port=server.port, debug=True, **options)
        assert request.wait(timeout=PATIENCE)
        request.join(PATIENCE)
        found = told(request, session, tmp_path) | {"log": caplog.text}

    assert {} == {place: text for place, text in found.items() if any(shape in text for shape in SHAPES)}


COMMANDS = {
    "userinfo": (["-v", "URL"], USER),
    "user": (["-v", "-u", USER, "URL"], ""),
    "digest": (["-v", "--digest", "-u", USER, "URL"], ""),
    "header": (["-v", "-H", f"Authorization: Bearer {SECRET}", "-H", f"X-Api-Key: {SECRET}", "URL"], ""),
    "cookie": (["-v", "-b", f"id={SECRET}", "URL"], ""),
    "query": (["-v", f"URL?token={SECRET}"], ""),
    "body": (["-v", "-d", SECRET, "URL"], ""),
    "form": (["-v", "-F", f"a={SECRET}", "URL"], ""),
    "proxy": (["-v", "-x", f"http://{USER}@127.0.0.1:1", "URL"], ""),
    "proxy-user": (["-v", "-x", "http://127.0.0.1:1", "--proxy-user", USER, "URL"], ""),
    "wrong-url": ([f"http://{USER}@host:port/"], ""),
    "wrong-option": (["-H", f"Authorization {SECRET}", "URL"], ""),
    "wrong-scheme": ([f"odd://{USER}@host/?{SECRET}"], ""),
}


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "401 No"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_security_57_the_command_tells_no_secret(server: Server, kind: str, status: str) -> None:
    """Security 57, contract 16.3: neither `-v` nor a complaint of the command shows what it was given."""
    for _ in range(3):
        server.play(send(reply(b"x", DIGEST, f"Set-Cookie: id={SECRET}", status=status)))
    arguments, userinfo = COMMANDS[kind]
    url = server.url.replace("//", f"//{userinfo}@") if userinfo else server.url
    done = run("-f", *(each.replace("URL", url) for each in arguments))

    said = done.stderr.decode()
    assert "" != said or status == "200 OK"
    assert [] == [shape for shape in SHAPES if shape in said]
