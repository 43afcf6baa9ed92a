"""Faults 92 to 100, and contract 12: what a download into a file may meet."""

from __future__ import annotations

import errno
import os
import pathlib
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from faults.rows import Target, assert_ended
from support.files import OLD, names_beside
from support.messages import chunked, frame_chunks, reply
from urlrequest._content import file_sink
from urlrequest.testing import Server, reset, send, signal, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.no_leaks

BODY = bytes(range(256)) * 20_000  # more than one write
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and special files of POSIX")
not_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write anywhere")


@pytest.mark.parametrize(
    "make", [str, pathlib.Path, os.fsencode, pathlib.PurePath], ids=["str", "Path", "bytes", "PurePath"]
)
@pytest.mark.parametrize("octets", [reply(BODY), chunked(frame_chunks(BODY)), reply(b"")])
def test_12_1_success_replaces(server: Server, recorder: Any, target: Target, make: Any, octets: bytes) -> None:
    """Contract 12.1: a complete 2xx body takes the file's place, and the result is b''."""
    server.play(send(octets))
    request = recorder.run(server.url, file_path=make(target.path))

    assert ("success", b"") == (recorder.terminal, request.result)
    target.assert_replaced(BODY if len(octets) > 200 else b"")


def test_12_1_new_file(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 12.1: a file that was not there appears with the mode that the umask leaves."""
    server.play(send(reply(BODY)))
    recorder.run(server.url, file_path=tmp_path / "new")

    mask = os.umask(0)
    os.umask(mask)
    assert (["new"], BODY) == (names_beside(tmp_path / "new"), (tmp_path / "new").read_bytes())
    if sys.platform != "win32":
        assert 0o666 & ~mask == stat.S_IMODE((tmp_path / "new").stat().st_mode)


def test_12_1_nothing_appears_before_the_end(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 12.1: until the body is complete the name does not exist, and others cannot read what there is."""
    server.play(send(reply(b"hel", length=5)), signal("half"), wait_for("looked"), send(b"lo"))
    request = recorder.get(server.url, file_path=tmp_path / "new")
    server.wait("half")
    (temporary,) = tmp_path.iterdir()
    mode = stat.S_IMODE(temporary.stat().st_mode)
    server.signal("looked")
    assert request.wait(timeout=20)

    assert "new" != temporary.name
    assert sys.platform == "win32" or mode == 0o600
    assert ["new"] == names_beside(tmp_path / "new")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o400])
def test_12_1_mode_stays(server: Server, recorder: Any, target: Target, mode: int) -> None:
    """Contract 12.1, security 53: the new file has the old one's mode."""
    target.path.chmod(mode)
    server.play(send(reply(b"new")))
    recorder.run(server.url, file_path=target.path)

    assert mode == stat.S_IMODE(target.path.stat().st_mode)
    target.assert_replaced(b"new")


@pytest.mark.parametrize("status", ["302 Found", "304 Not Modified", "404 Not Found", "500 Error", "600 Odd"])
def test_fault_97_only_a_2xx_replaces(server: Server, recorder: Any, target: Target, status: str) -> None:
    """Contract 12.1, fault 97: any other status leaves the old file, and its body is the result."""
    server.play(send(reply(b"what", status=status)))
    request = recorder.run(server.url, file_path=target.path)

    assert recorder.terminal in {"redirect", "failure"}
    assert ("" if status.startswith("304") else "what") == request.result
    assert_ended(request)
    target.assert_untouched()


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "206 Partial Content", "299 Odd"])
def test_12_1_every_2xx_replaces(server: Server, recorder: Any, target: Target, status: str) -> None:
    """Contract 12.1: every 2xx body is the file's."""
    part = ["Content-Range: bytes 0-2/9"] if status.startswith("206") else []
    server.play(send(reply(b"new", *part, status=status)))
    recorder.run(server.url, file_path=target.path, req_headers={"Range": "bytes=0-2"} if part else None)

    target.assert_replaced(b"new")


@posix
@pytest.mark.parametrize("relative", [False, True])
def test_fault_94_symbolic_link(server: Server, recorder: Any, target: Target, tmp_path: Path, relative: bool) -> None:
    """Fault 94: the file that a link leads to is replaced, and the link stays."""
    link = tmp_path / "link"
    link.symlink_to(os.path.relpath(target.path, tmp_path) if relative else target.path)
    server.play(send(reply(b"new")))
    recorder.run(server.url, file_path=link)

    assert link.is_symlink()
    target.assert_replaced(b"new")


