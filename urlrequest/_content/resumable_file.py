"""ResumableFileSink: a download that can be continued, kept beside its target until it is complete (contract 12.3).

Two files lie beside the target: the part file with the bytes, and its sidecar, which says what they are: a hash of the
URL (whose query may be a secret), the validator of the representation, its length, and the mode that the complete file
will have. Killing the process at any
moment leaves either the old file or the new one under the target's name, and a part file that is a true beginning of
what the sidecar describes. Runs on the worker.

Invariants:
    PART-1  The sidecar is written before the first byte of the representation that it describes, and the part file is
            emptied before that. Without a sidecar, or with one that cannot be read, a part file is worthless.
    PART-2  Bytes are appended only from a 206 whose range begins where the part file ends, of the same total length,
            validator and Last-Modified. Without a validator, only where a checksum is to be compared at the end.
    PART-3  One request at a time uses the part file: it holds the system's lock on it from before it reads the sidecar
            until after both files are gone. The lock ends with the process, too.
    PART-4  What cannot become the wanted file is not kept: a wrong checksum, too large, broken framing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from urlrequest import errors
from urlrequest._http.framing import content_length
from urlrequest._http.ranges import content_range, strong_validator
from urlrequest.errors import ChecksumMismatch, ContentTooLarge

from .checksum import new_digest
from .file_sink import FileSink, try_call
from .known_encodings import codings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from urlrequest._http.response_head import ResponseHead

__all__ = ["ResumableFileSink", "part_paths"]

FLUSH_TIME = 1.0  # seconds of a slow download that a killed process may lose
READ_SIZE = 256 * 1024  # bytes read at a time for the checksum
MAX_SIDECAR_SIZE = 64 * 1024  # bytes
MAX_OPEN_ATTEMPTS = 100
RELEASE_TIME = 1.0  # seconds for which a part file is waited for that another request uses
RELEASE_PERIOD = 0.01  # seconds between two looks at it

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | _NO_LINKS


class _Sidecar(NamedTuple):
    """What the sidecar says about the part file."""

    source: str  # the SHA-256 of the URL
    validator: str  # what If-Range compares; "": there is none, and only a checksum proves the join
    total: int | None
    mode: int
    modified: str  # the Last-Modified beside it, or ""


class ResumableFileSink(FileSink):
    """A FileSink whose temporary file outlives the request: the part file."""

    def __init__(self, path: str, checksum: str | None, url: str, check: Callable[[], None]) -> None:
        """Open the part file, or create one.

        Args:
            url: What is downloaded; a part file of any other URL is thrown away.
            check: Called while a long part file is read, or one that is in use is waited for; raises to end that.
        Raises:
            OSError: As of FileSink; or another request uses the part file, or it is not one of ours.
        """
        self._source = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        self._check = check
        self._sidecar: _Sidecar | None = None
        self._total: int | None = None
        self._is_sound = True  # all bytes that were flushed are in the part file, once
        self._flushed_at = monotonic()
        super().__init__(path, checksum)

    def _open_temporary(self, folder: str) -> int:  # noqa: ARG002 - part_paths() finds it
        part, self._sidecar_path = part_paths(self._path)
        for _ in range(MAX_OPEN_ATTEMPTS):
            descriptor = self._open_released(part)
            try:
                if not _is_same_file(descriptor, part):
                    continue  # the request that had it before has put it in the target's place meanwhile
                self._sidecar = self._read_sidecar(os.fstat(descriptor).st_size)
                if self._sidecar is None and os.fstat(descriptor).st_size:
                    self.note = "starts over: the part that is here is of something else"
                    _unlink_locked(descriptor, part)  # the next attempt creates it, with the mode of new files
                    descriptor = -1
                    continue
                if self._sidecar is not None and self._final_mode is None:
                    self._final_mode = self._sidecar.mode
                self._temporary = part
                kept, descriptor = descriptor, -1
                return kept
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, "other requests keep taking the part file", part)

    def _open_released(self, part: str) -> int:
        """Open the part file. A request that was cancelled a moment ago, and is continued by this, lets go of it."""
        until = monotonic() + RELEASE_TIME
        while True:
            try:
                return _open_part(part)
            except BlockingIOError:
                if monotonic() >= until:
                    raise
            self._check()
            sleep(RELEASE_PERIOD)

    # What to request, and whether the response fits

    def start_over(self) -> None:
        """Give up a part that has turned out to be of another version."""
        self._empty()
        self.note = "starts over: the part was of another version, as the checksum shows"

    def go_on(self) -> bool:
        """Prepare for another request for the rest, or for the whole, after a response that broke off."""
        if self._sidecar is None:
            self._size = 0  # nothing says what these bytes belong to
        self._flush()
        return True

    def range_fields(self) -> list[tuple[str, str]]:
        self.offset = 0
        if self._sidecar is None:
            return []
        size = os.fstat(self._descriptor).st_size
        # Of a complete part file the last byte is requested again: only a 206 proves that it is still current.
        self.offset = size - 1 if size == self._sidecar.total else size
        if not self.offset:
            return []
        asked = [("Range", f"bytes={self.offset}-")]
        return [*asked, ("If-Range", self._sidecar.validator)] if self._sidecar.validator else asked

    def accepts(self, head: ResponseHead) -> bool:
        if head.status == 204:
            self.offset = 0  # no content comes; what is here is as good as before
            return True
        if self.offset:
            if head.status == 206 and self._fits(head):
                self._continue()
                self.is_unproven = self._sidecar is not None and not self._sidecar.validator
                return True
            if 200 <= head.status < 300 or head.status == 416:
                self.note = f"starts over: the server sent status {head.status} that does not continue the part"
            # A range can also come as a whole body (seen in the wild): 200 with a Content-Range.
            if head.status in {206, 416} or (200 <= head.status < 300 and "Content-Range" in head.headers):
                self._empty()
                return False
        elif head.status == 206:
            raise errors.ProtocolError("the server sent a range (206), but the whole body was requested")
        if 200 <= head.status < 300:
            self._empty()
            self._write_sidecar(head)
        return True

    def _fits(self, head: ResponseHead) -> bool:
        """Whether a 206 continues the part file, to the very end (RFC 9110, sections 14.4 and 15.3.7)."""
        known, sent = self._sidecar, content_range(head)
        if known is None or sent is None or codings_of(head.headers.get("Content-Encoding", "")):
            return False
        total = sent.total if known.total is None else known.total
        if total is None or sent.total not in {None, total}:
            return False
        length = content_length(head)
        is_rest = sent.first == self.offset and sent.last + 1 == total and length in {None, total - self.offset}
        self._total = total
        # Some servers keep an ETag while the file changes (seen in the wild).
        if known.modified and head.headers.get("Last-Modified", known.modified) != known.modified:
            return False
        if not known.validator:
            return is_rest
        # A 206 repeats the ETag; it may leave out other fields (RFC 9110, section 15.3.7).
        if known.validator.startswith('"'):
            return is_rest and head.headers.get("ETag") == known.validator
        return is_rest and head.headers.get("Last-Modified", known.validator) == known.validator

    def _continue(self) -> None:
        os.ftruncate(self._descriptor, self.offset)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if self._checksum is not None:
            self._digest = new_digest(self._checksum)
            while piece := os.read(self._descriptor, READ_SIZE):
                self._digest.update(piece)
                self._check()
        os.lseek(self._descriptor, self.offset, os.SEEK_SET)

    def _empty(self) -> None:
        """Start over: what is here is of no use."""
        self.offset, self._total, self.is_unproven = 0, None, False
        if self._checksum is not None:
            self._digest = new_digest(self._checksum)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._drop_sidecar()

    # The sidecar

    def _read_sidecar(self, size: int) -> _Sidecar | None:
        """The sidecar, if the part file can be continued by it.

        Args:
            size: Of the part file, in bytes.
        """
        import json  # few programs continue downloads

        try:
            descriptor = os.open(self._sidecar_path, os.O_RDONLY | _FLAGS)
            try:
                text = os.read(descriptor, MAX_SIDECAR_SIZE) if _is_ours(descriptor) else b""
            finally:
                os.close(descriptor)
            said = json.loads(text)
            sidecar = _Sidecar(said["source"], said["validator"], said["total"], said["mode"], said.get("modified", ""))
            octets = sidecar.validator.encode("latin-1")
            is_sendable = min(octets, default=0x20) >= 0x20 and 0x7F not in octets
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        is_well_formed = all(map(isinstance, sidecar, (str, str, int | None, int, str)))
        is_mode = is_well_formed and not isinstance(sidecar.mode, bool) and 0 <= sidecar.mode <= 0o777
        if not (is_mode and is_sendable) or sidecar.source != self._source or not (sidecar.validator or self._checksum):
            return None
        is_possible = size and (sidecar.total is None or size <= sidecar.total)
        return sidecar if is_possible else None

    def _write_sidecar(self, head: ResponseHead) -> None:
        validator = strong_validator(head)
        if validator is None and self._checksum is not None:
            validator = ""
        if validator is None:
            self.note = "cannot be continued later: the server sent no strong validator"
            return
        if codings_of(head.headers.get("Content-Encoding", "")) or head.status != 200:
            return
        import json  # as above

        self._total = content_length(head)
        mode = 0o666 if self._final_mode is None else self._final_mode
        modified = head.headers.get("Last-Modified", "")
        sidecar = _Sidecar(self._source, validator, self._total, mode, modified)
        text = json.dumps(sidecar._asdict()).encode()
        try:
            # If this ends halfway, the sidecar is cut off, and so it is not JSON.
            descriptor = os.open(self._sidecar_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            try:
                is_whole = os.write(descriptor, text) == len(text)
            finally:
                os.close(descriptor)
        except OSError:
            return  # the download works without it
        self._sidecar = sidecar if is_whole else None

    def _drop_sidecar(self) -> None:
        self._sidecar = None
        with suppress(OSError):  # as a rule there is none
            os.unlink(self._sidecar_path)

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
            self._drop_sidecar()
            raise errors.IncompleteContent(f"the file has {size} bytes, not the {self._total} that were announced")
        super().commit()

    def _put_in_place(self) -> None:
        if sys.platform == "win32":  # where an open file cannot be renamed or removed
            self._replace_or_keep(None)
            return
        lock_holder = os.dup(self._descriptor)  # PART-3
        try:
            self._replace_or_keep(lock_holder)
        finally:
            os.close(lock_holder)

    def _replace_or_keep(self, descriptor: int | None) -> None:
        """Put the file in place; if that fails, keep the complete part file, so that no byte is downloaded again.

        Args:
            descriptor: The part file, or None where it cannot be open now.
        """
        try:
            super()._put_in_place()
        except OSError:
            if self._is_sound and self._sidecar is not None:
                self._temporary = ""  # it stays
                if descriptor is not None:  # with the mode of the old file it might not be opened again
                    try_call(os.fchmod, descriptor, 0o600)
            else:
                self._drop_sidecar()
            raise
        self._drop_sidecar()

    def _close(self) -> None:
        self._is_sound = False  # unless the system has taken all bytes
        super()._close()
        self._is_sound = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_torn = isinstance(error, errors.BaseProtocolError) and not isinstance(error, errors.IncompleteContent)
        if is_torn or isinstance(error, ChecksumMismatch | ContentTooLarge):
            self._drop_sidecar()  # PART-4
        super().__exit__(kind, error, trace)

    def _remove(self) -> None:
        """Keep the part file if it can be continued."""
        if self._descriptor >= 0 and self._temporary:
            if self._sidecar is not None and self._is_sound:
                with suppress(OSError, ValueError):  # bytes that do not fit on the disk are lost
                    self._flush()
            if self._sidecar is None or not os.fstat(self._descriptor).st_size:
                self._drop_sidecar()
                _unlink_locked(self._descriptor, self._temporary)
                self._descriptor = -1
            self._temporary = ""
        super()._remove()


def part_paths(path: str) -> tuple[str, str]:
    """The paths of the part file and of its sidecar for a target, whether they exist or not."""
    folder, name = os.path.split(os.path.realpath(path))
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    part = os.path.join(folder, f".urlrequest-{digest}.part")
    return part, f"{part}.json"


def _open_part(path: str) -> int:
    """Open the part file and lock it. Since its name is predictable, links are not followed.

    Raises:
        BlockingIOError: Another request uses it. OSError: It cannot be opened, is not one of ours, or cannot be locked.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        is_new = True
    except FileExistsError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        is_new = False
    try:
        _check_owner(descriptor, path)
        _lock(descriptor)
    except BaseException as error:
        os.close(descriptor)
        if is_new and not isinstance(error, BlockingIOError):
            with suppress(OSError):  # nobody can use it here: it would lie there for ever
                os.unlink(path)
        raise
    return descriptor


def _check_owner(descriptor: int, path: str) -> None:
    if not _is_ours(descriptor):
        raise OSError(errno.EPERM, "the part file was not created by this program", path)


def _is_ours(descriptor: int) -> bool:
    """Whether it is a regular file of this user with one name at most: no link, device or pipe."""
    status = os.fstat(descriptor)
    is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    # It has none where another request has just put it in the target's place.
    return is_own and stat.S_ISREG(status.st_mode) and status.st_nlink <= 1


def _is_same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _unlink_locked(descriptor: int, path: str) -> None:
    """Remove a file, then close it, so that no other request takes it in between (PART-3)."""
    if sys.platform == "win32":  # where an open file cannot be removed
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(path)
        return
    with suppress(OSError):  # the folder may be gone
        os.unlink(path)
    os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the system's lock on a file.

    Raises:
        BlockingIOError: It is taken.
    """
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_on_windows(descriptor: int) -> None:
    import msvcrt

    # A byte far behind the end, since on Windows even the owner cannot read what is locked.
    os.lseek(descriptor, 2**62, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
    except OSError as error:
        raise BlockingIOError(error.errno, "another request uses the part file") from error
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
