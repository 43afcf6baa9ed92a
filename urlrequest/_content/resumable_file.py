"""ResumableFileSink: a download that can be continued, kept beside its target until it is complete (contract 12.3).

Two neighbours of the target: the part file with the octets, and a note about it: the URL, the validator of the
representation that the octets are of, its length, and the mode that the complete file will have. Killing the process at
any moment leaves either the old file or the new one under the target's name, and a part file that is a true beginning
of what the note names.

Invariants:
    P1  The note is written before the first octet of the representation that it names, and the part file is emptied
        before that. Without a note, or with one that cannot be read, a part file is worth nothing.
    P2  Octets are appended only to a 206 whose range begins where the part ends, of the same total and validator.
    P3  One request at a time has the part file: it holds the system's lock on it from before it reads the note until
        after both names are gone. The lock ends with the process, too.
    P4  What cannot become the wanted file is not kept: a wrong checksum, too large, broken framing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from urlrequest._http.framing import content_length
from urlrequest._http.ranges import content_range, strong_validator
from urlrequest.errors import ChecksumMismatch, ContentTooLarge, IncompleteContent, ProtocolError

from .sinks import FileSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from urlrequest._http.response_head import ResponseHead

__all__ = ["ResumableFileSink", "part_names"]

FLUSH_TIME = 1.0  # seconds of a slow download that a killed process may lose
READ_SIZE = 256 * 1024  # octets read at a time for the checksum
NOTE_LIMIT = 64 * 1024  # octets
OPEN_ATTEMPTS = 100

_LINKS_STAY_OUT = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | _LINKS_STAY_OUT


class _Sidecar(NamedTuple):
    url: str
    validator: str
    total: int | None
    mode: int


class ResumableFileSink(FileSink):
    """A FileSink whose temporary neighbour outlives the request."""

    def __init__(self, path: str, checksum: str | None, url: str, check: Callable[[], None]) -> None:
        """Take the part file, or begin one.

        Args:
            url: What is downloaded; a part of anything else is thrown away.
            check: Ends the reading of a long part, by raising.
        Raises:
            OSError: As of FileSink; or the part file belongs to another request, or is none that we made.
        """
        self._url = url
        self._check = check
        self._note: _Sidecar | None = None
        self._total: int | None = None
        self._is_sound = True  # all octets that were flushed are in the part, once
        self._flushed_at = monotonic()
        super().__init__(path, checksum)

    def _open_temporary(self, folder: str) -> int:  # noqa: ARG002 - part_names() knows it
        part, self._note_path = part_names(self._path)
        for _ in range(OPEN_ATTEMPTS):
            descriptor = _open_part(part)
            try:
                if not _is_same_file(descriptor, part):
                    continue  # whoever had it before us has put it in its place meanwhile
                self._note = self._read_note(os.fstat(descriptor).st_size)
                if self._note is None and os.fstat(descriptor).st_size:
                    _unlink_locked(descriptor, part)  # a new one has the mode that new files have
                    descriptor = -1
                    continue
                if self._note is not None and self._final_mode is None:
                    self._final_mode = self._note.mode
                self._temporary = part
                kept, descriptor = descriptor, -1
                return kept
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, "others keep taking the part file", part)

    # What to ask for, and whether the answer fits

    def range_fields(self) -> list[tuple[str, str]]:
        if self._note is None:
            return []
        size = os.fstat(self._descriptor).st_size
        # Of a part that is whole already, the last octet is asked for again: only a 206 says that it is still true.
        self.offset = size - 1 if size == self._note.total else size
        if not self.offset:
            return []
        return [("Range", f"bytes={self.offset}-"), ("If-Range", self._note.validator)]

    def accepts(self, head: ResponseHead) -> bool:
        if head.status == 204:
            self.offset = 0  # nothing comes; what is here is as good as before
            return True
        if self.offset:
            if head.status == 206 and self._fits(head):
                self._continue()
                return True
            # A slice can also call itself the whole (seen in the wild): 200 with a Content-Range.
            if head.status in {206, 416} or (200 <= head.status < 300 and "Content-Range" in head.headers):
                self._empty()
                return False
        elif head.status == 206:
            raise ProtocolError("the server sent a part (206) of what it was asked to send whole")
        if 200 <= head.status < 300:
            self._empty()
            self._write_note(head)
        return True

    def _fits(self, head: ResponseHead) -> bool:
        """Whether a 206 continues the part, to its very end (RFC 9110, sections 14.4 and 15.3.7)."""
        note, sent = self._note, content_range(head)
        if note is None or sent is None or "Content-Encoding" in head.headers:
            return False
        total = sent.total if note.total is None else note.total
        if total is None or sent.total not in {None, total}:
            return False
        length = content_length(head)
        is_rest = sent.first == self.offset and sent.last + 1 == total and length in {None, total - self.offset}
        self._total = total
        # A 206 repeats the ETag; other fields it may leave out (RFC 9110, section 15.3.7).
        if note.validator.startswith('"'):
            return is_rest and head.headers.get("ETag") == note.validator
        return is_rest and head.headers.get("Last-Modified", note.validator) == note.validator

    def _continue(self) -> None:
        os.ftruncate(self._descriptor, self.offset)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if self._digest is not None:
            while piece := os.read(self._descriptor, READ_SIZE):
                self._digest.update(piece)
                self._check()
        os.lseek(self._descriptor, self.offset, os.SEEK_SET)

    def _empty(self) -> None:
        """Start over: what is here is of no use."""
        self.offset, self._total = 0, None
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._forget_note()

    # The note

    def _read_note(self, size: int) -> _Sidecar | None:
        """What the note says, if the part can be continued by it."""
        import json  # few programs continue downloads

        try:
            descriptor = os.open(self._note_path, os.O_RDONLY | _FLAGS)
            try:
                text = os.read(descriptor, NOTE_LIMIT) if _is_ours(descriptor) else b""
            finally:
                os.close(descriptor)
            said = json.loads(text)
            note = _Sidecar(said["url"], said["validator"], said["total"], said["mode"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        is_well_formed = all(map(isinstance, note, (str, str, int | None, int)))
        if not is_well_formed or note.url != self._url or not size or (note.total is not None and size > note.total):
            return None
        return note

    def _write_note(self, head: ResponseHead) -> None:
        validator = strong_validator(head)
        if validator is None or "Content-Encoding" in head.headers or head.status != 200:
            return
        import json  # as above

        self._total = content_length(head)
        note = _Sidecar(self._url, validator, self._total, 0o666 if self._final_mode is None else self._final_mode)
        text = json.dumps(note._asdict()).encode()
        try:
            # Whatever ends this halfway leaves the beginning of a note, which is no JSON.
            descriptor = os.open(self._note_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            try:
                is_whole = os.write(descriptor, text) == len(text)
            finally:
                os.close(descriptor)
        except OSError:
            return  # the download does not need it
        self._note = note if is_whole else None

    def _forget_note(self) -> None:
        self._note = None
        with suppress(OSError):  # there is none, as a rule
            os.unlink(self._note_path)

    # Writing

    def filled(self, count: int) -> None:
        super().filled(count)
        if monotonic() - self._flushed_at > FLUSH_TIME:
            self._flush()

    def _flush(self) -> None:
        self._is_sound = False
        super()._flush()
        self._is_sound = True
        self._flushed_at = monotonic()

    # The end

    def commit(self) -> None:
        self._flush()
        size = os.fstat(self._descriptor).st_size
        if self._total is not None and size != self._total:
            self._forget_note()
            raise IncompleteContent(f"the file has {size} octets, not the {self._total} that were announced")
        super().commit()

    def _put_in_place(self) -> None:
        if sys.platform == "win32":  # where an open file can be neither renamed nor removed by anybody
            super()._put_in_place()
            self._forget_note()
            return
        keeper = os.dup(self._descriptor)  # P3
        try:
            super()._put_in_place()
            self._forget_note()
        finally:
            os.close(keeper)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_torn = isinstance(error, ProtocolError) and not isinstance(error, IncompleteContent)
        if is_torn or isinstance(error, ChecksumMismatch | ContentTooLarge):
            self._forget_note()  # P4
        super().__exit__(kind, error, trace)

    def _remove(self) -> None:
        """Keep the part if it can be continued."""
        if self._descriptor >= 0 and self._temporary:
            if self._note is not None and self._is_sound:
                with suppress(OSError, ValueError):  # what was received and does not fit on the disk is lost
                    self._flush()
            if self._note is None or not os.fstat(self._descriptor).st_size:
                self._forget_note()
                _unlink_locked(self._descriptor, self._temporary)
                self._descriptor = -1
            self._temporary = ""
        super()._remove()


def part_names(path: str) -> tuple[str, str]:
    """The paths of the part file and of the note for a target, whether they are there or not."""
    folder, name = os.path.split(os.path.realpath(path))
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    part = os.path.join(folder, f".urlrequest-{digest}.part")
    return part, f"{part}.json"


def _open_part(path: str) -> int:
    """Open the part file and take the lock on it. Nobody shall lead us elsewhere by its foreseeable name.

    Raises:
        BlockingIOError: Another request has it. OSError: It cannot be opened, or is none that we made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
    try:
        _check_owner(descriptor, path)
        _lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_owner(descriptor: int, path: str) -> None:
    if not _is_ours(descriptor):
        raise OSError(errno.EPERM, "the part file was not made by us", path)


def _is_ours(descriptor: int) -> bool:
    """Whether it is a plain file of this user, under this one name: no link, device or pipe put there by others."""
    status = os.fstat(descriptor)
    is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    # It has no name any more where another request has just put it in its place.
    return is_own and stat.S_ISREG(status.st_mode) and status.st_nlink <= 1


def _is_same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _unlink_locked(descriptor: int, path: str) -> None:
    """Remove a file and close it, and let nobody take it in between (P3)."""
    if sys.platform == "win32":  # where an open file cannot be removed
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(path)
        return
    with suppress(OSError):  # the folder may be gone
        os.unlink(path)
    os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the system's lock on a file. Raises BlockingIOError when somebody has it."""
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt

    # An octet far behind the end, since Windows keeps even the owner from reading what is locked.
    os.lseek(descriptor, 2**62, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
    except OSError as error:
        raise BlockingIOError(error.errno, "the part file belongs to another request") from error
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
