"""Resumed downloads and their checksums (contract 12.3 and 12.4)."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.children import output_of, start_python
from support.files import OLD, make_target, names_beside, part_paths
from support.programs import file_server
from support.servers import Origin
from urlrequest import defaults, errors
from urlrequest._engine import exchange
from urlrequest.testing import RecordedRequest, Reply, Server, send, signal, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.no_leaks,
    pytest.mark.usefixtures("without_keep_alive"),
    pytest.mark.skipif(sys.platform == "win32", reason="links, modes, locks and limits of POSIX"),
]

CONTENT = bytes(range(251)) * 4  # 1004 octets, no two stretches alike
CUT = 400
LONG_AGO = {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:50:37 GMT"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    return make_target(tmp_path)


@pytest.fixture
def origin(server: Server) -> Origin:
    """A resource of the server, under /file."""
    made = Origin(CONTENT)
    server.route("/file", made)
    return made


def sha256(octets: bytes) -> str:
    return f"sha256:{hashlib.sha256(octets).hexdigest()}"


def source_of(url: str) -> str:
    """What a sidecar says of a URL."""
    return hashlib.sha256(url.encode()).hexdigest()


class Download:
    """Requests for one URL into one file, continued where the last one ended."""

    def __init__(self, recorder: Any, server: Server, target: Path) -> None:
        self.recorder, self.server, self.target = recorder, server, target
        self.part, self.sidecar = part_paths(target)

    def run(self, path: str = "/file", **options: Any) -> Any:
        self.recorder.events.clear()
        request = self.recorder.run(self.server.url + path, file_path=self.target, **{"resume": True, **options})
        request.join(20)
        return request

    def interrupt(self, origin: Origin, octets: int = CUT, path: str = "/file", **options: Any) -> None:
        """Have a download end early."""
        origin.sent = [octets]
        assert isinstance(self.run(path, **options).error, errors.IncompleteContent)
        self.server.requests.clear()

    @property
    def asked(self) -> list[tuple[str | None, str | None]]:
        return [(request.header("Range"), request.header("If-Range")) for request in self.server.requests]

    def assert_kept(self, octets: int) -> None:
        """The old file is there, and a part with so many octets beside it."""
        assert OLD == self.target.read_bytes()
        assert [self.part.name, self.sidecar.name, self.target.name] == names_beside(self.target)
        assert CONTENT[:octets] == self.part.read_bytes()

    def assert_none_kept(self) -> None:
        assert OLD == self.target.read_bytes()
        assert [self.target.name] == names_beside(self.target)

    def assert_done(self, content: bytes = CONTENT) -> None:
        """The new file is there, and nothing else."""
        assert content == self.target.read_bytes()
        assert [self.target.name] == names_beside(self.target)


@pytest.fixture
def download(recorder: Any, server: Server, target: Path) -> Download:
    """Continued downloads into the target."""
    return Download(recorder, server, target)


# What is asked for, and what is done with the answer


def test_12_3_continues(download: Download, origin: Origin) -> None:
    """Contract 12.3: the octets that came are kept, and only the rest is asked for, by the strong validator."""
    download.interrupt(origin)
    download.assert_kept(CUT)
    request = download.run()

    assert ("success", b"", 206) == (download.recorder.terminal, request.result, request.resp_status)
    assert [(f"bytes={CUT}-", '"one"')] == download.asked
    download.assert_done()


def test_12_3_continues_many_times(download: Download, origin: Origin) -> None:
    """Contract 12.3: every interruption leaves a longer part."""
    download.interrupt(origin, 100)
    for octets in (200, 300, 400):
        download.interrupt(origin, 100)
        download.assert_kept(octets)
    download.run()

    download.assert_done()


def test_5_2_progress_of_a_continued_download(download: Download, origin: Origin) -> None:
    """Contract 5.2: the octets that are there count as received from the first event on."""
    download.interrupt(origin)
    download.run(on_progress=lambda *_: None, chunk_size=300)

    total = len(CONTENT)
    assert [(400, total), (700, total), (1000, total), (total, total), (total, total)] == download.recorder.progress


def test_4_6_a_continued_download_asks_for_no_coding(download: Download, origin: Origin) -> None:
    """Contract 4.6: the ranges are those of the octets themselves."""
    download.run()

    assert ["identity"] == [request.header("Accept-Encoding") for request in download.server.requests]


def misfits() -> dict[str, dict[str, Any]]:
    total = len(CONTENT)
    good = f"bytes {CUT}-{total - 1}/{total}"
    return {
        "other etag": {"ETag": '"two"'},
        "weak etag": {"ETag": 'W/"one"'},
        "no etag": {"ETag": None},
        "starts before": {"Content-Range": f"bytes {CUT - 1}-{total - 1}/{total}"},
        "starts behind": {"Content-Range": f"bytes {CUT + 1}-{total - 1}/{total}"},
        "ends before": {"Content-Range": f"bytes {CUT}-{total - 2}/{total}"},
        "other total": {"Content-Range": f"bytes {CUT}-{total}/{total + 1}"},
        "end behind total": {"Content-Range": f"bytes {CUT}-{total}/{total}"},
        "end before start": {"Content-Range": f"bytes {CUT}-{CUT - 1}/{total}"},
        "no range": {"Content-Range": None},
        "other unit": {"Content-Range": good.replace("bytes", "lines")},
        "signed": {"Content-Range": good.replace("bytes ", "bytes +")},
        "no digits": {"Content-Range": "bytes x-y/z"},
        "endless digits": {"Content-Range": f"bytes {CUT}-{'9' * 5000}/{total}"},
        "empty": {"Content-Range": ""},
        "shorter content": {"body": CONTENT[CUT:-1]},
        "longer content": {"body": CONTENT[CUT:] + b"!"},
        "several parts": {"Content-Type": "multipart/byteranges; boundary=x", "Content-Range": None},
        "several parts and a range": {"Content-Type": "Multipart/Byteranges; boundary=x"},
        "coded": {"Content-Encoding": "gzip"},
        "200 with a range": {"status": 200},
        "416": {"status": 416, "Content-Range": f"bytes */{total}", "body": b""},
    }


@pytest.mark.parametrize("what", misfits())
def test_12_3_what_does_not_fit_starts_over(download: Download, origin: Origin, what: str) -> None:
    """Contract 12.3: only a 206 that fits in every field is appended; after any other answer all is asked for again."""
    download.interrupt(origin)
    fields = {"ETag": '"one"', "Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"} | misfits()[what]
    status, body = fields.pop("status", 206), fields.pop("body", CONTENT[CUT:])
    wrong = Reply(status, body, {name: value for name, value in fields.items() if value is not None})
    download.server.route("/file", lambda request: wrong if request.header("Range") else origin(request))
    download.run()

    assert [(f"bytes={CUT}-", '"one"'), (None, None)] == download.asked
    download.assert_done()


def test_12_3_a_total_that_the_server_does_not_know(download: Download, origin: Origin) -> None:
    """Contract 12.3: "*" is a total too where the length of the whole is known already."""
    download.interrupt(origin)
    fields = {"ETag": '"one"', "Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/*"}
    download.server.route("/file", lambda request: Reply(206, CONTENT[CUT:], fields))
    download.run()

    download.assert_done()


def test_12_3_a_whole_of_unknown_length(download: Download, origin: Origin) -> None:
    """Contract 12.3: what came in chunks, without a length, can be continued as well."""
    origin.has_length = False
    download.interrupt(origin)
    download.assert_kept(CUT)
    origin.has_length = True
    download.run()

    assert [(f"bytes={CUT}-", '"one"')] == download.asked
    download.assert_done()


def test_12_3_chunked_rest_of_another_length(download: Download, origin: Origin) -> None:
    """Contract 12.3: a 206 in chunks that ends before the whole is there is an error, not a file."""
    download.interrupt(origin)
    fields = {"ETag": '"one"', "Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    download.server.route("/file", lambda request: Reply(206, iter([CONTENT[CUT:-1]]), fields))
    request = download.run()

    assert isinstance(request.error, errors.IncompleteContent)
    download.assert_none_kept()


def test_12_3_server_without_ranges(download: Download, origin: Origin) -> None:
    """Contract 12.3: a 200 to a range starts over, in the same request."""
    download.interrupt(origin)
    download.server.route("/file", lambda request: Reply(200, CONTENT, {"ETag": '"one"'}))
    download.run(on_progress=lambda *_: None, chunk_size=None)

    assert [(f"bytes={CUT}-", '"one"')] == download.asked
    assert (0, len(CONTENT)) == download.recorder.progress[0]
    download.assert_done()


def test_12_3_changed_entity(download: Download, origin: Origin) -> None:
    """Contract 12.3: what has changed meanwhile is never joined to what was there; it can be continued itself."""
    download.interrupt(origin)
    changed = CONTENT[::-1]
    origin.content, origin.fields["ETag"] = changed, '"two"'
    download.interrupt(origin, 600)
    assert changed[:600] == download.part.read_bytes()
    download.run()

    assert [("bytes=600-", '"two"')] == download.asked
    download.assert_done(changed)


def test_12_3_206_that_was_not_asked_for(download: Download, origin: Origin) -> None:
    """Contract 12.3: a part is never taken for the whole."""
    fields = {"ETag": '"one"', "Content-Range": "bytes 10-19/20"}
    download.server.route("/file", lambda request: Reply(206, b"0123456789", fields))
    request = download.run()

    assert isinstance(request.error, errors.ProtocolError)
    download.assert_none_kept()


def test_12_3_206_that_is_cut_keeps_its_octets(download: Download, origin: Origin) -> None:
    """Contract 12.3: a continued download that breaks again is continued where it broke."""
    download.interrupt(origin, 100)
    download.interrupt(origin, 50)

    download.assert_kept(150)


# Validators


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ETag": 'W/"weak"'},
        {"ETag": 'W/"weak"', **LONG_AGO},
        {"ETag": "unquoted"},
        {"ETag": '"a" "b"'},
        {"Last-Modified": LONG_AGO["Last-Modified"]},
        {**LONG_AGO, "Date": "Sun, 06 Nov 1994 08:50:36 GMT"},
        {**LONG_AGO, "Date": "yesterday"},
        {**LONG_AGO, "Last-Modified": "before"},
    ],
)
def test_12_3_without_a_strong_validator_no_part(download: Download, origin: Origin, fields: dict[str, str]) -> None:
    """Contract 12.3: what could not be recognised again is not kept (RFC 9110, section 13.1.5)."""
    origin.fields = fields
    download.interrupt(origin)
    download.assert_none_kept()
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


def test_12_3_date_as_validator(download: Download, origin: Origin) -> None:
    """Contract 12.3: a date is a strong validator when it was a minute old (RFC 9110, section 8.8.2.2)."""
    origin.fields = LONG_AGO
    download.interrupt(origin)
    download.run()

    assert [(f"bytes={CUT}-", LONG_AGO["Last-Modified"])] == download.asked
    download.assert_done()


def test_12_3_date_that_differs(download: Download, origin: Origin) -> None:
    """Contract 12.3: a 206 with another Last-Modified does not fit, though the server passed over If-Range."""
    origin.fields = LONG_AGO
    download.interrupt(origin)
    later = {**LONG_AGO, "Last-Modified": "Mon, 07 Nov 1994 08:49:37 GMT"}
    changed = Origin(CONTENT[::-1])
    changed.fields = later

    def careless(request: RecordedRequest) -> Reply:
        request.headers[:] = [field for field in request.headers if field[0] != "If-Range"]
        return changed(request)

    download.server.route("/file", careless)
    download.run()

    download.assert_done(CONTENT[::-1])


def test_12_3_coded_content_is_not_continued(download: Download, origin: Origin) -> None:
    """Contract 12.3: a coding that was not asked for may come out differently the next time."""
    origin.fields["Content-Encoding"] = "gzip"
    origin.content = gzip.compress(CONTENT)
    download.interrupt(origin, 100)

    download.assert_none_kept()


# Two versions are never joined


def test_12_3_date_beside_the_tag(download: Download, origin: Origin) -> None:
    """Contract 12.3: an ETag that outlives the file (Tornado's does) joins nothing: its Last-Modified has changed."""
    origin.fields = {"ETag": '"one"', **LONG_AGO}
    download.interrupt(origin)
    origin.content = CONTENT[::-1]
    origin.fields["Last-Modified"] = "Sun, 06 Nov 1994 08:49:38 GMT"
    download.run()

    assert [("bytes=400-", '"one"'), (None, None)] == download.asked
    download.assert_done(CONTENT[::-1])


@pytest.mark.parametrize(
    "fields", [{"ETag": 'W/"weak"'}, {"ETag": '"a"', **LONG_AGO, "Date": LONG_AGO["Last-Modified"]}, {}]
)
def test_12_3_checksum_proves_the_join(download: Download, origin: Origin, fields: dict[str, str]) -> None:
    """Contract 12.3: without a validator to rely on, the rest is asked for where a checksum is given."""
    origin.fields = dict(fields)
    download.interrupt(origin, checksum=sha256(CONTENT))
    download.assert_kept(CUT)
    download.run(checksum=sha256(CONTENT))

    assert [("bytes=400-", None)] == download.asked
    download.assert_done()


def test_12_3_checksum_disproves_the_join(download: Download, origin: Origin) -> None:
    """Contract 12.3: when the checksum shows two versions, the same request asks for the whole."""
    origin.fields = {}
    new = CONTENT[::-1]
    download.interrupt(origin, checksum=sha256(CONTENT))
    origin.content = new
    request = download.run(checksum=sha256(new))

    assert request.error is None
    assert [("bytes=400-", None), (None, None)] == download.asked
    download.assert_done(new)


def test_12_3_checksum_that_is_wrong_twice(download: Download, origin: Origin) -> None:
    """Contract 12.4: a whole that has another checksum is the error, and is not asked for again."""
    origin.fields = {}
    download.interrupt(origin, checksum=sha256(b""))
    request = download.run(checksum=sha256(b""))

    assert isinstance(request.error, errors.ChecksumMismatch)
    assert 2 == len(download.asked)
    download.assert_none_kept()


def test_12_3_unproven_part_without_a_checksum(download: Download, origin: Origin) -> None:
    """Contract 12.3: a part without a validator is of no use to a request without a checksum."""
    origin.fields = {}
    download.interrupt(origin, checksum=sha256(CONTENT))
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


def test_12_3_why_it_starts_over(download: Download, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    """Contract 12.3: why a download starts over, or will, is logged at DEBUG, without `debug`."""
    caplog.set_level("DEBUG", "urlrequest")
    origin.fields = {}
    download.interrupt(origin)
    origin.fields = {"ETag": '"one"'}
    download.interrupt(origin)
    origin.fields = {"ETag": '"two"'}
    download.run()

    said = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert said == [
        "the download cannot be continued later: the server sent no strong validator",
        "the download starts over: the server sent status 200 that does not continue the part",
    ]


# What is found beside the target


def test_12_3_other_url(download: Download, origin: Origin) -> None:
    """Contract 12.3: the part of another URL is none of this one's."""
    download.interrupt(origin)
    other = Origin(CONTENT[::-1])
    download.server.route("/other", other)
    download.run("/other")

    assert [(None, None)] == download.asked
    download.assert_done(CONTENT[::-1])


def test_12_3_credentials_are_not_written_down(download: Download, origin: Origin) -> None:
    """Contract 9.3, 12.3: the sidecar has a hash of the URL without its user and password."""
    url = download.server.url.replace("//", "//ada:secret@") + "/file"
    origin.sent = [CUT]
    download.recorder.run(url, file_path=download.target, resume=True)

    assert json.loads(download.sidecar.read_text())["source"] == source_of(download.server.url + "/file")
    assert b"secret" not in download.sidecar.read_bytes()


@pytest.mark.parametrize(("key", "is_continued"), [("report", True), ("other", False), (None, False)])
def test_12_3_urls_that_change(download: Download, origin: Origin, key: str | None, is_continued: bool) -> None:
    """Contract 12.3: with the same `resume_key`, a URL that is signed anew continues the part."""
    download.interrupt(origin, path="/file?signature=secret1", resume_key="report")
    kept = download.sidecar.read_text("utf-8")
    request = download.run("/file?signature=secret2", resume_key=key)

    assert b"" == request.result
    assert CONTENT == download.target.read_bytes()
    assert (f"bytes={CUT}-" if is_continued else None) == download.server.requests[0].header("Range")
    assert json.loads(kept)["source"] == source_of("report")
    assert "secret1" not in kept


def test_12_3_a_key_and_a_version(download: Download, origin: Origin) -> None:
    """Contract 12.3: a key does not join two versions: the validator decides, as it does for one URL."""
    download.interrupt(origin, path="/file?1", resume_key="report")
    origin.content, origin.fields["ETag"] = CONTENT[::-1], '"two"'
    download.run("/file?2", resume_key="report")

    assert CONTENT[::-1] == download.target.read_bytes()


@pytest.mark.parametrize(
    ("key", "error"), [("", ValueError), (b"key", TypeError), (7, TypeError), ("k" * 8193, ValueError)]
)
def test_12_3_what_is_no_key(download: Download, origin: Origin, key: Any, error: type[Exception]) -> None:
    """Contract 2.3, 12.3: any other key is an error that names the option, and nothing is sent."""
    request = download.run(resume_key=key)

    assert isinstance(request.error, error)
    assert "resume_key" in str(request.error)
    assert [] == download.server.requests


def test_12_3_part_that_is_complete(download: Download, origin: Origin) -> None:
    """Contract 12.3: a part that is whole but was not put in its place is asked of its last octet, and then is."""
    download.interrupt(origin)
    download.part.write_bytes(CONTENT)
    download.run()

    assert [(f"bytes={len(CONTENT) - 1}-", '"one"')] == download.asked
    download.assert_done()


def test_12_3_complete_part_of_what_has_changed(download: Download, origin: Origin) -> None:
    """Contract 12.3: a whole part of something else is not put in its place."""
    download.interrupt(origin)
    download.part.write_bytes(CONTENT)
    origin.content, origin.fields["ETag"] = CONTENT[::-1], '"two"'
    download.run()

    download.assert_done(CONTENT[::-1])


SIDECARS = {
    "missing": None,
    "empty": b"",
    "cut": b'{"source": "12',
    "no utf-8": b"\xff\xfe\x00",
    "no object": b"[]",
    "deep": b"[" * 60_000,
    "long": b" " * 100_000,
    "wrong types": b'{"source": 1, "validator": 2, "total": "3", "mode": null}',
}


@pytest.mark.parametrize("what", SIDECARS)
def test_12_3_sidecar_that_cannot_be_used(download: Download, origin: Origin, what: str) -> None:
    """Contract 12.3: without a sidecar that can be read a part file is worthless."""
    download.interrupt(origin)
    text = SIDECARS[what]
    download.sidecar.unlink() if text is None else download.sidecar.write_bytes(text)
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validator", '"a"\r\nX: y'),
        ("validator", '"\ud800"'),
        ("validator", '"\u20ac"'),
        ("mode", -1),
        ("mode", True),
        ("mode", 10**30),
    ],
)
def test_12_3_sidecar_is_never_believed(download: Download, origin: Origin, field: str, value: Any) -> None:
    """Contract 12.3: a sidecar with a validator that cannot be sent, or a mode that is none, is no sidecar."""
    download.interrupt(origin)
    download.sidecar.write_text(json.dumps({**json.loads(download.sidecar.read_text()), field: value}))
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