@posix
def test_security_55_planted_links_are_not_followed(
    monkeypatch: pytest.MonkeyPatch, server: Server, recorder: Any, target: Target, tmp_path: Path
) -> None:
    """Security 55: a program that guessed the temporary name cannot make us write through a link."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"victim")
    monkeypatch.setattr(os, "urandom", lambda _: b"guessed")
    guess = b"guessed".hex()
    for name in (f".urlrequest-{guess}.tmp", f".{target.path.name}.urlrequest-{guess}.tmp"):
        (target.path.parent / name).symlink_to(victim)
    server.respond("/", b"evil")
    request = recorder.run(server.url, file_path=target.path)

    assert isinstance(request.error, FileExistsError)
    assert (b"victim", OLD) == (victim.read_bytes(), target.path.read_bytes())


def bad_targets(folder: Path) -> dict[str, tuple[Any, type[BaseException]]]:
    return {
        "folder": (folder, IsADirectoryError),
        "missing-folder": (folder / "missing" / "file", FileNotFoundError),
        "folder-is-a-file": (folder / "file" / "file", NotADirectoryError),
        "name-too-long": (folder / ("x" * 300), OSError),
        "int": (5, TypeError),
        "bool": (True, TypeError),
        "list": ([], TypeError),
        "nul": (f"{folder}/a\0b", ValueError),
        "empty": ("", (ValueError, OSError)),
    }


@pytest.mark.parametrize("what", bad_targets(pathlib.Path()).keys())
def test_12_2_bad_target(server: Server, recorder: Any, tmp_path: Path, what: str) -> None:
    """Contract 12.2, fault 100: a path that cannot be written is an error, and the request is never sent."""
    (tmp_path / "file").write_bytes(OLD)
    path, error = bad_targets(tmp_path)[what]
    request = recorder.run(server.url, file_path=path)

    assert "error" == recorder.terminal
    assert isinstance(request.error, error)
    assert 0 == server.connection_count
    assert ["file"] == names_beside(tmp_path / "file")
    assert_ended(request)


@posix
@pytest.mark.parametrize("special", ["fifo", "/dev/null", "/dev/full"])
def test_fault_95_special_file(server: Server, recorder: Any, tmp_path: Path, special: str) -> None:
    """Fault 95: what is no regular file is never replaced, and never waited for."""
    path = special if special.startswith("/") else str(tmp_path / special)
    if special == "fifo":
        os.mkfifo(path)
    request = recorder.run(server.url, file_path=path)

    assert "error" == recorder.terminal
    assert isinstance(request.error, OSError)
    assert 0 == server.connection_count
    assert not stat.S_ISREG(pathlib.Path(path).stat().st_mode)


@posix
@not_root
def test_12_2_unwritable_folder(server: Server, recorder: Any, target: Target) -> None:
    """Contract 12.2: a folder that cannot be written to is an error before the request is sent."""
    target.path.parent.chmod(0o500)
    try:
        request = recorder.run(server.url, file_path=target.path)
    finally:
        target.path.parent.chmod(0o700)

    assert isinstance(request.error, PermissionError)
    assert 0 == server.connection_count
    target.assert_untouched()


@pytest.mark.parametrize("function", ["write", "close", "replace", "fchmod"])
def test_fault_92_full_disk(
    monkeypatch: pytest.MonkeyPatch, server: Server, recorder: Any, target: Target, function: str
) -> None:
    """Fault 92: a disk that refuses, at whatever point, is an error; the old file stays, and nothing is left over."""
    if not hasattr(os, function):
        pytest.skip(f"no os.{function}")
    calls = []
    real = getattr(os, function)

    def failing(*arguments: Any) -> Any:
        if function == "fchmod" and not calls:
            calls.append(arguments)  # the first hides the temporary file, before anything is sent
            return real(*arguments)
        if function == "close":
            real(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    server.play(send(reply(b"new")))
    monkeypatch.setattr(file_sink, "os", Patched(**{function: failing}))
    request = recorder.run(server.url, file_path=target.path, timeout=15)

    assert ("error", errno.ENOSPC) == (recorder.terminal, request.error.errno)
    assert_ended(request)
    target.assert_untouched()


class Patched:
    """The module `os` with some functions replaced, for one module only."""

    def __init__(self, **functions: Any) -> None:
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def test_fault_92_short_writes(monkeypatch: pytest.MonkeyPatch, server: Server, recorder: Any, target: Target) -> None:
    """Fault 92: a system that writes less than it was given is given the rest."""
    server.play(send(reply(BODY)))
    monkeypatch.setattr(file_sink, "os", Patched(write=lambda descriptor, octets: os.write(descriptor, octets[:1000])))
    recorder.run(server.url, file_path=target.path)

    target.assert_replaced(BODY)


def test_fault_96_folder_vanishes(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Fault 96: a folder that vanishes during the download is an error."""
    folder = tmp_path / "folder"
    folder.mkdir()
    server.play(send(reply(b"hel", length=5)), signal("half"), wait_for("gone"), send(b"lo"))
    request = recorder.get(server.url, file_path=folder / "file")
    server.wait("half")
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()
    server.signal("gone")
    assert request.wait(timeout=20)

    assert "error" == recorder.terminal
    assert isinstance(request.error, OSError)
    assert [] == names_beside(tmp_path / "file")


