from __future__ import annotations

import errno
import hashlib
import json
import os
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from support.files import names_in
from urlrequest._content import file_sink, resumable_file
from urlrequest._content.resumable_file import FLUSH_TIME, ResumableFileSink
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead
from urlrequest.errors import ContentTooLarge, IncompleteContent, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
pytestmark = pytest.mark.no_leaks

URL = "http://example.com/file"
CONTENT = bytes(range(200))


@pytest.fixture(autouse=True)
def _has_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the machine pauses, nothing is written down because of the time."""
    monkeypatch.setattr(resumable_file, "FLUSH_TIME", inf)


def head(status: int = 200, length: int | None = 200, **fields: str) -> ResponseHead:
    given = {"ETag": '"one"', **{name.replace("_", "-"): value for name, value in fields.items()}}
    if length is not None:
        given["Content-Length"] = str(length)
    return ResponseHead("1.1", status, "", Headers(list(given.items())))


def rest(first: int) -> ResponseHead:
    return head(206, 200 - first, Content_Range=f"bytes {first}-199/200")


def make(path: Path, url: str = URL, checksum: str | None = None, check: Any = lambda: None) -> ResumableFileSink:
    return ResumableFileSink(str(path), checksum, url, check)


def begin(path: Path, octets: bytes, url: str = URL) -> None:
    """Leave a part file behind."""
    with make(path, url) as sink:
        assert [] == sink.range_fields()
        assert sink.accepts(head())
        sink.expect(200)
        sink.write(octets)


def test_12_3_part_file_and_sidecar(tmp_path: Path) -> None:
    """Contract 12.3: the part file and a sidecar that describes it lie beside the target, readable by us alone."""
    begin(tmp_path / "target", CONTENT[:50])

    part, sidecar = names_in(tmp_path)
    assert part + ".json" == sidecar
    assert CONTENT[:50] == (tmp_path / part).read_bytes()
    assert [0o600] * 2 == [(tmp_path / name).stat().st_mode & 0o777 for name in (part, sidecar)]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_security_53_part_and_sidecar_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Security 53: part file and sidecar have mode 0600 from the call that makes them, before any other call."""
    modes: dict[str, int] = {}
    real = os.open

    def opening(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        modes[os.path.basename(path)] = os.fstat(descriptor).st_mode & 0o777
        return descriptor

    monkeypatch.setattr(os, "open", opening)
    before = os.umask(umask)
    try:
        begin(tmp_path / "target", CONTENT[:50])
    finally:
        os.umask(before)
    found = {name: mode for name, mode in modes.items() if name.endswith((".part", ".json"))}

    assert [0o600, 0o600] == list(found.values())


def test_12_3_a_part_file_that_is_let_go_of_late(tmp_path: Path) -> None:
    """Contract 12.3: a download that is continued while the worker of the one before still ends goes on there."""
    first = make(tmp_path / "target").__enter__()
    assert first.accepts(head())
    first.expect(200)
    first.write(CONTENT[:50])
    looks = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 3:
            first.__exit__(None, None, None)

    with make(tmp_path / "target", check=check) as second:
        assert 3 == len(looks)
        assert 50 == second.offset or second.range_fields()
        assert 50 == second.offset


def source_of(url: str) -> str:
    """What a sidecar says of a URL."""
    return hashlib.sha256(url.encode()).hexdigest()


SAID = {"source": source_of(URL), "validator": '"one"', "total": 200, "mode": 0o644, "modified": ""}
IS_NONE = [
    *({**SAID, field: wrong} for field in SAID for wrong in (None, 1.5, [], {}, [SAID["source"]], True)
      if (field, wrong) != ("total", None)),
    *({**SAID, "mode": mode} for mode in (-1, 0o1000, 0o4755, 10**400)),
    *({**SAID, "total": total} for total in (-1, 0, 49, "200")),
    *({**SAID, "validator": text} for text in ("", '"a"\r\nX: y', '"a"\0', '"\x7f"', "\ud800", "\u20ac")),
    {**SAID, "source": source_of(URL + "?other")},
    {**SAID, "source": "x" * 70_000},
    {**SAID, "validator": '"' + "x" * 70_000 + '"'},
    {**SAID, "modified": "x" * 70_000},
    {}, [], None, 5, "text", [SAID],
]  # fmt: skip


@pytest.mark.parametrize("said", IS_NONE, ids=count())
def test_12_3_what_is_no_sidecar(tmp_path: Path, said: Any) -> None:
    """Contract 12.3: fields of a wrong type, out of range, of another download or too large: nothing is continued."""
    begin(tmp_path / "target", CONTENT[:50])
    part, sidecar = names_in(tmp_path)
    assert {**SAID, "mode": json.loads((tmp_path / sidecar).read_text())["mode"]} == json.loads(
        (tmp_path / sidecar).read_text()
    )
    (tmp_path / sidecar).write_text(json.dumps(said))
    with make(tmp_path / "target") as sink:
        assert ([], 0) == (sink.range_fields(), sink.offset)
        assert 0 == (tmp_path / part).stat().st_size


def test_12_3_two_files_have_two_part_files(tmp_path: Path) -> None:
    """Contract 12.3: each target has its own part file, however long or odd its name."""
    for name in ("a", "b", "x" * 255, "ü", os.fsdecode(b"\xff")):
        begin(tmp_path / name, CONTENT[:50])

    assert 10 == len(names_in(tmp_path))


def test_part_1_sidecar_before_the_first_byte(tmp_path: Path) -> None:
    """PART-1: at no moment does the part file hold a byte that its sidecar does not describe."""
    begin(tmp_path / "target", CONTENT[:50])
    (part,) = tmp_path.glob("*.part")
    sidecar = part.with_name(part.name + ".json")
    with make(tmp_path / "target") as sink:
        sink.range_fields()
        sink.accepts(head(ETag='"two"'))
        assert (0, True) == (part.stat().st_size, "two" in sidecar.read_text())
        sink.expect(200)
        sink.write(CONTENT)
        assert 0 == part.stat().st_size  # gathered, not yet written
        sink.commit()

    assert ["target"] == names_in(tmp_path)


@pytest.mark.parametrize("written", ["nothing", "beginning"])
def test_part_1_sidecar_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str) -> None:
    """PART-1: without a sidecar the download goes on, and leaves no part file."""
    real = os.write

    def short(descriptor: int, octets: Any) -> int:
        if os.fstat(descriptor).st_size == 0 and bytes(octets[:1]) == b"{":
            if written == "nothing":
                raise OSError(errno.ENOSPC, "full")
            return real(descriptor, octets[:5])
        return real(descriptor, octets)

    monkeypatch.setattr(os, "write", short)
    begin(tmp_path / "target", CONTENT[:50])

    assert [] == names_in(tmp_path)