@pytest.mark.parametrize("field", ["source", "validator", "total", "mode"])
def test_12_3_sidecar_without_a_field(download: Download, origin: Origin, field: str) -> None:
    """Contract 12.3: a sidecar that lacks anything is no sidecar."""
    download.interrupt(origin)
    said = json.loads(download.sidecar.read_text())
    del said[field]
    download.sidecar.write_text(json.dumps(said))
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


def test_12_3_part_is_larger_than_the_whole(download: Download, origin: Origin) -> None:
    """Contract 12.3: a part that has too much is thrown away."""
    download.interrupt(origin)
    download.part.write_bytes(CONTENT + b"!")
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


@pytest.mark.parametrize("octets", [0, None])
def test_12_3_sidecar_without_a_part(download: Download, origin: Origin, octets: int | None) -> None:
    """Contract 12.3: a sidecar alone continues nothing."""
    download.interrupt(origin)
    download.part.unlink() if octets is None else download.part.write_bytes(b"")
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


@pytest.mark.parametrize("kind", ["symlink", "dangling", "hard link", "fifo", "folder", "device"])
@pytest.mark.parametrize("place", ["part", "sidecar"])
def test_security_55_what_others_planted(
    download: Download, origin: Origin, tmp_path: Path, kind: str, place: str
) -> None:
    """Security 55: whatever waits at the foreseeable names, nothing is written through it, and the download works."""
    download.interrupt(origin)
    victim = tmp_path / "victim"
    name = getattr(download, place)
    name.unlink()
    if kind != "dangling":
        victim.write_bytes(CONTENT[:CUT])
    if kind in {"symlink", "dangling"}:
        name.symlink_to(victim)
    elif kind == "hard link":
        name.hardlink_to(victim)
    elif kind == "device":
        name.symlink_to("/dev/full")
    elif kind == "fifo":
        os.mkfifo(name)
    else:
        name.mkdir()
    request = download.run()

    assert request.error is None
    assert CONTENT == download.target.read_bytes()
    assert kind == "dangling" or victim.read_bytes() == CONTENT[:CUT]
    assert kind != "dangling" or not victim.exists()


