from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from support.bodies import fill, pattern
from support.files import names_in
from urlrequest._content import file_sink
from urlrequest._content.file_sink import WRITE_SIZE, FileSink, check_file_path
from urlrequest._defaults import defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

posix = pytest.mark.skipif(os.name != "posix", reason="modes and special files as of POSIX")


# file_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("a/b", "a/b"), (b"a/b", "a/b"), (Path("a/b"), str(Path("a/b"))), ("é", "é")],
    ids=count(),
)
def test_12_1_paths(given: object, expected: str | None) -> None:
    """Contract 12.1, fault 100: text, bytes and PathLike are paths."""
    assert expected == check_file_path(given)


@pytest.mark.parametrize("given", [1, 0, True, 1.5, ["a"], object(), bytearray(b"a")], ids=count())
def test_12_1_what_is_no_path(given: object) -> None:
    """Fault 100: anything else is a TypeError; a number would be an open descriptor."""
    with pytest.raises(TypeError, match=f"file_path is {type(given).__name__}"):
        check_file_path(given)


@pytest.mark.parametrize("given", ["", b"", "a\0b", b"\0"], ids=count())
def test_12_1_paths_that_cannot_be(given: object) -> None:
    """An empty path, and one with a NUL, is a ValueError."""
    with pytest.raises(ValueError, match="file_path is empty or has a NUL"):
        check_file_path(given)


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which no test may leave a temporary file behind."""
    found = tmp_path / "folder"
    found.mkdir()
    yield found
    if found.is_dir():
        assert [] == [path.name for path in found.iterdir() if path.name.startswith(".")]


def save(path: Path | str, octets: bytes, length: int | None = None, piece: int = 100_003) -> None:
    with FileSink(str(path)) as sink:
        sink.expect(length)
        fill(sink, octets, piece)
        sink.commit()


@pytest.mark.parametrize("size", [0, 1, WRITE_SIZE - 1, WRITE_SIZE, WRITE_SIZE + 1, 2 * WRITE_SIZE + 7])
@pytest.mark.parametrize("is_known", [True, False])
def test_12_1_file(folder: Path, size: int, is_known: bool) -> None:
    """Contract 12.1: what was received is in the file, of any size."""
    save(folder / "f", pattern(size), size if is_known else None)

    assert pattern(size) == (folder / "f").read_bytes()
    assert ["f"] == names_in(folder)


@pytest.mark.parametrize("length", [1, 5])
def test_12_1_lengths_that_were_wrong(folder: Path, length: int) -> None:
    """More bytes than were announced find their place as well."""
    with FileSink(str(folder / "f")) as sink:
        sink.expect(length)
        sink.write(pattern(1000))
        sink.commit()

    assert pattern(1000) == (folder / "f").read_bytes()


def test_12_1_old_file_until_the_commit(folder: Path) -> None:
    """Contract 12.1, FILE-1: the old file keeps its bytes until the commit; then the new one is there at once."""
    path = folder / "f"
    path.write_bytes(b"old")
    with FileSink(str(path)) as sink:
        sink.expect(3)
        sink.write(b"new")
        assert b"old" == path.read_bytes()
        sink.commit()
        assert b"new" == path.read_bytes()
    assert b"new" == path.read_bytes()


def test_12_1_nothing_without_a_commit(folder: Path) -> None:
    """Contract 12.1, fault 97: without a commit the old file stays, its time too, and nothing else appears."""
    path = folder / "f"
    path.write_bytes(b"old")
    os.utime(path, ns=(1, 1))
    for name in ("f", "g"):
        with FileSink(str(folder / name)) as sink:
            sink.expect(None)
            sink.write(pattern(3 * WRITE_SIZE))

    assert ["f"] == names_in(folder)
    assert (b"old", 1) == (path.read_bytes(), path.stat().st_mtime_ns)


def test_12_1_the_neighbour_is_in_the_same_folder(folder: Path) -> None:
    """Contract 12.1: the temporary file is a neighbour, so that the replacing is one step of the file system."""
    with FileSink(str(folder / "f")):
        (name,) = names_in(folder)
        assert name.startswith(".urlrequest-")
        assert name.endswith(".tmp")


def test_12_1_two_at_once(folder: Path) -> None:
    """Two requests for one path do not disturb each other; the last to commit wins."""
    with FileSink(str(folder / "f")) as first, FileSink(str(folder / "f")) as second:
        for sink, octets in ((first, b"1"), (second, b"2")):
            sink.expect(1)
            sink.write(octets)
        second.commit()
        first.commit()

    assert b"1" == (folder / "f").read_bytes()


def test_12_1_relative_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the working folder of the moment in which the sink was made."""
    monkeypatch.chdir(folder)
    with FileSink("f") as sink:
        monkeypatch.chdir("/")
        sink.expect(1)
        sink.write(b"x")
        sink.commit()

    assert b"x" == (folder / "f").read_bytes()