def test_part_3_lock_is_held_until_both_files_are_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PART-3: no other request locks the part file while it becomes the target: it would cut the finished file."""
    tries = []
    real = os.replace

    def replace(temporary: str, path: str) -> None:
        with open(temporary, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        real(temporary, path)
        with open(path, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tries.append(path)

    monkeypatch.setattr(file_sink.os, "replace", replace)
    with make(tmp_path / "target") as sink:
        sink.accepts(head())
        sink.expect(200)
        sink.write(CONTENT)
        sink.commit()

    assert [str(tmp_path / "target")] == tries


def test_part_3_useless_part_is_removed_under_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PART-3: a request removes a part file while it holds the lock, so that no other one loses its own."""
    tries = []
    real = os.unlink

    def unlink(path: str) -> None:
        if path.endswith(".part"):
            with open(path, "rb") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tries.append(path)
        real(path)

    monkeypatch.setattr(os, "unlink", unlink)
    with make(tmp_path / "target") as sink:
        sink.accepts(head())

    assert (1, []) == (len(tries), names_in(tmp_path))


def test_part_3_second_taker_is_refused(tmp_path: Path) -> None:
    """PART-3: the system's lock keeps a second request of the same process out, and ends with the first one."""
    with make(tmp_path / "target"), pytest.raises(BlockingIOError):
        make(tmp_path / "target")
    with make(tmp_path / "target"):
        pass

    assert [] == names_in(tmp_path)


