"""receive(): what becomes of the content of the final response."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Headers, HTTPConnection
from urlrequest._content.file_sink import FileSink
from urlrequest._delivery.events import Failure, Redirect, Success
from urlrequest._engine.options import PLAIN
from urlrequest._engine.prepare import prepare_request
from urlrequest._engine.receive import receive
from urlrequest._http.response_head import ResponseHead
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import ChecksumMismatch, ContentTooLarge, RequestCancelled

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest._delivery.events import ProgressRun

BODY = b"some content"
CHECKSUM = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
OTHER_CHECKSUM = f"sha256:{hashlib.sha256(b'other').hexdigest()}"


class Response:
    """A response whose content comes in two pieces; or whole, with the head."""

    is_reusable = True

    def __init__(self, body: bytes = BODY, status: int = 200, *, is_whole: bool = False, **fields: str) -> None:
        headers = Headers({name.replace("_", "-"): value for name, value in fields.items()})
        self.head = ResponseHead("1.1", status, "", headers)
        self.expected = len(body)
        self.pieces = [body[:3], body[3:]] if body else []
        self.is_whole = is_whole

    @property
    def is_complete(self) -> bool:
        return not self.pieces

    def take_whole(self) -> bytes | None:
        return b"".join(self.pieces) if self.is_whole else None

    def read_piece(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def read_into(self, room: memoryview) -> int:
        piece = self.read_piece()
        room[: len(piece)] = piece
        return len(piece)


class Observer:
    """Notes what it is notified of."""

    def __init__(self, *, may_commit: bool = True, wants_progress: bool = False) -> None:
        self.may_commit = may_commit
        self.heads: list[ResponseHead] = []
        self.runs: list[ProgressRun] = []
        self.wants_progress = lambda: wants_progress
        self.head_received, self.progress_made = self.heads.append, self.runs.append

    def download_noted(self, note: str) -> None:
        raise AssertionError(note)

    def begin_commit(self) -> bool:
        return self.may_commit

    def decode_result(self, result: Any, resp: Any) -> Any:
        return ("decoded", result)


def received(response: Any, observer: Any = None, file: FileSink | None = None, **options: Any) -> Any:
    asked = PLAIN._replace(url="http://a.test/", **options)
    prepared = prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: HTTPConnection)
    return receive(response, prepared, file, asked, CancelScope(), observer or Observer())


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize(("status", "kind"), [(200, Success), (302, Redirect), (404, Failure)])
def test_4_3_into_memory(status: int, kind: type, is_whole: bool) -> None:
    """Contract 3.3, 4.3: the content as it came, and the result that the observer makes of its text."""
    answer = received(Response(status=status, is_whole=is_whole))

    assert kind is type(answer)
    assert (BODY, ("decoded", "some content")) == (answer.content, answer.result)


def test_4_3_decode_false() -> None:
    """Contract 4.3: without decode nobody is asked."""
    assert "some content" == received(Response(), decode=False).result


def test_11_2_head_comes_before_the_content() -> None:
    """Contract 11.2: the observer has the head of the final response, before anything of its content."""
    observer, response = Observer(), Response()
    received(response, observer)

    assert [response.head] == observer.heads


@pytest.mark.parametrize("has_file", [False, True])
def test_4_6_coded_content(has_file: bool, tmp_path: Path) -> None:
    """Contract 4.6, 4.8: a coding is undone, in memory and in a file."""
    coded = gzip.compress(BODY)
    response = Response(coded, Content_Encoding="gzip")
    path = tmp_path / "file"
    if has_file:
        with FileSink(str(path)) as file:
            received(response, file=file, file_path=path)
        assert BODY == path.read_bytes()
    else:
        assert BODY == received(response).content


def test_5_2_progress() -> None:
    """Contract 5.2: the observer hears how far the content is."""
    observer = Observer(wants_progress=True)
    received(Response(Content_Length=str(len(BODY))), observer, chunk_size=3)

    assert [0, 3, 6, 12] == [run.first for run in observer.runs]
    assert {len(BODY)} == {run.total for run in observer.runs}


def test_17_6_too_large() -> None:
    """Contract 17.6: a body that says that it is too large is not read."""
    response = Response()
    with pytest.raises(ContentTooLarge):
        received(response, max_size=5)

    assert not response.is_complete


@pytest.mark.parametrize("way", ["memory", "file"])
def test_12_4_checksum(way: str, tmp_path: Path) -> None:
    """Contract 12.4: the right one passes, a wrong one is an error; whatever the content goes into."""
    path = tmp_path / "file"

    def receive_with(checksum: str) -> None:
        if way == "file":
            with FileSink(str(path), checksum) as file:
                received(Response(), file=file, file_path=path, checksum=checksum)
        else:
            received(Response(), checksum=checksum)

    with pytest.raises(ChecksumMismatch):
        receive_with(OTHER_CHECKSUM)
    assert not path.exists()
    receive_with(CHECKSUM)
    assert path.exists() == (way == "file")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_12_4_no_content_has_no_checksum(method: str, status: int) -> None:
    """A response that cannot have content is not compared with a checksum."""
    assert b"" == received(Response(b"", status), method=method, checksum=CHECKSUM).content


# A file (RECEIVE-2)


def test_receive_2_file(tmp_path: Path) -> None:
    """RECEIVE-2: the complete content takes the file's place."""
    path = tmp_path / "file"
    with FileSink(str(path)) as file:
        answer = received(Response(), file=file, file_path=path)

    assert BODY == path.read_bytes()
    assert (b"", b"") == (answer.content, answer.result)


@pytest.mark.parametrize("reason", ["cancelled", "HEAD", "204", "failure"])
def test_receive_2_file_stays_what_it_was(tmp_path: Path, reason: str) -> None:
    """RECEIVE-2: a cancel that comes first, no content, or a status that is no success leave the file alone."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with FileSink(str(path)) as file:
        if reason == "cancelled":
            with pytest.raises(RequestCancelled):
                received(Response(), Observer(may_commit=False), file, file_path=path)
        else:
            status = {"204": 204, "failure": 404}.get(reason, 200)
            body = BODY if reason == "failure" else b""
            method = "HEAD" if reason == "HEAD" else None
            received(Response(body, status), file=file, file_path=path, method=method)

    assert b"old" == path.read_bytes()
    assert ["file"] == [entry.name for entry in tmp_path.iterdir()]
