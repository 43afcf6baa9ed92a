"""PartSink: a download that can be continued, kept beside its target until it is complete (contract 12.3).

Two neighbours of the target: the part file with the octets, and a note about it: the URL, the validator of the
representation that the octets are of, and its length. Killing the process at any moment leaves either the old file or
the new one under the target's name, and a part file that is a true beginning of what the note names.

Invariants:
    P1  The note is written before the first octet of the representation that it names, and the part file is emptied
        before that. Without a note, a part file is worth nothing.
    P2  Octets are appended only to a 206 whose range begins where the part ends, of the same total and validator.
    P3  One request at a time has the part file: it holds the system's lock on it, which ends with the process too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from ._sink import FileSink

if TYPE_CHECKING:
    from ._head import ResponseHead

__all__ = ["PartSink"]

# RFC 9110, section 8.8.2.2: a date is a strong validator only if the representation had not changed for a while.
STRONG_DATE_AGE = 60.0  # seconds

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


class _Note(NamedTuple):
    url: str
    validator: str
    total: int | None


class PartSink(FileSink):
    """A FileSink whose temporary neighbour outlives the request."""

    def __init__(self, path: str, checksum: str | None, url: str) -> None:
        """Take the part file, or begin one.

        Raises:
            BlockingIOError: Another request has it. OSError: As of FileSink.
        """
        self._url = url
        self._note: _Note | None = None
        super().__init__(path, checksum)

    def _open_temporary(self, folder: str) -> int:
        name = hashlib.sha256(os.path.basename(self._path).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._temporary = os.path.join(folder, f".urlrequest-{name}.part")
        self._note_path = f"{self._temporary}.json"
        # Nobody shall lead us elsewhere by a link of this foreseeable name.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        while True:
            descriptor = os.open(self._temporary, flags, 0o666)
            try:
                _lock(descriptor)
                if _is_same_file(descriptor, self._temporary):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                self._temporary = ""  # it is somebody else's
                raise
            os.close(descriptor)  # whoever had it before us has put it in its place meanwhile

    # What to ask for, and whether the answer fits

    def range_fields(self) -> list[tuple[str, str]]:
        size = os.fstat(self._descriptor).st_size
        note = self._read_note()
        if note is None or note.url != self._url or not size or (note.total is not None and size > note.total):
            return []
        self._note = note
        # Of a part that is whole already, the last octet is asked for again: only a 206 says that it is still true.
        self.offset = size - 1 if size == note.total else size
        if not self.offset:
            return []
        return [("Range", f"bytes={self.offset}-"), ("If-Range", note.validator)]

    def accepts(self, head: ResponseHead) -> bool:
        if self.offset:
            if head.status == 206 and self._fits(head):
                self._continue()
                return True
            if head.status in {206, 416}:
                self._empty()
                return False
        if 200 <= head.status < 300:
            self._empty()
            self._write_note(head)
        return True

    def _fits(self, head: ResponseHead) -> bool:
        note, sent = self._note, _CONTENT_RANGE.fullmatch(head.headers.get("Content-Range", "").strip())
        if note is None or sent is None or "Content-Encoding" in head.headers:
            return False
        start, end = int(sent[1]), int(sent[2])
        total = None if sent[3] == "*" else int(sent[3])
        validator = head.headers.get("ETag", note.validator) if note.validator.startswith('"') else note.validator
        return start == self.offset and total == note.total and validator == note.validator and end + 1 == total

    def _continue(self) -> None:
        os.ftruncate(self._descriptor, self.offset)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        if self._digest is not None:
            while piece := os.read(self._descriptor, 1024 * 1024):
                self._digest.update(piece)
        os.lseek(self._descriptor, self.offset, os.SEEK_SET)

    def _empty(self) -> None:
        """Start over: what is here is of no use."""
        self.offset = 0
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._forget_note()

    # The note

    def _read_note(self) -> _Note | None:
        try:
            with open(self._note_path, encoding="utf-8") as file:
                said = json.load(file)
            note = _Note(said["url"], said["validator"], said["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return note if all(map(isinstance, note, (str, str, int | None))) else None

    def _write_note(self, head: ResponseHead) -> None:
        validator = _strong_validator(head)
        length = head.headers.get("Content-Length", "")
        if validator is None or "Content-Encoding" in head.headers or head.status != 200:
            return
        self._note = _Note(self._url, validator, int(length) if length.isdecimal() else None)
        temporary = f"{self._note_path}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self._note._asdict(), file)
        os.replace(temporary, self._note_path)

    def _forget_note(self) -> None:
        self._note = None
        with suppress(OSError):  # there is none, as a rule
            os.unlink(self._note_path)

    # The end

    def commit(self) -> None:
        super().commit()
        self._forget_note()

    def _remove(self) -> None:
        """Keep the part if it can be continued."""
        if self._descriptor >= 0 and self._temporary and self._note is not None:
            with suppress(OSError, ValueError):  # what was received and does not fit on the disk is lost
                self._flush()
            if os.fstat(self._descriptor).st_size:
                self._temporary = ""
        if self._temporary:
            self._forget_note()
        super()._remove()


def _strong_validator(head: ResponseHead) -> str | None:
    """What If-Range may compare (RFC 9110, section 13.1.5)."""
    tag: str = head.headers.get("ETag", "")
    if tag.startswith('"'):
        return tag
    date: str = head.headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(head.headers.get("Date", "")) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return date if not tag and age.total_seconds() >= STRONG_DATE_AGE else None


def _is_same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


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
