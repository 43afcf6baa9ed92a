"""Ranges: which bytes of which representation a response has (RFC 9110, section 14). Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from urlrequest import errors

from .fields import LENGTH
from .framing import content_length
from .response_head import excerpt

if TYPE_CHECKING:
    from .response_head import ResponseHead

__all__ = ["check_completeness", "content_range", "strong_validator"]

# RFC 9110, section 8.8.2.2: a date is a strong validator only if the representation had not changed for a while.
MIN_DATE_AGE = 60.0  # seconds

_ASKED = re.compile(rf"bytes[ \t]*=[ \t]*(?:({LENGTH})-({LENGTH})?|-({LENGTH}))", re.IGNORECASE)
_CONTENT_RANGE = re.compile(rf"bytes[ ]({LENGTH})-({LENGTH})/({LENGTH}|\*)", re.IGNORECASE)
_STRONG_TAG = re.compile(r'"[^"\x00-\x20\x7f]*"')


class ContentRange(NamedTuple):
    """Positions of the first and the last byte, both included, and the total; None: the server does not know it."""

    first: int
    last: int
    total: int | None


def content_range(head: ResponseHead) -> ContentRange | None:
    """The range that a response has; None when it has several, or does not say which, or contradicts itself."""
    media_type: str = head.headers.get("Content-Type", "")
    sent = _CONTENT_RANGE.fullmatch(head.headers.get("Content-Range", "").strip(" \t"))
    if sent is None or media_type.strip().lower().startswith("multipart/byteranges"):
        return None
    first, last, total = int(sent[1]), int(sent[2]), None if sent[3] == "*" else int(sent[3])
    if first > last or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)


def strong_validator(head: ResponseHead) -> str | None:
    """What If-Range may compare (RFC 9110, section 13.1.5): a strong ETag, or a date where there is no ETag.

    Neither counts where the server changed the representation less than a minute before: many servers make the tag of
    the time in seconds and the size, and a second change may have the same (Apache calls it weak then).
    """
    tag: str = head.headers.get("ETag", "")
    date: str = head.headers.get("Last-Modified", "")
    age = _age(head, date)
    if tag.startswith(('"', "W/")):  # anything else is no ETag (seen in the wild: one without quotes)
        return tag if _STRONG_TAG.fullmatch(tag) and (age is None or age >= MIN_DATE_AGE) else None
    return date if age is not None and age >= MIN_DATE_AGE else None


def _age(head: ResponseHead, date: str) -> float | None:
    """Seconds from a date to the response, by the server's own clock; None: it does not say."""
    try:
        return (parsedate_to_datetime(head.headers.get("Date", "")) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None


def check_completeness(head: ResponseHead, asked: str | None) -> None:
    """Refuse a success that is only a part of what was asked for, or may be (contract 12.6).

    Args:
        asked: The Range field of the request, or None.
    Raises:
        ProtocolError: It is another part, or a part where the whole was asked for.
    """
    said = head.headers.get("Content-Range")
    sent = content_range(head)
    if head.status != 206:
        # Other units, and none, are what programs use to number the entries of a list.
        is_of_bytes = said is not None and said.strip(" \t").lower().startswith("bytes")
        if is_of_bytes and (sent is None or sent.first != 0 or not _is_whole(sent, head)):
            raise errors.ProtocolError(
                f"the server sent status {head.status} with the Content-Range {excerpt(said or '')}"
            )
        return
    if asked is None:
        raise errors.ProtocolError("the server sent a part (206), but the whole was requested")
    wanted = _ASKED.fullmatch(asked.strip(" \t"))
    if wanted is None:  # several parts, or another unit: the caller knows what may come
        return
    if sent is None:
        what = "no Content-Range" if said is None else f"the Content-Range {excerpt(said)}"
        media_type = head.headers.get("Content-Type", "")
        raise errors.ProtocolError(
            f"the server sent a part (206) with {what} and type {excerpt(media_type)}, for {asked!r}"
        )
    length = content_length(head)
    if not _is_asked(sent, wanted) or length not in {None, sent.last - sent.first + 1}:
        raise errors.ProtocolError(
            f"the server sent {excerpt(said or '')} (length {length}), but {asked!r} was requested"
        )


def _is_whole(sent: ContentRange, head: ResponseHead) -> bool:
    size = sent.last + 1
    return sent.total in {None, size} and content_length(head) == size


def _is_asked(sent: ContentRange, wanted: re.Match[str]) -> bool:
    """Whether a part has the limits of a range that was asked for; where the total is unknown, as far as that goes."""
    first, last, suffix = (None if text is None else int(text) for text in wanted.groups())
    end = None if sent.total is None else sent.total - 1
    if suffix is not None:
        return end is None or (sent.last == end and sent.first == max(0, end + 1 - suffix))
    if first != sent.first:
        return False
    if last is None:
        return end is None or sent.last == end
    return sent.last == last if end is None or last <= end else sent.last == end