def test_security_55_part_of_another_user(download: Download, origin: Origin) -> None:
    """Security 55: a part that somebody else made is not continued: it could hold anything."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    download.interrupt(origin)
    os.chown(download.part, 12345, 12345)
    download.part.write_bytes(b"x" * CUT)
    download.run()

    assert CONTENT == download.target.read_bytes()


# Two at a time


def test_12_3_two_requests_for_one_file(download: Download, origin: Origin) -> None:
    """Contract 12.3: while one request has the part, another one downloads beside it; they never mix."""
    server, target = download.server, download.target
    head = f'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: {len(CONTENT)}\r\n\r\n'.encode()
    server.play(send(head + CONTENT[:CUT]), signal("half"), wait_for("other"), send(CONTENT[CUT:]))
    first = download.recorder.get(server.url + "/file", file_path=target, resume=True)
    server.wait("half")
    download.recorder.events.clear()
    second = download.recorder.run(server.url + "/file", file_path=target, resume=True)
    then = target.read_bytes()
    server.signal("other")
    assert first.wait(timeout=20)

    assert (None, None) == (first.error, second.error)
    assert CONTENT == then
    assert [(None, None)] * 2 == download.asked
    download.assert_done()


HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_12_3_another_process_has_the_part(download: Download, origin: Origin) -> None:
    """Contract 12.3: a part that another process works on is left to it."""
    download.interrupt(origin)
    import subprocess

    with start_python(HOLDER, str(download.part), stdin=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        download.run()
        assert (CONTENT, CONTENT[:CUT]) == (download.target.read_bytes(), download.part.read_bytes())
        holder.communicate("")

    assert [(None, None)] == download.asked


def test_12_3_lock_ends_with_the_request(download: Download, origin: Origin) -> None:
    """Contract 12.3: after an error nobody holds the part any more."""
    import fcntl

    download.interrupt(origin)
    with open(download.part, "rb") as part:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)

    download.assert_kept(CUT)


# What ends a download


def test_12_3_cancel_keeps_the_part(download: Download, origin: Origin) -> None:
    """Contract 12.3: a cancelled download is continued the next time."""
    server = download.server
    head = f'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: {len(CONTENT)}\r\n\r\n'.encode()
    server.play(send(head + CONTENT[:CUT]), signal("half"), wait_for("never"))
    received = threading.Event()
    request = download.recorder.get(
        server.url + "/file",
        file_path=download.target,
        resume=True,
        chunk_size=CUT,
        on_progress=lambda request, current, total: received.set() if current == CUT else None,
    )
    server.wait("half")
    while not received.is_set():
        request.wait(timeout=0.01)
    request.cancel()
    assert request.wait(timeout=20)
    request.join(20)
    download.assert_kept(CUT)
    server.requests.clear()
    download.run()

    assert [(f"bytes={CUT}-", '"one"')] == download.asked
    download.assert_done()


@pytest.mark.parametrize("status", [302, 304, 401, 404, 500, 503])
def test_12_3_other_status_keeps_the_part(download: Download, origin: Origin, status: int) -> None:
    """Contract 12.1, 12.3: a failure or a redirect is reported with its body, and changes nothing here."""
    download.interrupt(origin)
    download.server.respond("/file", b"no", status=status)
    request = download.run()

    assert ("" if status == 304 else "no") == request.result
    download.assert_kept(CUT)


def test_12_3_no_content_keeps_the_part(download: Download, origin: Origin) -> None:
    """Contract 12.3: a 204 has nothing, and takes nothing away."""
    download.interrupt(origin)
    download.server.respond("/file", b"", status=204)
    download.run()

    assert "success" == download.recorder.terminal
    download.assert_kept(CUT)


def test_12_3_nobody_answers_keeps_the_part(download: Download, origin: Origin) -> None:
    """Contract 12.3: a connection that ends without an answer changes nothing."""
    download.interrupt(origin)
    download.server.play()
    request = download.run()

    assert isinstance(request.error, ConnectionError)
    download.assert_kept(CUT)


def test_12_3_broken_framing_keeps_nothing(download: Download, origin: Origin) -> None:
    """Contract 12.3, 11.4: octets of a message that is wrongly framed are not trusted."""
    chunk = b"%x\r\n%b" % (CUT, CONTENT[:CUT])
    fields = {"ETag": '"one"', "Transfer-Encoding": "chunked", "Connection": "close"}
    download.server.route("/file", lambda request: Reply(200, chunk + b"garbage\r\n", fields))
    request = download.run()

    assert isinstance(request.error, errors.ProtocolError)
    download.assert_none_kept()


@pytest.mark.parametrize("has_length", [True, False])
def test_17_6_too_large_keeps_nothing(download: Download, origin: Origin, has_length: bool) -> None:
    """Contract 17.6, 12.3: what is larger than allowed would be so again."""
    origin.has_length = has_length
    request = download.run(max_size=500)

    assert isinstance(request.error, errors.ContentTooLarge)
    download.assert_none_kept()


def test_17_6_max_size_is_of_the_whole(download: Download, origin: Origin) -> None:
    """Contract 17.6: what is there already counts."""
    download.interrupt(origin)
    request = download.run(max_size=len(CONTENT) - 1)
    assert isinstance(request.error, errors.ContentTooLarge)
    download.run(max_size=len(CONTENT))

    download.assert_done()


# Where it leads


@pytest.mark.parametrize("follow", [True, False])
def test_12_3_redirects_with_ranges(download: Download, origin: Origin, follow: bool) -> None:
    """Contract 12.3, 17.4: the range goes along with every redirect; one that is not followed changes nothing."""
    moved = {"Location": "/file", "Connection": "close"}
    download.server.respond("/moved", b"", status=302, headers=moved)
    download.interrupt(origin, path="/moved", follow_redirects=True)
    download.assert_kept(CUT)
    download.run("/moved", follow_redirects=follow)

    assert [(f"bytes={CUT}-", '"one"')] * (1 + follow) == download.asked
    if follow:
        download.assert_done()
    else:
        download.assert_kept(CUT)


def test_12_3_starting_over_behind_a_redirect(download: Download, origin: Origin) -> None:
    """Contract 12.3: after an answer that does not fit, the last hop alone is repeated."""
    download.server.respond("/moved", b"", status=302, headers={"Location": "/file"})
    download.interrupt(origin, path="/moved", follow_redirects=True)
    origin.fields["ETag"] = '"two"'
    wrong = Reply(206, CONTENT[CUT:], {"Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"})
    download.server.route("/file", lambda request: wrong if request.header("Range") else origin(request))
    download.run("/moved", follow_redirects=True)

    assert ["/moved", "/file", "/file"] == [request.path for request in download.server.requests]
    download.assert_done()


@pytest.mark.parametrize(
    "options",
    [
        {"resume": False},
        {"method": "POST"},
        {"req_headers": {"Range": "bytes=0-"}},
        {"method": "HEAD"},
    ],
)
def test_12_3_when_there_is_nothing_to_continue(download: Download, origin: Origin, options: dict[str, Any]) -> None:
    """Contract 12.3: only a GET without a Range of the user's own is continued; all else is as without `resume`."""
    download.interrupt(origin)
    download.run(**options)

    ((sent, condition),) = download.asked
    assert (options.get("req_headers", {}).get("Range"), None) == (sent, condition)