def test_fault_96_folder_appears_in_the_files_place(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Fault 96: what took the name meanwhile and is no file is not replaced."""
    server.play(send(reply(b"hel", length=5)), signal("half"), wait_for("there"), send(b"lo"))
    request = recorder.get(server.url, file_path=tmp_path / "file")
    server.wait("half")
    (tmp_path / "file").mkdir()
    server.signal("there")
    assert request.wait(timeout=20)

    assert isinstance(request.error, OSError)
    assert ["file"] == names_beside(tmp_path / "file")


def test_fault_98_two_downloads_into_one_file(server: Server, recorder: Any, target: Target) -> None:
    """Contract 12.1: of two downloads into one file the later one wins whole; they never mix."""
    server.play(send(reply(b"a" * 50_000, length=100_000)), signal("half"), wait_for("other"), send(b"a" * 50_000))
    first = recorder.get(server.url, file_path=target.path)
    server.wait("half")
    server.play(send(reply(b"b" * 100_000)))
    second = recorder.get(server.url, file_path=target.path)
    assert second.wait(timeout=20)
    target_then = target.path.read_bytes()
    server.signal("other")
    assert first.wait(timeout=20)

    assert (b"b" * 100_000, b"a" * 100_000) == (target_then, target.path.read_bytes())
    assert [target.path.name] == names_beside(target.path)


def test_security_52_another_file_is_never_removed(server: Server, recorder: Any, target: Target) -> None:
    """Security 52: an error removes the temporary file of this request, and no other."""
    other = target.path.parent / ".urlrequest-0000.tmp"
    other.write_bytes(b"other")
    server.play(send(reply(length=20)), reset())
    recorder.run(server.url, file_path=target.path)

    assert sorted([target.path.name, other.name]) == names_beside(target.path)
    assert (OLD, b"other") == (target.path.read_bytes(), other.read_bytes())


def test_security_54_the_server_does_not_name_the_file(server: Server, recorder: Any, target: Target) -> None:
    """Security 54: Content-Disposition changes nothing."""
    server.play(send(reply(b"new", 'Content-Disposition: attachment; filename="../evil"')))
    recorder.run(server.url, file_path=target.path)

    target.assert_replaced(b"new")


def test_security_56_long_name(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Security 56: a name that is as long as names can be has a temporary neighbour all the same."""
    path = tmp_path / ("x" * 255)
    path.write_bytes(OLD)
    server.play(send(reply(b"new")))
    recorder.run(server.url, file_path=path)

    assert ([path.name], b"new") == (names_beside(path), path.read_bytes())


def test_12_1_head_and_204_leave_the_file(server: Server, recorder: Any, target: Target) -> None:
    """Contract 12.1: a response that can have no body replaces nothing."""
    server.play(send(reply(status="204 No Content")))
    server.play(send(reply()))
    recorder.run(server.url, file_path=target.path)
    recorder.run(server.url, file_path=target.path, method="HEAD")

    assert ["success", "finish"] * 2 == recorder.names
    target.assert_untouched()


def test_12_1_relative_path_is_of_the_constructing_folder(
    monkeypatch: pytest.MonkeyPatch, server: Server, recorder: Any, target: Target
) -> None:
    """Contract 12.1: a relative path is a file of the working directory."""
    monkeypatch.chdir(target.path.parent)
    server.play(send(reply(b"new")))
    recorder.run(server.url, file_path=target.path.name)

    target.assert_replaced(b"new")