def test_part_3_opened_just_before_it_is_put_in_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PART-3: a request that opened the part file just before it was renamed notices, and creates another one."""
    begin(tmp_path / "target", CONTENT[:50])
    (part,) = tmp_path.glob("*.part")
    real, moved = resumable_file._lock, []

    def lock(descriptor: int) -> None:
        if not moved:
            moved.append(part.rename(tmp_path / "target"))
        real(descriptor)

    monkeypatch.setattr(resumable_file, "_lock", lock)
    with make(tmp_path / "target") as sink:
        sink.accepts(head())
        sink.expect(200)
        sink.write(CONTENT)
        assert CONTENT[:50] == (tmp_path / "target").read_bytes()
        sink.commit()

    assert CONTENT == (tmp_path / "target").read_bytes()


def test_part_3_part_file_that_keeps_changing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PART-3: a request that cannot get hold of a part file gives up instead of trying for ever."""
    monkeypatch.setattr(resumable_file, "_is_same_file", lambda descriptor, path: False)

    with pytest.raises(BlockingIOError):
        make(tmp_path / "target")


def test_fault_92_failed_write_is_not_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fault 92: what a full disk took of a write is in the part file once, even if there is room again later."""
    real, failures = os.write, []

    def write(descriptor: int, octets: Any) -> int:
        if len(octets) == 100:
            return real(descriptor, octets[:30])
        if len(octets) == 70 and not failures:
            failures.append(1)
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, octets)

    with make(tmp_path / "target") as sink:
        sink.accepts(head())
        sink.expect(200)
        monkeypatch.setattr(os, "write", write)
        sink.write(CONTENT[:100])
        with pytest.raises(OSError, match="full"):
            sink._flush()
    (part,) = tmp_path.glob("*.part")

    assert CONTENT[:30] == part.read_bytes()


def test_12_3_slow_download_is_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Contract 12.3: a killed process loses what came within the last second, however slow the download was."""
    now = [0.0]
    monkeypatch.setattr(resumable_file, "monotonic", lambda: now[0])
    monkeypatch.setattr(resumable_file, "FLUSH_TIME", FLUSH_TIME)
    with make(tmp_path / "target") as sink:
        sink.accepts(head())
        sink.expect(200)
        sink.write(CONTENT[:50])
        (part,) = tmp_path.glob("*.part")
        assert b"" == part.read_bytes()
        now[0] = 1.1
        sink.write(CONTENT[50:60])
        assert CONTENT[:60] == part.read_bytes()
        sink.write(CONTENT[60:70])
        assert CONTENT[:60] == part.read_bytes()


def test_12_4_reading_the_part_file_can_be_ended(tmp_path: Path) -> None:
    """Contract 7.2, 12.4: a cancel ends the reading of a long part file for its checksum, and the file stays."""
    begin(tmp_path / "target", CONTENT[:50])
    checksum = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"

    def check() -> None:
        raise RequestCancelled("cancelled")

    with make(tmp_path / "target", checksum=checksum, check=check) as sink:
        sink.range_fields()
        with pytest.raises(RequestCancelled):
            sink.accepts(rest(50))
    (part,) = tmp_path.glob("*.part")

    assert CONTENT[:50] == part.read_bytes()


@pytest.mark.parametrize("error", [ContentTooLarge("large"), None])
def test_part_4_what_is_of_no_use_is_not_kept(tmp_path: Path, error: Exception | None) -> None:
    """PART-4: after an error that would come again no part file is kept."""
    sink = make(tmp_path / "target")
    sink.accepts(head())
    sink.expect(200)
    sink.write(CONTENT[:50])
    sink.__exit__(None if error is None else type(error), error, None)

    assert (2 if error is None else 0) == len(names_in(tmp_path))


def test_11_3_commit_of_less_than_was_announced(tmp_path: Path) -> None:
    """Contract 11.3: a file that has not the announced length never gets its name."""
    with make(tmp_path / "target") as sink:
        sink.accepts(head())
        sink.expect(None)
        sink.write(CONTENT[:50])
        with pytest.raises(IncompleteContent):
            sink.commit()

    assert [] == names_in(tmp_path)


def test_12_3_folder_that_is_gone(tmp_path: Path) -> None:
    """Fault 96: where the folder vanished there is nothing to keep, and no second error."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with make(folder / "target") as sink:
        sink.accepts(head())
        sink.expect(200)
        sink.write(CONTENT[:50])
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()

    assert [] == names_in(tmp_path)


# File systems that do not know a call


ODD = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOLCK]


@pytest.mark.parametrize("code", ODD, ids=[errno.errorcode[code] for code in ODD])
def test_12_3_file_system_without_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int) -> None:
    """Contract 12.3: where a file cannot be locked there is no part file, and none is left lying about."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="locked|" + os.strerror(code)):
        make(tmp_path / "target")

    assert [] == names_in(tmp_path)