def test_12_3_resume_needs_no_earlier_part(download: Download, origin: Origin) -> None:
    """Contract 12.3: the first download with `resume` is an ordinary one, with nothing left over."""
    download.run()

    assert [(None, None)] == download.asked
    download.assert_done()


# Types that are expected (contract 12.5)

LOGIN = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize("resume", [True, False])
def test_12_5_login_page_is_no_download(download: Download, origin: Origin, resume: bool) -> None:
    """Contract 12.5: a page of a captive portal is an error; file and part are untouched, and are continued later."""
    download.interrupt(origin)
    before = [download.part.read_bytes(), download.sidecar.read_bytes()]
    download.server.route("/file", lambda _: Reply(200, b"<html>log in", LOGIN))
    request = download.run(expect_type="application/zip", resume=resume)

    assert isinstance(request.error, errors.UnexpectedContentType)
    assert (200, LOGIN["Content-Type"]) == (request.resp_status, request.resp_headers["content-type"])
    assert before == [download.part.read_bytes(), download.sidecar.read_bytes()]
    origin.fields["Content-Type"] = "application/zip"
    download.server.route("/file", origin)
    download.run(expect_type=["image/*", "application/zip"])
    download.assert_done()


def test_12_5_without_a_file(recorder: Any, server: Server) -> None:
    """Contract 12.5: in memory and with on_chunk as well; after redirects, and never for what is no success."""
    server.route("/page", lambda _: Reply(200, b"page", LOGIN))
    server.route("/gone", lambda _: Reply(404, b"page", LOGIN))
    server.route("/away", lambda _: Reply(302, b"", {"Location": "/page"}))
    server.route("/none", lambda _: Reply(204, b""))
    pages = [
        recorder.run(server.url + "/page", expect_type="application/json"),
        recorder.run(server.url + "/page", expect_type="application/json", method="HEAD"),
        recorder.run(server.url + "/page", expect_type="application/json", on_chunk=lambda *_: None),
        recorder.run(server.url + "/away", expect_type="application/json", follow_redirects=True),
    ]
    others = [
        recorder.run(server.url + "/page", expect_type="text/*"),
        recorder.run(server.url + "/gone", expect_type="application/json"),
        recorder.run(server.url + "/away", expect_type="application/json"),
        recorder.run(server.url + "/none", expect_type="application/json"),
    ]

    assert [errors.UnexpectedContentType] * 4 == [type(request.error) for request in pages]
    assert [(None, 200), (None, 404), (None, 302), (None, 204)] == [(each.error, each.resp_status) for each in others]


