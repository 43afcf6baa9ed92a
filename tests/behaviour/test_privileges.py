"""Contract 2.9: programs that change root folder and user: what was loaded works, the rest is a clear error."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from support.children import run_python
from urlrequest.testing import Reply

if TYPE_CHECKING:
    from urlrequest.testing import RecordedRequest, Server

pytestmark = pytest.mark.skipif(
    not hasattr(os, "chroot") or os.geteuid() != 0, reason="only root changes the root folder"
)

SCRIPT = """
import os, ssl, sys, tempfile, warnings
import urlrequest
from urlrequest import DigestAuth, Session, UrlRequest, wait_all

http, https, ca_file, loaded = sys.argv[1:]
context = ssl.create_default_context(cafile=ca_file)
warnings.simplefilter("ignore")

def plain(): return dict(url=http + "/new")
def tls(): return dict(url=https + "/new", ssl_context=context)
def unverified(): return dict(url=https + "/new", verify=False)
def coded(): return dict(url=http + "/coded")
def parsed(): return dict(url=http + "/json")
def posted(): return dict(url=http + "/new", json={"a": 1})
def form(): return dict(url=http + "/new", method="POST", req_body={"a": "b"})
def upload(): return dict(url=http + "/new", method="POST", files={"a": ("name.txt", b"b")})
def file(): return dict(url=http + "/new", file_path=folder + "/file", checksum="sha256:" + SUM)
def resumed(): return dict(url=http + "/new", file_path=folder + "/resumed", resume=True)
def redirected(): return dict(url=http + "/moved", follow_redirects=True)
def basic(): return dict(url=http + "/new", auth=("a", "b"))
def digest(): return dict(url=http + "/digest", auth=DigestAuth("a", "b"))
def cookies(): return dict(url=http + "/cookie", session=session)
PORT = int(http.rpartition(":")[2])
def proxied(): return dict(url="http://origin.test/new", proxy_host="127.0.0.1", proxy_port=PORT)
def progress(): return dict(url=http + "/new", on_progress=lambda *_: None)
def environment(): return dict(url=http + "/new", trust_env=True)
def foreign_text(): return dict(url=http + "/latin")
def international(): return dict(url="http://b\\xfccher.invalid/")
def cut(): return dict(url=http + "/cut")
def invalid(): return dict(url="http://a b/")
def untrusted(): return dict(url=https + "/new")
def certificate(): return dict(url=https + "/new", ca_file=ca_file)

ALL = [each for each in list(globals().values()) if getattr(each, "__module__", "") == "__main__"]
SUM = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
session = Session()

def ask(make):
    ends = []
    request = UrlRequest(
        **make(), deadline=20,
        on_success=lambda *_: ends.append("success"), on_failure=lambda *_: ends.append("failure"),
        on_error=lambda *_: ends.append("error"), on_finish=lambda _: ends.append("finish"),
    )
    assert request.wait(timeout=30), make.__name__
    print(make.__name__, *ends, repr(request.error))
    request.join()

folder = tempfile.mkdtemp()
ask(plain)
if loaded == "all":
    for make in ALL:
        ask(make)
print("changed")
os.chmod(folder, 0o777)
os.chroot(folder)
os.chdir("/")
folder = ""
os.setgid(65534)
os.setuid(65534)
for make in ALL:
    ask(make)
print(wait_all([UrlRequest(http + "/new")], timeout=20))
"""


def digest(request: RecordedRequest) -> Reply:
    if any(name.lower() == "authorization" for name, _ in request.headers):
        return Reply(200, "in")
    return Reply(401, "", {"WWW-Authenticate": 'Digest realm="a", nonce="b", qop="auth"'})


@pytest.fixture
def servers(server: Server, tls_server: Server) -> list[str]:
    for each in (server, tls_server):
        each.respond("/new", b"x")
    server.respond("/coded", gzip.compress(b"x"), headers={"Content-Encoding": "gzip"})
    server.respond("/json", b"[1]", headers={"Content-Type": "application/json"})
    server.respond("/moved", "", status=302, headers={"Location": "/new"})
    server.respond("/cookie", "x", headers={"Set-Cookie": "a=b"})
    server.respond("/latin", b"\xe9", headers={"Content-Type": "text/plain; charset=cp850"})
    server.respond("/cut", b"x", headers={"Content-Length": "5", "Connection": "close"})
    server.route("/digest", digest)
    return [server.url, tls_server.url]


def outcomes(servers: list[str], ca_file: str, loaded: str) -> tuple[dict[str, str], dict[str, str]]:
    """What each kind of request ended with, before the program gave up its files and after it."""
    done = run_python(SCRIPT, *servers, ca_file, loaded)
    assert 0 == done.returncode, (done.stdout, done.stderr)
    before, _, after = done.stdout.partition("changed\n")
    assert after.endswith("\nTrue\n")
    found = [dict(line.split(" ", 1) for line in part.splitlines() if " " in line) for part in (before, after)]
    return found[0], found[1]


def test_2_9_what_was_loaded_before_goes_on(servers: list[str], ca_file: str) -> None:
    """Contract 2.9: a kind of request that was made before works without any file, but for those that it is about."""
    before, after = outcomes(servers, ca_file, "all")

    assert len(before) > 20
    assert "finish" in after.pop("certificate")
    assert after.pop("international").startswith("error finish gaierror")  # the files of the resolver are gone, too
    del before["certificate"], before["international"]
    assert before == after


def test_2_9_what_cannot_be_loaded_is_an_error(servers: list[str], ca_file: str) -> None:
    """Contract 2.9: a request that needs a module which is out of reach ends with an ImportError that says so."""
    _, after = outcomes(servers, ca_file, "little")
    missing = {name for name, outcome in after.items() if "which this request is the first to need" in outcome}

    assert after["plain"].startswith("success finish")
    assert missing > {"tls", "parsed", "file", "redirected", "international"}
    assert all(after[name].startswith("error finish ImportError") for name in missing)