# Faults, injected


class Fault:
    """Makes one call of the system fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, code: int, *, after: int = 0) -> None:
        self.calls = 0
        real: Callable[..., Any] = getattr(os, name)

        def failing(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls <= after:
                return real(*arguments, **options)
            if name == "close":
                real(*arguments)  # the system lets go of a descriptor even where closing fails
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(file_sink.os, name, failing)


@pytest.mark.no_leaks
@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(
    ("call", "code", "after"),
    [
        ("write", errno.ENOSPC, 0),
        ("write", errno.ENOSPC, 1),
        ("write", errno.EIO, 2),
        ("close", errno.ENOSPC, 0),
        ("close", errno.EDQUOT, 0),
        ("replace", errno.EACCES, 0),
        ("replace", errno.ENOENT, 0),
        pytest.param("fchmod", errno.EIO, 1, marks=posix),
    ],
)
def test_file_1_faults_leave_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, after: int, existing: bool
) -> None:
    """FILE-1, fault 92: whichever step fails, the old file stays and no temporary file and descriptor is left."""
    path = folder / "f"
    if existing:
        path.write_bytes(b"old")
        os.utime(path, ns=(1, 1))
    with monkeypatch.context() as patch:
        Fault(patch, call, code, after=after)
        with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
            save(path, pattern(4 * WRITE_SIZE))

    assert code == caught.value.errno
    assert (["f"] if existing else []) == names_in(folder)
    if existing:
        assert (b"old", 1) == (path.read_bytes(), path.stat().st_mtime_ns)


@posix
@pytest.mark.no_leaks
def test_file_1_fault_while_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FILE-1: a neighbour that cannot be hidden is removed again."""
    Fault(monkeypatch, "fchmod", errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        FileSink(str(folder / "f"))

    assert [] == names_in(folder)


ODD = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EACCES]


@posix
@pytest.mark.no_leaks
@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("code", ODD, ids=[errno.errorcode[code] for code in ODD])
@pytest.mark.parametrize("call", ["fchmod", "fstatvfs", "fsync"])
def test_12_1_calls_that_the_file_system_does_not_know(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, existing: bool
) -> None:
    """Contract 12.1: modes, free space and fsync are not worth a download: FUSE, CIFS and WSL drives refuse them."""
    if existing:
        (folder / "f").write_bytes(b"old")
    monkeypatch.setattr(defaults, "fsync", True)
    fault = Fault(monkeypatch, call, code)
    save(folder / "f", pattern(10_000), 10_000)

    assert fault.calls
    assert (pattern(10_000), ["f"]) == ((folder / "f").read_bytes(), names_in(folder))