@pytest.mark.parametrize(("given", "error"), [(5, TypeError), ("zip", ValueError), ([], ValueError)])
def test_12_5_wrong_values(recorder: Any, server: Server, given: Any, error: type[Exception]) -> None:
    """Contract 2.3, 12.5: what is no type arrives through on_error, and nothing is sent."""
    request = recorder.run(server.url, expect_type=given)

    assert isinstance(request.error, error)
    assert 0 == server.connection_count


# Parts that nobody asked for, and that somebody did (contract 12.6)

PARTS = {
    "206": (206, {"Content-Range": "bytes 0-4/1004"}),
    "206 of all": (206, {"Content-Range": "bytes 0-4/5"}),
    "206 without a range": (206, {}),
    "multipart": (206, {"Content-Type": "multipart/byteranges; boundary=x"}),
    "200": (200, {"Content-Range": "bytes 0-4/1004"}),
    "200 in small letters": (200, {"content-range": "bytes 999-1003/1004"}),
    "201": (201, {"Content-Range": "bytes 0-4/1004"}),
}


@pytest.mark.parametrize("where", ["memory", "chunks", "file", "resumed file"])
@pytest.mark.parametrize("what", PARTS)
def test_12_6_unasked_part(recorder: Any, server: Server, target: Path, what: str, where: str) -> None:
    """Contract 12.6: a part is never taken for the whole, wherever it goes."""
    status, fields = PARTS[what]
    server.route("/", lambda _: Reply(status, b"whole", fields))
    options: dict[str, Any] = {
        "memory": {},
        "chunks": {"on_chunk": lambda *_: None},
        "file": {"file_path": target},
        "resumed file": {"file_path": target, "resume": True},
    }[where]
    request = recorder.run(server.url, **options)

    assert isinstance(request.error, errors.ProtocolError)
    assert status == request.resp_status
    assert ([target.name], OLD) == (names_beside(target), target.read_bytes())


