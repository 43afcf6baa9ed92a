"""FileSink: a body that becomes a file in one step. It owns its temporary file, on the worker.

Invariant:
    FILE-1  Under the file's own name nothing appears but the complete body, by one `os.replace()`. Whatever else
            happens, the file that was there keeps its content and its times, and the temporary file is removed
            (contract 12.1).
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from time import sleep

from urlrequest._defaults import defaults

from .checksum import compare_digest, new_digest
from .sinks import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from urlrequest._http.response_head import ResponseHead

__all__ = ["FileSink", "check_file_path", "replace_file", "try_call"]

# The disk itself refuses. Any other error of a call that a download can do without is the file system's own matter.
_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EIO, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})

_FOR_ALL = stat.S_ISVTX | stat.S_IWOTH  # the mode of a folder such as /tmp
MAX_STEPS = 1000  # names on the way to a file, those of links among them

WRITE_SIZE = 1024 * 1024  # bytes gathered before they are written: a smaller size costs time (measured)


def check_file_path(file_path: object) -> str | None:
    """The path given by the user, as text.

    Raises:
        TypeError: It is not a path; a number would mean an open descriptor. ValueError: It is empty or has a NUL.
    """
    if file_path is None:
        return None
    if not isinstance(file_path, str | bytes | os.PathLike):
        raise TypeError(f"file_path is {type(file_path).__name__}; a path is needed")
    path = os.fsdecode(file_path)
    if not path or "\0" in path:
        raise ValueError("file_path is empty or has a NUL")
    return path


class FileSink(Sink):
    """Writes a body to a temporary file beside the target, and puts it in the target's place at the end.

    Use it as a context manager: what is not committed is removed.

    Attributes:
        offset: Bytes that are there already; see `ResumableFileSink`.
        note: Why the download starts over, for the user, until it is told.
        is_unproven: Bytes were joined that only the checksum can prove to be of one version.
    """

    note = ""
    is_unproven = False

    def __init__(self, path: str, checksum: str | None = None) -> None:
        """Create the temporary file, so that an unwritable folder is known before anything is sent.

        Args:
            checksum: What the whole file must have, as "sha256:<hex>", from `check_checksum()`.
        Raises:
            OSError: The path is a folder or a special file, or its folder cannot be written to.
        """
        self._path = os.path.realpath(path)  # through a symbolic link, the file it leads to is replaced
        if self._path != os.path.abspath(path):
            check_links(path)
        self._final_mode = _mode_of(self._path)
        self._buffer = bytearray()
        self._view = memoryview(self._buffer)
        self._size = 0
        self._checksum = checksum
        self._digest = None if checksum is None else new_digest(checksum)
        self._temporary = ""
        self.offset = 0
        try:
            self._descriptor = self._open_temporary(os.path.dirname(self._path))
        except OSError as error:
            raise OSError(error.errno, f"file_path cannot be written: {error.strerror}", path) from error
        try:
            self._hide()
        except BaseException:
            self._remove()
            raise

    def _open_temporary(self, folder: str) -> int:
        self._temporary = os.path.join(folder, f".urlrequest-{os.urandom(8).hex()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        return os.open(self._temporary, flags, 0o600)

    def go_on(self) -> bool:
        """Prepare for another response after one that broke off; False: only a resumed download goes on."""
        return False

    def range_fields(self) -> list[tuple[str, str]]:
        """Header fields that ask for the rest only, if there is a beginning; `offset` says how much that is."""
        return []

    def accepts(self, head: ResponseHead) -> bool:  # noqa: ARG002 - see ResumableFileSink
        """Prepare for a response; False: it does not fit what is here, and the whole must be requested again."""
        return True

    def _hide(self) -> None:
        """Keep others from reading the unfinished file, also where a part of an earlier download has another mode."""
        if hasattr(os, "fchmod"):
            if self._final_mode is None:
                self._final_mode = _mode_of_new_files(os.path.dirname(self._path))
            try_call(os.fchmod, self._descriptor, 0o600)

    def expect(self, length: int | None) -> None:
        """Refuse a body for which the disk has no space (contract 12.2).

        Raises:
            OSError: ENOSPC.
        """
        free = _free_space(self._descriptor) if length else None
        if length and free is not None and length > free:
            raise OSError(errno.ENOSPC, f"the body has {length} bytes, the disk has {free} left", self._path)
        if not self._buffer:
            self._buffer = bytearray(WRITE_SIZE if length is None else max(1, min(WRITE_SIZE, length)))
            self._view = memoryview(self._buffer)

    def room(self) -> memoryview:
        if self._size == len(self._view):
            self._flush()
        return self._view[self._size :]

    def filled(self, count: int) -> None:
        self._size += count

    def _flush(self) -> None:
        with self._view[: self._size] as gathered:
            done = 0
            while done < self._size:
                with gathered[done:] as rest:
                    done += os.write(self._descriptor, rest)
            if self._digest is not None:
                self._digest.update(gathered)
        self._size = 0

    def verify(self) -> None:
        """Compare the checksum of the complete body.

        Raises:
            OSError: The disk refused it. ChecksumMismatch: It is not what was wanted.
        """
        self._flush()
        if self._checksum is not None and self._digest is not None:
            compare_digest(self._digest, self._checksum)

    def start_over(self) -> None:
        """Give up what is here; see `ResumableFileSink`."""

    def commit(self) -> None:
        """Put the complete body in the file's place.

        Raises:
            OSError: The disk refused it; the old file is still there. ChecksumMismatch: It is not what was wanted.
        """
        self.verify()
        if defaults.fsync:
            try_call(os.fsync, self._descriptor)
        if self._final_mode is not None and hasattr(os, "fchmod"):
            try_call(os.fchmod, self._descriptor, self._final_mode)
        self._put_in_place()
        if defaults.fsync:
            _sync_folder(os.path.dirname(self._path))

    def _put_in_place(self) -> None:
        self._close()
        replace_file(self._temporary, self._path)
        self._temporary = ""

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)  # a full disk may be reported only here

    def _remove(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):  # the body is given up anyway
                os.close(self._descriptor)
            self._descriptor = -1
        if self._temporary:
            with suppress(OSError):  # the folder may be gone
                os.unlink(self._temporary)
            self._temporary = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()


def try_call(function: Callable[..., object], *arguments: object) -> None:
    """Make a system call that a download can do without: FUSE, CIFS and the drives of WSL refuse some.

    Raises:
        OSError: The disk is full or broken.
    """
    try:
        function(*arguments)
    except OSError as error:
        if error.errno in _DISK_ERRNOS:
            raise


def _free_space(descriptor: int) -> int | None:
    """Bytes that are free on the disk of a file; None: the file system does not say, or says what cannot be."""
    if not hasattr(os, "fstatvfs"):
        return None
    try:
        system = os.fstatvfs(descriptor)
    except OSError:
        return None
    # Some report zeros for all figures, or more free blocks than there are.
    if system.f_frsize <= 0 or not 0 <= system.f_bavail <= system.f_blocks or system.f_blocks <= 0:
        return None
    return system.f_bavail * system.f_frsize


def _sync_folder(folder: str) -> None:
    """Make the new name of a file survive a power cut, where the system can open folders."""
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode_of_new_files(folder: str) -> int:
    """The mode that a new file gets in a folder, by the umask and what the folder says; seen on an empty file.

    Asking for the umask would change it for a moment, for all threads.
    """
    path = os.path.join(folder, f".urlrequest-{os.urandom(8).hex()}.tmp")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        os.unlink(path)
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def check_links(path: str) -> None:
    """Refuse symbolic links that somebody else may have planted, wherever they lead.

    These are links in a folder where everybody may write, and only owners remove what is theirs, such as /tmp: but for
    the links of this user and of the folder's owner. Linux does the same (protected_symlinks), but not for a program
    that reads where a link leads.

    Raises:
        PermissionError: There is such a link.
    """
    if not hasattr(os, "geteuid"):
        return
    folder, rest = os.getcwd(), path.split(os.sep)[::-1]
    if path.startswith(os.sep):
        folder = os.sep
    for _ in range(MAX_STEPS):
        if not rest:
            return
        name = rest.pop()
        if name in {"", os.curdir}:
            continue
        here = os.path.dirname(folder) if name == os.pardir else os.path.join(folder, name)
        try:
            leads_to = os.readlink(here)
        except OSError:  # it is no link
            folder = here
            continue
        owner, around = os.lstat(here).st_uid, os.stat(folder)
        if around.st_mode & _FOR_ALL == _FOR_ALL and owner not in {os.geteuid(), around.st_uid}:
            raise PermissionError(errno.EACCES, "another user's link in a folder for everybody is not followed", here)
        folder = os.sep if leads_to.startswith(os.sep) else folder
        rest += leads_to.split(os.sep)[::-1]


def _mode_of(path: str) -> int | None:
    """The mode of the file that will be replaced; None when there is none.

    What it grants to programs that run the file is left out (setuid and setgid), as where a file is written to.

    Raises:
        OSError: It is a folder, or a special file, which must not be replaced.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "file_path is a folder", path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "file_path is not a regular file", path)
    return mode & 0o777


def replace_file(temporary: str, path: str) -> None:
    """Put a file in the place of another, in one step."""
    attempts = 3 if sys.platform == "win32" else 1
    for attempt in range(attempts):
        try:
            os.replace(temporary, path)
        except PermissionError:
            # On Windows another process may have the file open for a moment: a virus scanner, an indexer.
            if attempt == attempts - 1:
                raise
            sleep(0.02)
        else:
            return