def test_12_3_file_system_with_owners_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Contract 12.3: where files belong to somebody else from the beginning, none is left lying about."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError):
        make(tmp_path / "target")

    assert [] == names_in(tmp_path)


def test_12_3_part_file_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Contract 12.3: a part file that was there is not touched by who may not use it."""
    begin(tmp_path / "target", CONTENT[:50])
    before = names_in(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PermissionError):
        make(tmp_path / "target")

    assert before == names_in(tmp_path)


@pytest.mark.parametrize("code", ODD, ids=[errno.errorcode[code] for code in ODD])
def test_12_3_modes_that_cannot_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int) -> None:
    """Contract 12.3: a file system without modes keeps no download from being continued."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fchmod", refuse)
    begin(tmp_path / "target", CONTENT[:50])
    finish(tmp_path / "target", 50)

    assert (CONTENT, ["target"]) == ((tmp_path / "target").read_bytes(), names_in(tmp_path))


def finish(path: Path, offset: int) -> None:
    """Continue a part file of so many bytes to its end."""
    with make(path) as sink:
        assert ("Range", f"bytes={offset}-") in sink.range_fields()
        assert sink.accepts(rest(offset))
        sink.expect(200 - offset)
        sink.write(CONTENT[offset:])
        sink.commit()


# The last step fails


@pytest.mark.parametrize("mode", [None, 0o400, 0o644])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV])
def test_12_3_replace_that_fails_keeps_the_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, mode: int | None
) -> None:
    """Contract 12.3: when the file cannot be put in place, all of it stays, and the next request asks for one byte."""
    path = tmp_path / "target"
    if mode is not None:
        path.write_bytes(b"old")
        path.chmod(mode)
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        patch.setattr(file_sink.os, "replace", refuse)
        with make(path) as sink:
            sink.accepts(head())
            sink.expect(200)
            sink.write(CONTENT)
            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
                sink.commit()
    assert code == caught.value.errno
    (part,) = tmp_path.glob("*.part")
    assert (CONTENT, 0o600) == (part.read_bytes(), part.stat().st_mode & 0o777)
    assert part.with_name(part.name + ".json").exists()
    finish(path, 199)

    assert (CONTENT, ["target"]) == (path.read_bytes(), names_in(tmp_path))
    if mode is not None:
        assert mode == path.stat().st_mode & 0o777


@pytest.mark.parametrize("call", ["close", "replace"])
def test_12_3_last_step_that_fails_leaves_nothing_useless(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str
) -> None:
    """Contract 12.3: bytes that the disk may not have, or that no sidecar describes, are removed, with the sidecar."""
    real = getattr(os, call)
    with make(tmp_path / "target") as sink:
        sink.accepts(head() if call == "close" else head(ETag='W/"weak"'))
        sink.expect(200)
        sink.write(CONTENT)
        descriptor = sink._descriptor

        def refuse(*arguments: Any) -> None:
            if call == "close":
                real(*arguments)
                if arguments != (descriptor,):
                    return
            raise OSError(errno.EDQUOT, "full")

        with monkeypatch.context() as patch:
            patch.setattr(file_sink.os, call, refuse)
            with pytest.raises(OSError, match="full"):
                sink.commit()

    assert [] == names_in(tmp_path)


def test_part_3_a_system_where_open_files_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PART-3: where an open file cannot be renamed or removed, as on Windows, it is closed before."""
    path, opened, lock = tmp_path / "target", set(), resumable_file._lock
    calls = []

    def note(descriptor: int) -> None:
        opened.add(descriptor)
        lock(descriptor)

    def checked(call: Callable[..., None]) -> Callable[..., None]:
        def check(*arguments: Any) -> None:
            calls.append(call.__name__)
            for descriptor in opened:
                with pytest.raises(OSError):  # noqa: PT011 - it is closed
                    os.fstat(descriptor)
            call(*arguments)

        return check

    monkeypatch.setattr(resumable_file, "_lock", note)
    monkeypatch.setattr(resumable_file.sys, "platform", "win32")
    with make(path) as sink:
        sink.accepts(head())
        sink.expect(200)
        sink.write(CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", checked(os.replace))
            sink.commit()

    assert (["replace"], CONTENT, ["target"]) == (calls, path.read_bytes(), names_in(tmp_path))