@pytest.mark.system
@pytest.mark.parametrize("to_file", [False, True])
@pytest.mark.parametrize(("first", "last"), [("0", "9"), ("100", ""), ("1000", "2000"), ("", "7")])
def test_12_6_range_of_the_users_own(tmp_path: Path, recorder: Any, first: str, last: str, to_file: bool) -> None:
    """Contract 12.6: nginx sends the part that a Range header asks for, into memory or a file."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(CONTENT)
    start, stop = (int(first), int(last) + 1 if last else None) if first else (-int(last), None)
    options = {"file_path": tmp_path / "part"} if to_file else {}
    with file_server(tmp_path / "www") as url:
        request = recorder.run(url + "/file", req_headers={"Range": f"bytes={first}-{last}"}, **options)

    assert (None, 206) == (request.error, request.resp_status)
    assert CONTENT[start:stop] == ((tmp_path / "part").read_bytes() if to_file else request.content)


def test_12_6_other_limits(recorder: Any, server: Server, target: Path) -> None:
    """Contract 12.6: a part of other limits than the user's is an error, for a file and for memory."""
    server.route("/", lambda _: Reply(206, b"part", {"Content-Range": "bytes 0-3/10"}))
    for options in ({}, {"file_path": target}):
        request = recorder.run(server.url, req_headers={"Range": "bytes=4-7"}, **options)
        assert isinstance(request.error, errors.ProtocolError)
        assert "'bytes=4-7' was requested" in str(request.error)

    assert OLD == target.read_bytes()


# Retries within one request


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "back_off", lambda _: 0.001)


@pytest.mark.parametrize("checksum", [None, sha256(CONTENT)])
@pytest.mark.usefixtures("no_pauses")
def test_17_5_goes_on_within_the_request(download: Download, origin: Origin, checksum: str | None) -> None:
    """Contract 17.5: with `resume`, each retry after a break in mid-body asks for the rest, and the file is whole."""
    origin.sent = [CUT, 100, 1]
    progress: list[int] = []
    request = download.run(
        retries=3, checksum=checksum, chunk_size=50, on_progress=lambda _, current, __: progress.append(current)
    )

    assert ("success", None, 206) == (download.recorder.terminal, request.error, request.resp_status)
    download.assert_done()
    assert [None, "bytes=400-", "bytes=500-", "bytes=501-"] == [ranges for ranges, _ in download.asked]
    assert sorted(progress) == progress
    assert (0, len(CONTENT)) == (progress[0], progress[-1])


@pytest.mark.usefixtures("no_pauses")
def test_17_5_retries_are_counted(download: Download, origin: Origin) -> None:
    """Contract 17.5: a body that breaks off more often is the error, and its part is kept."""
    origin.sent = [CUT, 100, 1]
    request = download.run(retries=2)

    assert isinstance(request.error, errors.IncompleteContent)
    assert 3 == len(download.asked)
    download.assert_kept(CUT + 101)


@pytest.mark.parametrize("checksum", [None, sha256(CONTENT)])
@pytest.mark.usefixtures("no_pauses")
def test_17_5_starts_over_within_the_request(download: Download, origin: Origin, checksum: str | None) -> None:
    """Contract 17.5: what cannot be continued is requested as a whole, whatever came before."""
    origin.fields = {"ETag": 'W/"weak"'}
    origin.sent = [CUT, 100]
    request = download.run(retries=2, checksum=checksum)

    assert request.error is None
    download.assert_done()