@posix
@pytest.mark.parametrize("call", ["fchmod", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_fault_92_the_disk_itself_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    """Fault 92: a full or broken disk is an error, whichever call reports it."""
    monkeypatch.setattr(defaults, "fsync", True)
    Fault(monkeypatch, call, code)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
        save(folder / "f", b"x")

    assert (code, []) == (caught.value.errno, names_in(folder))


@posix
@pytest.mark.parametrize(
    "figures",
    [
        {"f_blocks": 0, "f_bavail": 0, "f_frsize": 4096},
        {"f_blocks": 0, "f_bavail": 0, "f_frsize": 0},
        {"f_blocks": 10, "f_bavail": 5, "f_frsize": 0},
        {"f_blocks": 10, "f_bavail": 11, "f_frsize": 1},
        {"f_blocks": 10, "f_bavail": -1, "f_frsize": 1},
        {"f_blocks": -1, "f_bavail": -1, "f_frsize": -1},
    ],
    ids=count(),
)
def test_12_2_free_space_that_cannot_be(folder: Path, monkeypatch: pytest.MonkeyPatch, figures: dict[str, int]) -> None:
    """Contract 12.2: figures that contradict themselves say nothing about the space: some file systems report zeros."""
    monkeypatch.setattr(file_sink.os, "fstatvfs", lambda _: SimpleNamespace(**figures))
    save(folder / "f", pattern(10_000), 10_000)

    assert pattern(10_000) == (folder / "f").read_bytes()


def test_file_1_short_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes fewer bytes than it was given is given the rest."""
    write = os.write
    monkeypatch.setattr(file_sink.os, "write", lambda descriptor, octets: write(descriptor, octets[:777]))
    save(folder / "f", pattern(10_000))

    assert pattern(10_000) == (folder / "f").read_bytes()


def test_fault_96_folder_vanishes(folder: Path) -> None:
    """Fault 96: a folder that vanishes meanwhile is an error of the disk, and nothing else goes wrong."""
    with FileSink(str(folder / "f")) as sink:
        sink.expect(1)
        sink.write(b"x")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        with pytest.raises(FileNotFoundError):
            sink.commit()


@pytest.mark.skipif(not hasattr(os, "fstatvfs"), reason="the free space cannot be asked for")
def test_12_2_disk_full_is_known_before(folder: Path) -> None:
    """Contract 12.2: a length that the disk has no place for is ENOSPC before the first byte, with both figures."""
    with (
        FileSink(str(folder / "f")) as sink,
        pytest.raises(OSError, match=f"has {10**17} bytes, the disk has \\d+ left") as e,
    ):
        sink.expect(10**17)

    assert errno.ENOSPC == e.value.errno


def test_fault_99_windows_tries_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 99: on Windows a file that another process has open for a moment is tried three times."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(file_sink, "sleep", lambda seconds: None)
    replace, attempts = os.replace, count(1)

    def busy(*paths: str) -> None:
        if next(attempts) < 3:
            raise PermissionError(errno.EACCES, "busy")
        replace(*paths)

    monkeypatch.setattr(file_sink.os, "replace", busy)
    save(folder / "f", b"x")
    assert b"x" == (folder / "f").read_bytes()

    fault = Fault(monkeypatch, "replace", errno.EACCES)
    with pytest.raises(PermissionError):
        save(folder / "f", b"y")
    assert 3 == fault.calls
    assert b"x" == (folder / "f").read_bytes()


# Places where no file can be


def test_12_2_a_folder_at_the_path(folder: Path) -> None:
    """Contract 12.2: a folder at the path is an error before anything is sent."""
    with pytest.raises(IsADirectoryError, match="file_path is a folder"):
        FileSink(str(folder))


@pytest.mark.parametrize("name", ["absent/f", "file/f"])
def test_12_2_no_folder_there(folder: Path, name: str) -> None:
    """Contract 12.2: a folder that is not there, or is none, is the system's error before anything is sent."""
    (folder / "file").write_bytes(b"")
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        FileSink(str(folder / name))

    assert ["file"] == names_in(folder)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_12_2_unwritable_folder(folder: Path) -> None:
    """Contract 12.2: a folder that cannot be written to is an error before anything is sent."""
    folder.chmod(0o500)
    with pytest.raises(PermissionError, match="file_path cannot be written"):
        FileSink(str(folder / "f"))


def test_12_2_refusals_say_what_and_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 12.2, 16.3: a refusal of the system names file_path and the path, and keeps its class."""
    Fault(monkeypatch, "open", errno.EACCES)
    with pytest.raises(PermissionError, match="file_path cannot be written: Permission denied") as caught:
        FileSink(str(folder / "f"))

    assert str(folder / "f") == caught.value.filename


@posix
def test_fault_95_special_files(folder: Path) -> None:
    """Fault 95: a FIFO or a device is not replaced, and nothing waits for it."""
    os.mkfifo(folder / "fifo")
    for path in (folder / "fifo", Path(os.devnull)):
        with pytest.raises(OSError, match="not a regular file"):
            FileSink(str(path))
    assert stat.S_ISFIFO((folder / "fifo").stat().st_mode)


# Modes and links


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o755, 0o666])
def test_12_1_mode_of_the_old_file(folder: Path, mode: int) -> None:
    """Contract 12.1: an existing file keeps its mode."""
    path = folder / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    save(path, b"new")

    assert (mode, b"new") == (stat.S_IMODE(path.stat().st_mode), path.read_bytes() if mode & 0o400 else b"new")


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o000])
def test_12_1_mode_of_a_new_file(folder: Path, umask: int) -> None:
    """Contract 12.1: a new file has the mode that the umask allows, and nobody else reads it before it is complete."""
    before = os.umask(umask)
    try:
        with FileSink(str(folder / "f")) as sink:
            (temporary,) = folder.iterdir()
            assert 0o600 == stat.S_IMODE(temporary.stat().st_mode)
            sink.expect(None)
            sink.commit()
    finally:
        os.umask(before)

    assert 0o666 & ~umask == stat.S_IMODE((folder / "f").stat().st_mode)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_fault_94_symbolic_links(folder: Path, tmp_path: Path, exists: bool) -> None:
    """Fault 94: through a symbolic link the file that it leads to is written, in its own folder; the link stays."""
    other = tmp_path / "other"
    other.mkdir()
    if exists:
        (other / "real").write_bytes(b"old")
    (folder / "link").symlink_to(other / "real")
    save(folder / "link", b"new")

    assert (folder / "link").is_symlink()
    assert b"new" == (other / "real").read_bytes()
    assert (["link"], ["real"]) == (names_in(folder), names_in(other))


@posix
def test_fault_94_a_link_that_leads_in_a_circle(folder: Path) -> None:
    """A link that leads to itself is the system's error."""
    (folder / "link").symlink_to(folder / "link")
    with pytest.raises(OSError):  # noqa: PT011 - ELOOP, in several classes
        FileSink(str(folder / "link"))


@posix
def test_12_1_descriptors_are_not_inherited(folder: Path) -> None:
    """A program that the application starts meanwhile does not hold the file open."""
    with FileSink(str(folder / "f")) as sink:
        assert not os.get_inheritable(sink._descriptor)


def test_12_1_content_is_never_half(folder: Path) -> None:
    """Contract 12.1: who reads the path while it is replaced again and again sees a whole body each time."""
    path = folder / "f"
    bodies = [letter * 50_000 for letter in (b"a", b"b")]
    save(path, bodies[0])
    is_over = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not is_over.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        save(path, bodies[number % 2])
    is_over.set()
    reader.join()

    assert seen <= set(bodies)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_security_53_nobody_else_can_open_a_file_at_any_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Security 53: what gets the body has mode 0600 from the call that makes it, before any other call."""
    modes: dict[str, int] = {}
    real = os.open

    def opening(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        modes[path] = os.fstat(descriptor).st_mode & 0o777
        return descriptor

    monkeypatch.setattr(os, "open", opening)
    before = os.umask(umask)
    try:
        with FileSink(str(folder / "f")) as sink:
            assert 0o600 == modes[sink._temporary]
            assert [sink._temporary] == [str(folder / name) for name in names_in(folder)]
    finally:
        os.umask(before)


@posix
@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o1755])
@pytest.mark.parametrize("kind", ["file", "folder", "behind", "mine", "the folder's owner's"])
def test_security_55_links_of_others_in_a_folder_for_all(folder: Path, tmp_path: Path, mode: int, kind: str) -> None:
    """Security 55: where everybody may plant links, only those of this user and of the folder's owner are followed."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a link away")
    shared, own = folder / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(mode)
    own.mkdir()
    (own / "f").write_bytes(b"old")
    link, path = shared / "link", shared / "link"
    if kind == "folder":
        link.symlink_to(own)
        path = link / ".." / "own" / "f"
    elif kind == "behind":
        link.symlink_to(os.path.relpath(own / "f", shared))
        path = tmp_path / "mine"
        path.symlink_to(link)
    else:
        link.symlink_to(own / "f")
    if kind == "the folder's owner's":
        os.chown(shared, 1234, 1234)
        os.chown(link, 1234, 1234, follow_symlinks=False)
    elif kind != "mine":
        os.chown(link, 4321, 4321, follow_symlinks=False)
    if mode == 0o1777 and kind in {"file", "folder", "behind"}:
        with pytest.raises(PermissionError, match="link"):
            FileSink(str(path))
        assert ([b"old"], ["link"]) == ([(own / name).read_bytes() for name in names_in(own)], names_in(shared))
    else:
        save(path, b"new")
        assert b"new" == (own / "f").read_bytes()


@posix
@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6644, 0o1644])
def test_security_53_a_download_runs_as_nobody_else(folder: Path, mode: int) -> None:
    """Security 53: setuid and setgid of the old file are not those of what a server has sent."""
    path = folder / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    save(path, b"new")

    assert mode & 0o777 == stat.S_IMODE(path.stat().st_mode)