@pytest.mark.usefixtures("no_pauses")
def test_17_5_changes_within_the_request(download: Download, origin: Origin) -> None:
    """Contract 12.3, 17.5: another version between two attempts is downloaded from its beginning."""
    origin.sent = [CUT]
    answer = origin.__call__

    def changing(request: Any) -> Any:
        if request.header("Range"):
            origin.content, origin.fields = CONTENT[::-1], {"ETag": '"two"'}
        return answer(request)

    download.server.route("/file", changing)
    request = download.run(retries=1)

    assert request.error is None
    download.assert_done(CONTENT[::-1])


@pytest.mark.usefixtures("no_pauses")
def test_17_5_no_retry_without_resume(download: Download, origin: Origin) -> None:
    """Contract 17.5: without `resume` a body that breaks off is the error, as what came of it is gone."""
    origin.sent = [CUT]
    request = download.run(retries=2, resume=False)

    assert isinstance(request.error, errors.IncompleteContent)
    download.assert_none_kept()


def test_12_3_failed_last_step(download: Download, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 12.3: a file that cannot be put in place is kept as a part, of which the next request asks one byte."""
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "in use")

        patch.setattr("urlrequest._content.file_sink.os.replace", refuse)
        assert isinstance(download.run().error, PermissionError)
    download.assert_kept(len(CONTENT))
    download.run()

    assert ("bytes=1003-", '"one"') == download.asked[-1]
    download.assert_done()


def test_12_3_resume_without_a_file(server: Server, recorder: Any) -> None:
    """Contract 12.3: a program that forgot the file would download everything again and again, and never know why."""
    request = recorder.run(server.url, resume=True)

    assert isinstance(request.error, ValueError)
    assert "file_path" in str(request.error)
    assert [] == server.requests


# Checksums


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("name", ["sha256", "md5", "blake2b", "SHA512"])
def test_12_4_checksum_that_is_right(download: Download, origin: Origin, resume: bool, name: str) -> None:
    """Contract 12.4: any algorithm of hashlib, over the whole file, with octets of an earlier request or without."""
    if resume:
        download.interrupt(origin)
    digest = hashlib.new(name.lower(), CONTENT).hexdigest()
    download.run(resume=resume, checksum=f"{name}:{digest.upper()}")

    assert "success" == download.recorder.terminal
    download.assert_done()


@pytest.mark.parametrize("resume", [True, False])
def test_12_4_checksum_that_is_wrong(download: Download, origin: Origin, resume: bool) -> None:
    """Contract 12.4: a mismatch leaves the old file, and no part that would fail for ever."""
    if resume:
        download.interrupt(origin)
    wrong = sha256(b"something else")
    request = download.run(resume=resume, checksum=wrong)
    assert isinstance(request.error, errors.ChecksumMismatch)
    assert sha256(CONTENT).partition(":")[2] in str(request.error)
    download.assert_none_kept()
    download.run(resume=resume, checksum=sha256(CONTENT))

    download.assert_done()


def test_12_4_spoilt_part_is_found_out(download: Download, origin: Origin) -> None:
    """Contract 12.4: the octets of an earlier request are verified too, and the next request starts over."""
    download.interrupt(origin)
    download.part.write_bytes(b"x" * CUT)
    request = download.run(checksum=sha256(CONTENT))
    assert isinstance(request.error, errors.ChecksumMismatch)
    download.assert_none_kept()
    download.run(checksum=sha256(CONTENT))

    download.assert_done()


@pytest.mark.parametrize(
    ("checksum", "error"),
    [
        (5, TypeError),
        (b"sha256:00", TypeError),
        ("", ValueError),
        ("sha256", ValueError),
        ("sha256:", ValueError),
        ("sha256:00", ValueError),
        ("sha256:" + "g" * 64, ValueError),
        ("nothing:00", ValueError),
        ("shake_128:00", ValueError),
    ],
)
def test_12_4_checksum_that_is_none(download: Download, origin: Origin, checksum: Any, error: type[Exception]) -> None:
    """Contract 12.4, 2.3: what cannot be compared is an error before anything is sent."""
    request = download.run(checksum=checksum)

    assert isinstance(request.error, error)
    assert 0 == download.server.connection_count
    download.assert_none_kept()


def test_12_4_checksum_in_memory(recorder: Any, origin: Origin, server: Server) -> None:
    """Contract 12.4: without file_path the body in memory is verified."""
    right = recorder.run(server.url + "/file", checksum=sha256(CONTENT))
    recorder.events.clear()
    wrong = recorder.run(server.url + "/file", checksum=sha256(b""))

    assert CONTENT == right.content
    assert isinstance(wrong.error, errors.ChecksumMismatch)
    assert wrong.content is None


def test_12_4_checksum_without_content(recorder: Any, origin: Origin, server: Server) -> None:
    """Contract 12.4: a response that can have no body, or that failed, has nothing to verify."""
    server.respond("/gone", b"gone", status=410)
    head = recorder.run(server.url + "/file", method="HEAD", checksum=sha256(CONTENT))
    gone = recorder.run(server.url + "/gone", checksum=sha256(CONTENT))

    assert (None, None) == (head.error, gone.error)
    assert "gone" == gone.result


# The disk


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o400])
def test_12_1_mode_stays(download: Download, origin: Origin, mode: int) -> None:
    """Contract 12.1: a file that was there keeps its mode, and a part is nobody else's to read."""
    download.target.chmod(mode)
    download.interrupt(origin)
    part_mode = stat.S_IMODE(download.part.stat().st_mode)
    download.run()

    assert (0o600, mode) == (part_mode, stat.S_IMODE(download.target.stat().st_mode))


@pytest.mark.parametrize("leftover", [None, "sidecar", "url"])
def test_12_1_mode_of_a_new_file(download: Download, origin: Origin, leftover: str | None) -> None:
    """Contract 12.1: a new file has the mode that the umask leaves, continued or not."""
    download.target.unlink()
    download.interrupt(origin)
    if leftover == "sidecar":
        download.sidecar.write_bytes(b"")
    if leftover == "url":
        download.server.route("/other", origin)
    download.run("/other" if leftover == "url" else "/file")

    mask = os.umask(0)
    os.umask(mask)
    assert 0o666 & ~mask == stat.S_IMODE(download.target.stat().st_mode)


def test_fault_94_symbolic_link(recorder: Any, server: Server, origin: Origin, target: Path, tmp_path: Path) -> None:
    """Fault 94: through a link the file that it leads to is continued and replaced; the link stays."""
    link = tmp_path / "link"
    link.symlink_to(target)
    download = Download(recorder, server, link)
    origin.sent = [CUT]
    download.run()
    part, _ = part_paths(target)
    assert part.parent == target.parent
    download.run()

    assert link.is_symlink()
    assert ["target"] == names_beside(target)
    assert CONTENT == target.read_bytes()


@pytest.mark.parametrize("special", ["fifo", "folder", "/dev/null", "/dev/full"])
def test_fault_95_special_file(recorder: Any, server: Server, tmp_path: Path, special: str) -> None:
    """Fault 95, contract 12.2: what is no regular file is an error before anything is sent, with `resume` too."""
    path = special if special.startswith("/") else str(tmp_path / special)
    if special == "fifo":
        os.mkfifo(path)
    elif special == "folder":
        os.mkdir(path)
    request = recorder.run(server.url, file_path=path, resume=True)

    code = errno.EISDIR if special == "folder" else errno.EINVAL
    assert (code, 0) == (request.error.errno, server.connection_count)
    assert special.startswith("/") or [special] == os.listdir(tmp_path)


LIMITED = """
import resource, signal, sys
from urlrequest import UrlRequest
sys.dont_write_bytecode = True  # the limit would cut what Python caches of modules, and other programs would fail
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), -1))
request = UrlRequest(sys.argv[1], file_path=sys.argv[2], resume=sys.argv[4] == "True")
request.wait(timeout=20)
print(request.error.errno if request.error else None, request.resp_status)
"""


@pytest.mark.parametrize("resume", [True, False])
def test_fault_92_file_too_large_for_the_process(download: Download, origin: Origin, resume: bool) -> None:
    """Fault 92: EFBIG is an error; the old file stays, and with `resume` so does what was written."""
    limit = 600
    arguments = (download.server.url + "/file", str(download.target), str(limit), str(resume))
    said = output_of(LIMITED, *arguments)

    assert str(errno.EFBIG) == said.split()[0]
    if not resume:
        download.assert_none_kept()
        return
    download.assert_kept(limit)
    download.server.requests.clear()
    download.run()
    assert [(f"bytes={limit}-", '"one"')] == download.asked
    download.assert_done()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.system
@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("has_length", [True, False])
def test_fault_92_disk_is_full(recorder: Any, server: Server, small_disk: Path, resume: bool, has_length: bool) -> None:
    """Fault 92, contract 12.2: ENOSPC, before the first octet where the length is known; the old file stays."""
    content = os.urandom(3 * 1024 * 1024)
    origin = Origin(content)
    origin.has_length = has_length
    server.route("/file", origin)
    (small_disk / "target").write_bytes(OLD)
    download = Download(recorder, server, small_disk / "target")
    request = download.run(resume=resume)

    assert (errno.ENOSPC, "error") == (request.error.errno, recorder.terminal)
    assert OLD == download.target.read_bytes()
    if has_length or not resume:
        assert ["target"] == names_beside(download.target)
    else:
        kept = download.part.read_bytes()
        assert content[: len(kept)] == kept


UNPRIVILEGED = """
import os, sys
from urlrequest import UrlRequest
UrlRequest(sys.argv[1], file_path="/dev/null/file", resume=True).wait(timeout=20)
UrlRequest(sys.argv[1]).wait(timeout=20)  # the interpreter itself may be out of reach afterwards, so all is used once
os.setgroups([]); os.setgid(65534); os.setuid(65534)
request = UrlRequest(sys.argv[1], file_path=sys.argv[2], resume=True)
request.wait(timeout=20)
print(type(request.error).__name__, request.resp_status)
"""


def test_12_2_folder_that_cannot_be_written(download: Download, origin: Origin, tmp_path: Path) -> None:
    """Contract 12.2: EACCES before anything is sent, with `resume` too."""
    if os.geteuid() != 0:
        pytest.skip("root alone can become somebody else")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    said = output_of(UNPRIVILEGED, download.server.url + "/file", str(folder / "file"))

    assert "PermissionError None\n" == said
    assert 1 == download.server.connection_count
    assert [] == os.listdir(folder)


def test_12_3_fsync(monkeypatch: pytest.MonkeyPatch, download: Download, origin: Origin) -> None:
    """Contract 12.3: where asked, the file and its folder are written to the disk before success is reported."""
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(defaults, "fsync", True)
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd)))
    download.run()

    assert [str(download.part), str(download.target.parent)] == synced


# A real server


@pytest.mark.system
def test_12_3_nginx(tmp_path: Path, recorder: Any) -> None:
    """Contract 12.3: ranges, validators and 416 as nginx has them."""
    content = os.urandom(300_000)
    folder = tmp_path / "www"
    folder.mkdir(mode=0o755)
    (folder / "file").write_bytes(content)
    os.utime(folder / "file", (1_000_000_000, 1_000_000_000))
    target = tmp_path / "target"
    with file_server(folder, "limit_rate_after 100k; limit_rate 1;") as url:
        request = recorder.get(
            url + "/file", file_path=target, resume=True, timeout=1.5, on_progress=lambda *_: None, chunk_size=None
        )
        assert request.wait(timeout=20)
        part, _ = part_paths_kept(target)
        assert content[: part.stat().st_size] == part.read_bytes()
    with file_server(folder) as other:
        said = json.loads(part_paths_kept(target)[1].read_text())
        said["source"] = source_of(other + "/file")  # it is another port
        part_paths_kept(target)[1].write_text(json.dumps(said))
        recorder.events.clear()
        request = recorder.run(other + "/file", file_path=target, resume=True, checksum=sha256(content))

    assert (206, "success") == (request.resp_status, recorder.terminal)
    assert ["target"] == [name for name in names_beside(target) if not name.startswith(("nginx", "www"))]


def part_paths_kept(target: Path) -> tuple[Path, Path]:
    (part,) = target.parent.glob(".urlrequest-*.part")
    return part, part.with_name(part.name + ".json")
